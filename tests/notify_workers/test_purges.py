"""What is left of a deleted recipient: nothing, and nothing of anybody else's is missing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from sqlalchemy import text

from notify_workers import purges as door
from notify_workers import recipients
from notify_workers.store import subjects
from notify_workers.store.recipients import make_known
from notify_workers.store.session import transaction
from notify_workers.store.subscriptions import upsert
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.test_batches import batch_step
from tests.notify_workers.waiting import wait_step
from workflows.recipients import USERS, Reference

JANE, JOE = Reference(USERS, "jane"), Reference(USERS, "joe")
PROJECT = Reference("projects", "p1")

TABLES = """
    select table_name from information_schema.columns
    where table_schema = 'public' and column_name in ('environment_id', 'collection', 'recipient_id')
    group by table_name having count(*) = 3
"""


def inline(user_id: str) -> dict[str, Any]:
    return {"id": user_id, "email": f"{user_id}@example.com"}


def delete(reference: Reference = JANE) -> None:
    with transaction() as tx:
        recipients.delete(tx, DEVELOPMENT, reference)


def traces(engine: Engine, user_id: str = "jane") -> dict[str, int]:
    """How many rows of which table name the user."""
    found = {}
    for row in engine.rows(TABLES):
        number = engine.one(f"select count(*) as n from {row.table_name} where recipient_id = :id", id=user_id).n
        if number:
            found[row.table_name] = number
    return found


def fill(engine: Engine, *user_ids: str) -> None:
    """Something of everything for each user: sent and queued, waiting and finished, in a batch, once for all."""
    engine.publish("welcome", [email_step()])
    engine.publish("invite", [delay_step(), email_step()])
    engine.publish("digest", [batch_step(minutes=9999), email_step()])
    engine.publish("once", [email_step()], trigger_frequency="once_per_recipient")
    engine.publish("listening", [wait_step("updated", minutes=9999), email_step()])
    people = [inline(each) for each in user_ids]
    for key in ("welcome", "invite", "digest", "digest", "once", "listening"):
        engine.trigger(key, people, tenant="acme", cancellation_key=f"{key}-1")
    engine.drain()
    engine.cancel("welcome", "welcome-1", *user_ids)
    with transaction() as tx:
        make_known(tx, DEVELOPMENT, [PROJECT])
        upsert(tx, DEVELOPMENT, PROJECT, [Reference(USERS, each) for each in user_ids], {"role": "owner"})
        for user_id in user_ids:
            identifier = uuid4()
            for statement in ROWS:
                tx.run(text(statement), environment=DEVELOPMENT, user=user_id, id=identifier)


ROWS = (
    """insert into audience_members (environment_id, audience_key, collection, recipient_id, tenant, added_at)
       values (:environment, 'vips', '$users', :user, '', engine_now())""",
    """insert into guide_engagements (environment_id, collection, recipient_id, guide_key, step_ref, message_id, inserted_at)
       values (:environment, '$users', :user, 'tour', 'step_1', 'guide-' || :user, engine_now())""",
    """insert into messages (id, environment_id, source_type, version_id, workflow_key, step_ref, channel_id, channel_type,
            collection, recipient_id, content, status, inserted_at, updated_at)
       values ('guide-' || :user, :environment, 'guide', :id, 'tour', 'step_1', :id, 'in_app_guide', '$users', :user, '{}', 'sent',
            engine_now(), engine_now())""",
    """insert into schedules (id, environment_id, workflow_key, collection, recipient_id, repeats, starts_at, inserted_at,
            updated_at)
       values (:id, :environment, 'welcome', '$users', :user, '[]', engine_now(), engine_now(), engine_now())""",
    """insert into due (kind, environment_id, subject, due_at, publish_at)
       values ('schedule', :environment, :id, engine_now() + interval '90 days', engine_now() + interval '90 days')""",
    """insert into webhook_deliveries (id, webhook_id, environment_id, type, collection, recipient_id, snapshot, status,
            owed_since, at, created_at)
       values (:id, :id, :environment, 'message.sent', '$users', :user, '{}', 'delivered', engine_now(), engine_now(),
            engine_now())""",
)


def test_nothing_names_a_deleted_user_any_more(engine: Engine, mail: MailServer) -> None:
    fill(engine, "jane", "joe")
    before = traces(engine)
    assert {"recipient_runs", "messages", "entries", "subscriptions", "audience_members", "schedules", "waits"} <= set(
        before
    )
    of_joe = traces(engine, "joe")
    delete()
    engine.drain()
    assert set(traces(engine)) <= {"purges", "cancellations"}
    engine.advance(minutes=11)
    assert traces(engine) == {}
    assert traces(engine, "joe") == of_joe
    assert engine.one("select count(*) as n from due where kind = 'purge'").n == 0


def test_nothing_that_only_a_deleted_user_had_is_left_without_an_owner(engine: Engine) -> None:
    fill(engine, "jane")
    delete()
    engine.drain()
    engine.advance(minutes=11)
    emptied = ("due", "recipient_runs", "run_log", "messages", "message_events", "delivery_attempts", "waits", "signals",
               "batch_items", "batch_windows", "triggers", "schedules", "purges", "webhook_deliveries")  # fmt: skip
    assert {each: engine.count(each) for each in emptied} == dict.fromkeys(emptied, 0)


def test_triggers_of_others_stay(engine: Engine) -> None:
    fill(engine, "jane", "joe")
    number = engine.count("triggers")
    delete()
    engine.advance(minutes=11)
    assert engine.count("triggers") == number
    delete(JOE)
    engine.advance(minutes=11)
    assert engine.count("triggers") == 0


def test_triggers_that_nobody_can_accept_again_go_at_once(engine: Engine) -> None:
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [inline("jane")])
    engine.drain()
    engine.advance(hours=1)
    engine.trigger("welcome", [inline("jane")])
    engine.drain()
    delete()
    engine.drain()
    assert (engine.count("triggers"), len(engine.one("select triggers from purges").triggers)) == (1, 1)
    engine.advance(minutes=11)
    assert engine.count("triggers") == 0


def test_a_purge_takes_many_small_chunks_where_it_is_told_to(engine: Engine, change_settings: Any) -> None:
    change_settings(purge_chunk=2)
    engine.publish("welcome", [email_step()])
    for _ in range(7):
        engine.trigger("welcome", [inline("jane")])
    engine.drain()
    delete()
    assert engine.drain() >= 5
    assert engine.count("messages") == engine.count("recipient_runs") == 0


def test_a_user_who_comes_back_keeps_what_is_new(engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [inline("jane")])
    engine.drain()
    delete()
    engine.trigger("welcome", [inline("jane")])
    engine.drain()
    assert len(mail.subjects()) == 2
    engine.advance(minutes=11)
    assert engine.count("messages") == engine.count("recipient_runs") == engine.count("triggers") == 1
    assert engine.one("select id from recipients").id == "jane"


def test_a_message_that_waits_to_be_sent_is_not_sent(engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [inline("jane")])
    waiting = []
    while bells := list(engine.bells()):
        for bell in bells:
            waiting.append(bell) if bell.task == "deliver" else engine.answer(bell)
    delete()
    assert engine.one("select status from messages").status == "not_sent"
    for bell in waiting:
        engine.answer(bell)
    engine.drain()
    assert mail.subjects() == []
    assert engine.count("messages") == engine.count("due") - 1 == 0


def test_a_run_whose_delivery_is_in_hand_is_purged_when_it_is_not_any_more(engine: Engine) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    engine.trigger("invite", [inline("jane")])
    engine.drain()
    with transaction() as tx:
        tx.run(text("update due set kind = 'delivery', leased_until = clock_timestamp() + interval '1 hour'"))
    delete()
    engine.drain()
    assert engine.count("recipient_runs") == 1
    engine.expire_leases()
    engine.advance(seconds=20)
    assert engine.count("recipient_runs") == 0


def test_a_purge_may_run_twice_late_and_for_nothing(engine: Engine) -> None:
    fill(engine, "jane")
    delete()
    delete()
    purge = engine.one("select d.id, d.subject from due d where kind = 'purge'")
    for _ in range(3):
        door.run(purge.id)
    engine.drain()
    engine.advance(days=1)
    door.run(purge.id)
    with transaction() as tx:
        subjects.owe(tx, "purge", DEVELOPMENT, purge.subject)
    engine.drain()
    assert (traces(engine), engine.count("due")) == ({}, 0)


def test_a_purge_that_is_rung_early_waits_for_its_last_look(engine: Engine) -> None:
    delete()
    engine.drain()
    door.run(engine.one("select id from due").id)
    assert (engine.count("purges"), engine.count("due")) == (1, 1)
    with transaction() as tx:
        tx.run(text("update due set cursor = 7, due_at = engine_now()"))
    door.run(engine.one("select id from due").id)
    assert engine.count("purges") == 1


def test_runs_that_come_late_are_found_by_the_last_look(engine: Engine) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    engine.trigger("invite", [inline("jane")])
    engine.drain()
    delete()
    engine.drain()
    with transaction() as tx:
        tx.run(
            text(
                "insert into recipient_runs (id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id,"
                " status, inserted_at, updated_at) select gen_random_uuid(), environment_id, id, workflow_key, version_id,"
                " '$users', 'jane', 'completed', inserted_at, inserted_at from triggers"
            )
        )
    engine.advance(minutes=11)
    assert (engine.count("recipient_runs"), engine.count("triggers"), traces(engine)) == (0, 0, {})


def test_an_object_takes_its_subscriptions_with_it(engine: Engine) -> None:
    fill(engine, "jane")
    delete(PROJECT)
    assert engine.count("subscriptions") == 0
    assert engine.one("select id from recipients where collection = '$users'").id == "jane"


def test_a_tenant_leaves_the_messages_of_others(engine: Engine) -> None:
    fill(engine, "jane")
    delete(Reference("$tenants", "acme"))
    engine.advance(minutes=11)
    assert engine.rows("select from recipients where collection = '$tenants'") == []
    assert {row.tenant for row in engine.rows("select tenant from recipient_runs")} == {"acme"}
    assert engine.count("messages") > 1
