"""Waiting for something to happen to the recipient."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.language import JANE, details, equals, function_step, send
from tests.notify_workers.waiting import EVENTS, change_audience, happen, left_behind, wait_step, when
from workflows.recipients import USERS, Identity, Reference

SUBJECT = "{{ refs.wait_1.matched }} {{ refs.wait_1.signal_variables.%s }}"


def publish(engine: Engine, step: dict[str, Any], shows: str = "x") -> None:
    engine.publish("waiting", [step, email_step(subject=SUBJECT % shows)])
    engine.publish("news", [email_step(subject="News")])


def message_event(engine: Engine, status: str, number: int = 0) -> None:
    """Something becomes of a message of the workflow `news`, the oldest unless the test says which."""
    ids = [row.id for row in engine.rows("select id from messages where workflow_key = 'news' order by id")]
    engine.rows(
        "insert into message_events (id, message_id, type, at) values (:id, :message, :type, engine_now()) returning 1",
        id=uuid4().hex[:27],
        message=ids[number],
        type=f"message.{status}",
    )


# What ends a wait


def test_a_message_that_is_seen_ends_the_wait(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("seen"), "event_type")
    send(engine, "news")
    send(engine, "waiting")
    message_event(engine, "read")
    happen(engine)
    assert mail.subjects() == ["News"]
    message_event(engine, "seen")
    happen(engine)
    assert mail.subjects() == ["News", "true message.seen"]
    assert left_behind(engine) == (0, 0)


def test_the_event_of_a_message_says_everything_of_it(engine: Engine) -> None:
    publish(engine, wait_step("seen"))
    send(engine, "news", tenant="acme")
    send(engine, "waiting")
    message_event(engine, "seen")
    happen(engine)
    event = engine.one("select outputs from recipient_runs where workflow_key = 'waiting'").outputs["wait_1"]
    message = engine.one("select * from messages where workflow_key = 'news'")
    del event["signal_variables"]["inserted_at"]
    assert event == {
        "matched": True,
        "signal_variables": {
            "message_id": message.id,
            "event_type": "message.seen",
            "channel_id": str(message.channel_id),
            "channel_type": "email",
            "channel_provider": "smtp",
            "tenant_id": "acme",
            "step_ref": "email_1",
            "recipient": "jane",
            "exec_mode": "live",
            "workflow_run_id": str(message.trigger_id),
            "source": {"type": "workflow", "key": "news"},
            "data": {},
        },
    }


def test_a_workflow_that_starts_ends_the_wait(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("started"), "workflow_key")
    send(engine, "waiting")
    send(engine, "news")
    happen(engine)
    assert sorted(mail.subjects()) == ["News", "true news"]


def test_a_workflow_that_is_completed_ends_the_wait(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("completed"), "notify_data.n")
    engine.publish("news", [delay_step(unit="minutes", value=10)])
    send(engine, "waiting")
    send(engine, "news", data={"n": 7})
    happen(engine)
    assert (engine.statuses(), mail.subjects()) == ({"paused": 2}, [])
    engine.advance(minutes=10)
    engine.tick()
    assert mail.subjects() == ["true 7"]


def test_a_cancelled_workflow_is_not_completed(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("completed"))
    engine.publish("news", [delay_step()])
    send(engine, "waiting")
    send(engine, "news", cancellation_key="k")
    assert engine.cancel("news", "k") == 1
    happen(engine)
    assert mail.subjects() == []


def test_a_changed_recipient_ends_the_wait(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("updated", when("event.properties.plan", "pro")), "properties.plan")
    send(engine, "waiting")
    engine.identify("jane", name="Jane")
    engine.identify("jane", plan="free")
    engine.identify("joe", plan="pro")
    happen(engine)
    assert mail.subjects() == []
    engine.identify("jane", plan="pro")
    happen(engine)
    assert mail.subjects() == ["true pro"]


@pytest.mark.parametrize(("event", "adds"), [("enter", True), ("exit", False)])
def test_entering_or_leaving_an_audience_ends_the_wait(
    event: str, adds: bool, engine: Engine, mail: MailServer
) -> None:
    change_audience(not adds)
    publish(engine, wait_step(event), "audience_id")
    send(engine, "waiting")
    change_audience(adds, key="another")
    change_audience(adds, user="joe")
    happen(engine)
    assert mail.subjects() == []
    change_audience(adds)
    happen(engine)
    assert mail.subjects() == ["true beta"]


# Which events count


def test_of_two_events_the_one_that_matches_is_taken(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("updated", when("event.properties.n", "2")), "properties.n")
    send(engine, "waiting")
    for number in (1, 2, 3):
        engine.identify("jane", n=number)
    happen(engine)
    assert mail.subjects() == ["true 2"]
    evaluated = [each["evaluations"][0]["value"] for each in details(engine, "wait_conditions_evaluated")]
    assert evaluated == [1, 2]


def test_conditions_see_the_run_and_the_event(engine: Engine, mail: MailServer) -> None:
    condition = when("event.properties.order", "data.order")
    publish(engine, wait_step("updated", condition), "properties.order")
    send(engine, "waiting", data={"order": "o-2"})
    engine.identify("jane", order="o-1")
    happen(engine)
    engine.identify("jane", order="o-2")
    happen(engine)
    assert mail.subjects() == ["true o-2"]


def test_what_happened_before_the_wait_does_not_count(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter"))
    change_audience(adds=True)
    send(engine, "waiting")
    happen(engine)
    assert engine.statuses() == {"paused": 1}


def test_an_event_in_the_last_moment_counts(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter"), "audience_id")
    send(engine, "waiting")
    expires = engine.one("select paused_until from recipient_runs").paused_until
    change_audience(adds=True)
    engine.rows("update signals set at = :at returning 1", at=expires)
    engine.advance(minutes=60)
    assert mail.subjects() == ["true beta"]


def test_an_event_after_the_end_does_not_count_even_if_nobody_has_looked(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter"))
    send(engine, "waiting")
    engine.rows("update clock set offset_seconds = offset_seconds + 3601 returning 1")
    change_audience(adds=True)
    happen(engine)
    assert mail.subjects() == []
    assert engine.statuses() == {"completed": 1}
    assert details(engine, "run_halted")[0]["reason"].startswith("nothing matched until ")
    assert left_behind(engine) == (0, 0)


# How it ends


def test_at_its_end_the_wait_ends_the_run(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter"))
    send(engine, "waiting")
    engine.advance(minutes=59)
    assert engine.statuses() == {"paused": 1}
    engine.advance(minutes=1)
    assert (engine.statuses(), mail.subjects(), left_behind(engine)) == ({"completed": 1}, [], (0, 0))


def test_at_its_end_the_run_may_go_on(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter", on_timeout="continue"), "audience_id")
    send(engine, "waiting")
    engine.advance(minutes=60)
    assert mail.subjects() == ["false"]
    assert left_behind(engine) == (0, 0)


def test_a_match_may_end_the_run(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter", on_match="halt", on_timeout="continue"))
    send(engine, "waiting")
    change_audience(adds=True)
    happen(engine)
    engine.advance(minutes=60)
    assert (engine.statuses(), mail.subjects(), left_behind(engine)) == ({"completed": 1}, [], (0, 0))


def test_a_later_branch_goes_by_what_the_wait_found(engine: Engine, mail: MailServer) -> None:
    ways = [
        {
            "name": "In time",
            "conditions": equals("refs.wait_1.matched", "true"),
            "steps": [email_step("a", subject="yes")],
        },
        {"name": "Too late", "steps": [email_step("b", subject="no")]},
    ]
    branch = {"ref": "branch_1", "type": "branch", "branches": ways}
    engine.publish("waiting", [wait_step("enter", on_timeout="continue"), branch])
    send(engine, "waiting", JANE, {**JANE, "id": "joe"})
    change_audience(adds=True)
    happen(engine)
    assert mail.subjects() == ["yes"]
    engine.advance(minutes=60)
    assert mail.subjects() == ["yes", "no"]


def test_a_later_condition_reads_the_event(engine: Engine, mail: MailServer) -> None:
    condition = equals("refs.wait_1.signal_variables.properties.plan", "pro")
    engine.publish("waiting", [wait_step("updated"), {**email_step(), "conditions": condition}])
    send(engine, "waiting", JANE, {**JANE, "id": "joe"})
    engine.identify("jane", plan="pro")
    engine.identify("joe", plan="free")
    happen(engine)
    assert len(mail.messages) == 1


def test_a_parent_waits_for_the_workflow_that_it_has_started(engine: Engine, mail: MailServer) -> None:
    start = function_step("trigger_workflow", workflow_key="news")
    engine.publish("waiting", [start, wait_step("completed"), email_step(subject=SUBJECT % "workflow_key")])
    engine.publish("news", [delay_step(unit="minutes", value=10)])
    send(engine, "waiting")
    engine.advance(minutes=10)
    engine.tick()
    assert mail.subjects() == ["true news"]


def test_two_runs_of_one_recipient_wait_each_for_itself(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("updated", when("event.properties.order", "data.order")), "properties.order")
    send(engine, "waiting", data={"order": 1})
    send(engine, "waiting", data={"order": 2})
    engine.identify("jane", order=2)
    happen(engine)
    assert mail.subjects() == ["true 2"]
    engine.identify("jane", order=1)
    happen(engine)
    assert mail.subjects() == ["true 2", "true 1"]
    assert left_behind(engine) == (0, 0)


def test_one_event_ends_every_wait_for_it(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("enter"), "audience_id")
    for _ in range(3):
        send(engine, "waiting")
    change_audience(adds=True)
    happen(engine)
    assert mail.subjects() == ["true beta"] * 3


def test_two_waits_one_after_the_other_are_two(engine: Engine, mail: MailServer) -> None:
    second = {**wait_step("exit"), "ref": "wait_2"}
    engine.publish("waiting", [wait_step("enter"), second, email_step(subject="{{ refs.wait_2.matched }}")])
    send(engine, "waiting")
    change_audience(adds=True)
    happen(engine)
    assert mail.subjects() == []
    change_audience(adds=False)
    happen(engine)
    assert mail.subjects() == ["true"]


def test_conditions_that_cannot_be_evaluated_fail_the_step_and_lose_no_event(engine: Engine, mail: MailServer) -> None:
    broken = when("data.n", "{{ 1 | divided_by: data.n }}")
    engine.publish("waiting", [wait_step("enter", broken), email_step()])
    send(engine, "waiting", data={"n": 0})
    change_audience(adds=True)
    happen(engine)
    assert engine.count("signals") == 1
    for seconds in (2, 4):
        engine.advance(seconds=seconds)
        engine.release()
    assert len(details(engine, "step_attempt_failed")) == 2
    assert details(engine, "step_failed")[0]["code"] == "template_error"
    assert (engine.statuses(), left_behind(engine)) == ({"completed": 1}, (0, 0))


def test_an_object_waits_for_its_own_events(engine: Engine, mail: MailServer) -> None:
    publish(engine, wait_step("updated"), "properties.n")
    project = {"id": "p1", "collection": "projects", "email": "p1@example.com"}
    send(engine, "waiting", project)
    with transaction() as tx:
        for collection, n in ((USERS, 1), ("projects", 2)):
            identify(tx, [(DEVELOPMENT, Identity(Reference(collection, "p1"), {"n": n}))])
    happen(engine)
    assert mail.subjects() == ["true 2"]


def test_a_message_knows_its_event_in_the_transaction_that_makes_both(engine: Engine, mail: MailServer) -> None:
    event = {**EVENTS["seen"], "event_key": "created"}
    step = wait_step("seen")
    step["settings"]["event"] = event
    publish(engine, step, "event_type")
    send(engine, "waiting")
    send(engine, "news")
    happen(engine)
    assert sorted(mail.subjects()) == ["News", "true message.created"]
