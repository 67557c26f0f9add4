"""A workflow that starts another one."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers import runner
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.kill import killed_at, places_of
from tests.notify_workers.language import JANE, details, function_step, send

PARENT = (
    "{{ recipient.id }}|{{ actor.id }}|{{ tenant.id }}|{{ data.n }}|{{ workflow.cancellation_key }}|{{ workflow.key }}"
)


def start(workflow: str = "child", ref: str = "trigger_1", **settings: Any) -> dict[str, Any]:
    return function_step("trigger_workflow", ref, workflow_key=workflow, **settings)


def publish(engine: Engine, *before: Any, **settings: Any) -> None:
    engine.publish("child", [*before, email_step(subject=PARENT)])
    engine.publish("parent", [start(**settings)])


def retry(engine: Engine) -> None:
    for seconds in (2, 4):
        engine.advance(seconds=seconds)
        engine.release()


def test_the_child_gets_what_its_parent_has(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    send(engine, "parent", JANE, actor="ann", tenant="acme", data={"n": 7}, cancellation_key="k")
    assert mail.subjects() == ["jane|ann|acme|7|k|child"]
    assert engine.statuses() == {"completed": 2}
    child = engine.one("select id, source from triggers where workflow_key = 'child'")
    parent = engine.one("select id from recipient_runs where workflow_key = 'parent'")
    assert child.source == {"type": "workflow_step", "depth": 1, "run_id": str(parent.id), "step_ref": "trigger_1"}
    assert details(engine, "workflow_triggered") == [{"workflow": "child", "workflow_run_id": str(child.id)}]


def test_the_child_may_get_something_else(engine: Engine, mail: MailServer) -> None:
    publish(
        engine,
        recipients='["{{ data.other }}", {"id": "bob", "email": "bob@example.com"}]',
        actor='{"id": "p1", "collection": "projects"}',
        tenant="umbrella",
        data='{"n": {{ data.n | plus: 1 }}}',
        cancellation_key="{{ workflow.key }}-{{ recipient.id }}",
    )
    engine.identify("ann", email="ann@example.com")
    send(engine, "parent", JANE, data={"n": 7, "other": "ann"})
    assert sorted(mail.subjects()) == [f"{who}|p1|umbrella|8|parent-jane|child" for who in ("ann", "bob")]


def test_an_object_as_recipient_stays_an_object(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    send(engine, "parent", {"id": "p1", "collection": "projects", "email": "p@example.com"})
    assert {row.collection for row in engine.rows("select collection from recipient_runs")} == {"projects"}
    assert len(mail.messages) == 1


def test_each_recipient_of_the_parent_starts_a_child_of_its_own(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    send(engine, "parent", JANE, {**JANE, "id": "joe"}, data={"n": 7})
    assert sorted(subject.split("|")[0] for subject in mail.subjects()) == ["jane", "joe"]
    assert engine.one("select count(*) as number from triggers where workflow_key = 'child'").number == 2


def test_two_steps_start_two_children(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    engine.publish("parent", [start(), start(ref="trigger_2")])
    send(engine, "parent")
    assert len(mail.messages) == 2


def test_a_crash_at_any_place_starts_the_child_once(engine: Engine, mail: MailServer) -> None:
    publish(engine)

    def step_bell() -> Any:
        engine.trigger("parent", [JANE], data={"n": 7})
        (accepting,) = engine.bells()
        engine.answer(accepting)
        return next(iter(engine.bells()))

    bell = step_bell()
    places = places_of(lambda: engine.answer(bell))
    engine.drain()
    for place in places[:: max(1, len(places) // 30)]:
        mail.reset()
        bell = step_bell()
        killed_at(place, lambda bell=bell: engine.answer(bell))  # type: ignore[misc]
        engine.drain()
        engine.advance(seconds=16)
        engine.advance(seconds=16)
        assert len(mail.messages) == 1, place


@pytest.mark.parametrize("exists", [True, False])
def test_a_workflow_that_is_not_active_skips_the_step(exists: bool, engine: Engine, mail: MailServer) -> None:
    publish(engine)
    if exists:
        engine.set_active("child", active=False)
    engine.publish("parent", [start("child" if exists else "unknown"), email_step()])
    send(engine, "parent")
    assert (engine.statuses(), len(mail.messages)) == ({"completed": 1}, 1)
    key = "child" if exists else "unknown"
    assert {"reason": f"there is no active workflow `{key}`"} in details(engine, "step_skipped")


def test_the_newest_version_is_started(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    engine.publish("parent", [delay_step(), start()])
    send(engine, "parent")
    engine.publish("child", [email_step(subject="newest")])
    engine.advance(days=3)
    assert mail.subjects() == ["newest"]


def test_the_child_is_cancelled_by_its_own_workflow_and_its_parents_key(engine: Engine, mail: MailServer) -> None:
    publish(engine, delay_step())
    send(engine, "parent", cancellation_key="k")
    assert engine.cancel("parent", "k") == 0
    assert engine.cancel("child", "k") == 1
    engine.advance(days=3)
    assert mail.messages == []


def test_a_parent_cancelled_before_the_step_starts_nothing(engine: Engine) -> None:
    publish(engine)
    engine.publish("parent", [delay_step(), start()])
    send(engine, "parent", cancellation_key="k")
    assert engine.cancel("parent", "k") == 1
    engine.advance(days=3)
    assert engine.count("triggers") == 1


def test_a_child_started_after_a_cancellation_of_its_key_lives(engine: Engine, mail: MailServer) -> None:
    publish(engine, delay_step())
    engine.publish("parent", [delay_step(), start()])
    send(engine, "parent", cancellation_key="k")
    engine.cancel("child", "k")
    engine.advance(days=3)
    engine.advance(days=3)
    assert len(mail.messages) == 1


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def test_data_that_the_child_does_not_take_fails_the_step_and_leaves_nothing(engine: Engine) -> None:
    engine.publish("child", [email_step()], trigger_data_json_schema=SCHEMA)
    engine.publish("parent", [start(recipients='{"id": "ann", "name": "Ann"}', data='{"n": "7"}')])
    send(engine, "parent")
    retry(engine)
    assert engine.statuses() == {"completed": 1}
    assert details(engine, "step_failed")[0]["message"] == (
        "workflow `child` does not take data.n: '7' is not of type 'integer'"
    )
    assert (engine.count("triggers"), engine.count("recipients")) == (1, 1)


def test_what_a_failing_step_has_started_is_taken_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, mail: MailServer
) -> None:
    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("after the child was made")

    publish(engine, recipients='{"id": "ann", "email": "ann@example.com"}')
    with monkeypatch.context() as patched:
        patched.setattr(runner, "told", fail)
        send(engine, "parent")
    assert (engine.count("triggers"), engine.count("recipient_runs"), engine.count("due")) == (1, 1, 1)
    assert [row.id for row in engine.rows("select id from recipients")] == ["jane"]
    assert list(engine.bells()) == []
    engine.advance(seconds=2)
    engine.release()
    assert len(mail.messages) == 1


def test_workflows_that_start_each_other_without_end_are_stopped(engine: Engine, change_settings: Any) -> None:
    change_settings(max_nesting=3)
    engine.publish("one", [start("two")])
    engine.publish("two", [start("one")])
    send(engine, "one")
    retry(engine)
    assert engine.count("triggers") == 4
    assert engine.statuses() == {"completed": 4}
    assert details(engine, "step_failed")[0]["message"] == (
        "workflows trigger each other 4 deep; DOORBELL_MAX_NESTING allows 3"
    )


def test_the_sandbox_reaches_into_the_child(engine: Engine, mail: MailServer) -> None:
    publish(engine, delay_step())
    send(engine, "parent", settings={"sandbox_mode": True, "skip_delay": True})
    assert (mail.messages, [row.status for row in engine.rows("select status from messages")]) == ([], ["not_sent"])


def test_more_recipients_than_a_trigger_may_have_fail_the_step(engine: Engine, change_settings: Any) -> None:
    change_settings(max_recipients=2)
    publish(engine, recipients="a,b,c")
    send(engine, "parent")
    retry(engine)
    assert details(engine, "step_failed")[0]["message"] == (
        "3 recipients; DOORBELL_MAX_RECIPIENTS allows 2 for one trigger"
    )
