from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic_core import to_json

from notify_workers import lifeline, pending, resources, triggers
from notify_workers.errors import StoreUnavailable
from notify_workers.queue import Bell
from notify_workers.redis_client import client
from notify_workers.store import triggers as rows
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away
from tests.notify_workers.kill import killed_at, places_of

ChangeSettings = Callable[..., None]


@pytest.fixture
def hello(engine: Engine) -> Engine:
    """A workflow of one mail whose subject shows the data, the tenant and the actor."""
    subject = "{{ data.what }} {{ recipient.name }} {{ tenant.name }} {{ actor.name }}"
    engine.publish("hello", [email_step(subject=subject)])
    return engine


def user(user_id: str, **properties: Any) -> dict[str, Any]:
    return {"id": user_id, "email": f"{user_id}@example.com", **properties}


def properties(engine: Engine, collection: str, identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.one(
        "select properties from recipients where collection = :collection and id = :id",
        collection=collection,
        id=identifier,
    ).properties
    return found


def large(engine: Engine, payload: dict[str, Any]) -> UUID:
    """A trigger whose payload waits in PostgreSQL, as the shim enqueues it."""
    trigger_id = uuid4()
    with transaction() as tx:
        rows.keep_payload(tx, trigger_id, to_json({"environment_id": str(DEVELOPMENT), "inline": False, **payload}))
    count, values = pending.arguments([pending.Entry(trigger_id, b"")])
    client().eval(pending.ENQUEUE, count, *values)
    return trigger_id


def test_a_trigger_becomes_a_row_a_run_and_a_mail_and_waits_no_more(hello: Engine, mail: MailServer) -> None:
    trigger_id = hello.trigger("hello", [user("jane")], data={"what": "Hi"}, cancellation_key="k")
    hello.drain()
    row = hello.one("select * from triggers")
    assert (row.id, row.environment_id, row.workflow_key) == (trigger_id, DEVELOPMENT, "hello")
    assert (row.recipients, row.data, row.cancellation_key) == ([["$users", "jane", None]], {"what": "Hi"}, "k")
    assert (mail.subjects(), pending.count(), hello.count("due")) == (["Hi"], 0, 0)


def test_inline_recipients_are_merged_deeply_over_what_is_known(hello: Engine) -> None:
    hello.identify("jane", name="Jane", plan={"name": "pro", "seats": 3}, tags=["a"])
    hello.trigger("hello", [user("jane", plan={"seats": 4}, tags=["b"], name=None)])
    hello.drain()
    assert properties(hello, "$users", "jane") == {
        "email": "jane@example.com",
        "name": None,
        "plan": {"name": "pro", "seats": 4},
        "tags": ["b"],
    }


def test_reserved_names_of_an_inline_recipient_are_not_its_properties(hello: Engine) -> None:
    entity = user(
        "jane", preferences={"default": {"channel_types": {"email": True}}}, channel_data={"c": {"tokens": []}}
    )
    hello.trigger("hello", [{**entity, "created_at": "2020-01-01T00:00:00Z", "$trigger_data": {"a": 1}}])
    hello.drain()
    row = hello.one("select * from recipients")
    assert (row.properties, row.channel_data) == ({"email": "jane@example.com"}, {"c": {"tokens": []}})
    assert row.preferences == {"default": {"channel_types": {"email": True}}}
    assert row.created_at.isoformat() == "2020-01-01T00:00:00+00:00"


def test_a_recipient_that_is_only_named_is_not_made(hello: Engine) -> None:
    hello.trigger("hello", ["jane", {"id": "p1", "collection": "projects"}])
    hello.drain()
    assert hello.count("recipients") == 0
    assert hello.statuses() == {"completed": 2}
    assert "step_skipped" in hello.log()


def test_an_inline_object_has_a_run_of_its_own(hello: Engine, mail: MailServer) -> None:
    hello.trigger("hello", [{"id": "p1", "collection": "projects", "email": "team@example.com", "name": "Team"}])
    hello.drain()
    assert mail.subjects("team@example.com") == ["Team"]
    run = hello.one("select collection, recipient_id from recipient_runs")
    assert tuple(run) == ("projects", "p1")


def test_an_actor_is_identified_and_shown(hello: Engine, mail: MailServer) -> None:
    hello.trigger("hello", [user("jane")], actor={"id": "bob", "name": "Bob"})
    hello.drain()
    assert mail.subjects() == ["Bob"]
    assert hello.one("select actors from messages").actors == ["bob"]


@pytest.mark.parametrize(
    ("tenant", "known"),
    [("acme", {}), ({"id": "acme", "name": "Acme", "settings": {"a": 1}}, {"name": "Acme", "settings": {"a": 1}})],
)
def test_a_tenant_is_made_named_or_inline_and_is_on_the_message(
    tenant: Any, known: dict[str, Any], hello: Engine, mail: MailServer
) -> None:
    hello.trigger("hello", [user("jane")], tenant=tenant)
    hello.drain()
    assert properties(hello, "$tenants", "acme") == known
    assert hello.one("select tenant from messages").tenant == "acme"
    assert mail.subjects() == [str(known.get("name", ""))]


def test_naming_a_tenant_changes_nothing_of_what_is_known_of_it(hello: Engine) -> None:
    for tenant in ({"id": "acme", "name": "Acme"}, "acme"):
        hello.trigger("hello", [user("jane")], tenant=tenant)
        hello.drain()
    assert properties(hello, "$tenants", "acme") == {"name": "Acme"}


def test_repeated_recipients_run_once(hello: Engine, mail: MailServer) -> None:
    hello.trigger(
        "hello", [user("jane", name="Jane"), "jane", user("jane", name="Janet"), {"id": "jane", "collection": "$users"}]
    )
    hello.drain()
    assert hello.statuses() == {"completed": 1}
    assert mail.subjects() == ["Janet"]


def test_trigger_data_is_merged_for_its_recipient_alone(hello: Engine, mail: MailServer) -> None:
    bob = {**user("bob"), "$trigger_data": {"what": "Hi Bob"}}
    hello.trigger("hello", [user("jane"), bob], data={"what": "Hi", "n": 1})
    hello.drain()
    assert mail.subjects("jane@example.com") == ["Hi"]
    assert mail.subjects("bob@example.com") == ["Hi Bob"]
    assert hello.one("select data from recipient_runs where recipient_id = 'bob'").data == {"what": "Hi Bob", "n": 1}


def test_a_trigger_accepted_twice_runs_once(hello: Engine, mail: MailServer) -> None:
    hello.trigger("hello", [user("jane")])
    (bell,) = hello.bells()
    for _ in range(3):
        hello.answer(bell)
    hello.drain()
    assert (len(mail.messages), hello.count("triggers")) == (1, 1)


def test_triggers_rung_together_are_all_accepted(hello: Engine, mail: MailServer) -> None:
    ids = [hello.trigger("hello", [user(f"u{number}")]) for number in range(5)]
    list(hello.bells())
    triggers.accept([*ids, uuid4(), ids[0]])
    hello.drain()
    assert sorted(str(each["To"]) for each in mail.messages) == [f"u{number}@example.com" for number in range(5)]


@pytest.mark.parametrize(
    "poison",
    [
        b"not json",
        b"[]",
        b"{}",
        to_json({"environment_id": "x", "workflow": "hello", "recipients": ["jane"]}),
        to_json({"environment_id": str(DEVELOPMENT), "workflow": "hello", "recipients": [{"name": "no id"}]}),
        to_json(
            {"environment_id": str(DEVELOPMENT), "workflow": "hello", "recipients": [{"id": "a", "created_at": "soon"}]}
        ),
        to_json({"environment_id": str(DEVELOPMENT), "workflow": "hello", "recipients": ["a"], "data": {"a": "\0"}}),
    ],
)
def test_a_trigger_that_cannot_be_accepted_stays_and_does_not_hold_up_the_others(
    poison: bytes, hello: Engine, mail: MailServer
) -> None:
    good, bad, later = (hello.trigger("hello", [user(name)]) for name in ("jane", "eve", "bob"))
    client().hset(pending.PAYLOADS, str(bad), b"17\n" + poison)
    list(hello.bells())
    triggers.accept([good, bad, later])
    hello.drain()
    assert sorted(str(each["To"]) for each in mail.messages) == ["bob@example.com", "jane@example.com"]
    assert [each.trigger_id for each in pending.load([good, bad, later])] == [bad]


def test_what_a_poison_trigger_says_does_not_reach_the_log(hello: Engine, caplog: pytest.LogCaptureFixture) -> None:
    bad = hello.trigger("hello", [{"id": "jane", "created_at": "my secret"}])
    hello.drain()
    assert f"trigger {bad} cannot be accepted" in caplog.text
    assert "DataError" in caplog.text
    assert "my secret" not in caplog.text


def test_many_poison_triggers_do_not_hide_an_overdue_one(
    hello: Engine, mail: MailServer, change_settings: ChangeSettings
) -> None:
    change_settings(timer_chunk=3, accept_lease=0.000001)
    for number in range(4):
        bad = hello.trigger("hello", [user("eve")])
        client().hset(pending.PAYLOADS, str(bad), f"{number}\nnot json")
        client().zadd(pending.BY_SEQUENCE, {str(bad): number})
    hello.trigger("hello", [user("jane")])
    list(hello.bells())
    for _ in range(2):
        lifeline.look()
        hello.drain()
    assert [each["To"] for each in mail.messages] == ["jane@example.com"]


def test_a_trigger_of_an_inactive_or_unknown_workflow_starts_nothing_and_waits_no_more(hello: Engine) -> None:
    hello.trigger("hello", [user("jane")])
    hello.trigger("unknown", [user("jane")])
    resources.set_workflow_active(DEVELOPMENT, "hello", False)
    hello.drain()
    assert (pending.count(), hello.count("triggers"), hello.count("recipients")) == (0, 0, 0)


def test_a_workflow_without_steps_completes_its_runs_at_once(engine: Engine) -> None:
    engine.publish("nothing", [])
    engine.trigger("nothing", ["jane", "bob"])
    engine.drain()
    assert engine.statuses() == {"completed": 2}
    assert engine.count("due") == 0


def test_a_large_payload_waits_in_the_database_and_is_forgotten_when_accepted(hello: Engine, mail: MailServer) -> None:
    large(hello, {"workflow": "hello", "recipients": [user("jane")], "data": {"what": "Hi", "text": "x" * 1_000_000}})
    hello.drain()
    assert mail.subjects() == ["Hi"]
    assert (hello.count("large_payloads"), pending.count()) == (0, 0)


def test_a_large_trigger_whose_worker_died_after_the_commit_is_done_and_waits_no_more(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger_id = large(hello, {"workflow": "hello", "recipients": [user("jane")]})
    with monkeypatch.context() as patched:
        patched.setattr(pending, "remove", lambda ids: None)
        hello.drain()
    triggers.accept([trigger_id])
    hello.drain()
    assert (len(mail.messages), pending.count()) == (1, 0)


def test_a_large_payload_that_waited_for_days_is_still_accepted(hello: Engine, mail: MailServer) -> None:
    trigger_id = large(hello, {"workflow": "hello", "recipients": [user("jane")]})
    orphan = uuid4()
    with transaction() as tx:
        rows.keep_payload(tx, orphan, b"{}")
    list(hello.bells())
    hello.advance(days=3)
    lifeline.look()
    assert hello.one("select trigger_id from large_payloads").trigger_id == trigger_id
    triggers.accept([trigger_id])
    hello.drain()
    assert len(mail.messages) == 1


def test_redis_flushed_after_the_acceptance_loses_nothing(hello: Engine, mail: MailServer) -> None:
    hello.trigger("hello", [user(f"u{number}") for number in range(20)])
    (bell,) = hello.bells()
    hello.answer(bell)
    client().flushdb()
    hello.advance(minutes=1)
    hello.advance(minutes=1)
    assert len(mail.messages) == 20
    assert hello.count("due") == 0


def test_a_database_that_is_away_leaves_the_triggers_waiting(
    hello: Engine, mail: MailServer, database_away: Away
) -> None:
    trigger_id = hello.trigger("hello", [user("jane")])
    list(hello.bells())
    with database_away(), pytest.raises(StoreUnavailable):
        triggers.accept([trigger_id])
    assert pending.count() == 1
    triggers.accept([trigger_id])
    hello.drain()
    assert len(mail.messages) == 1


def test_redis_going_away_after_the_acceptance_doubles_nothing(
    hello: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger_id = hello.trigger("hello", [user("jane")])
    list(hello.bells())

    def gone(ids: object) -> None:
        raise ConnectionError("Redis is gone")

    with monkeypatch.context() as patched:
        patched.setattr(pending, "remove", gone)
        with pytest.raises(ConnectionError):
            triggers.accept([trigger_id])
    triggers.accept([trigger_id])
    hello.drain()
    assert (len(mail.messages), pending.count()) == (1, 0)


def test_old_payloads_that_no_trigger_claims_are_forgotten(engine: Engine) -> None:
    with transaction() as tx:
        rows.keep_payload(tx, uuid4(), b"{}")
    engine.advance(hours=23)
    lifeline.look()
    assert engine.count("large_payloads") == 1
    engine.advance(hours=2)
    lifeline.look()
    assert engine.count("large_payloads") == 0
    assert timedelta(days=1) == lifeline.ORPHAN_AGE


def test_a_kill_between_any_two_lines_of_an_acceptance_loses_and_doubles_nobody(
    hello: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(accept_lease=0.000001)
    places = places_of(partial(hello.answer, accept_bell(hello)))
    for place in places:
        killed_at(place, partial(hello.answer, accept_bell(hello)))
    lifeline.look()
    hello.drain()
    hello.advance(minutes=1)
    each = hello.rows("select count(*) as number from messages group by trigger_id")
    assert [row.number for row in each] == [1] * (len(places) + 1)
    assert (pending.count(), hello.count("due")) == (0, 0)


def accept_bell(engine: Engine) -> Bell:
    engine.trigger("hello", [user("jane")], settings={"sandbox_mode": True}, cancellation_key="k", tenant="acme")
    (bell,) = [each for each in engine.bells() if each.task == "accept_triggers"]
    return bell
