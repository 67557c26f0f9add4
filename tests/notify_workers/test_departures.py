"""Triggers that are still on their way when somebody they name is deleted, or merged into somebody else."""

from __future__ import annotations

from typing import Any

from notify_workers import recipients
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.recipients import TENANTS, USERS, Reference


def inline(user_id: str) -> dict[str, Any]:
    return {"id": user_id, "email": f"{user_id}@example.com"}


def delete(name: str, collection: str = USERS) -> None:
    with transaction() as tx:
        recipients.delete(tx, DEVELOPMENT, Reference(collection, name))


def merge(secondary: str, primary: str) -> None:
    with transaction() as tx:
        recipients.merge_users(tx, DEVELOPMENT, secondary, primary)


def known(engine: Engine) -> list[str]:
    return [row.id for row in engine.rows("select id from recipients order by id")]


def test_a_trigger_from_before_the_deletion_reaches_nobody_and_makes_nobody(engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    engine.identify("jane", email="jane@example.com")
    engine.trigger("welcome", [inline("jane"), inline("joe")], actor=inline("jane"), tenant="acme")
    delete("jane")
    delete("acme", TENANTS)
    engine.drain()
    assert known(engine) == ["joe"]
    assert [row.recipient_id for row in engine.rows("select recipient_id from recipient_runs")] == ["joe"]
    assert mail.subjects("jane@example.com") == []
    engine.advance(minutes=11)
    assert (known(engine), engine.count("purges")) == (["joe"], 0)


def test_a_trigger_from_after_the_deletion_reaches_who_is_made_anew(engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    engine.identify("jane", email="old@example.com")
    delete("jane")
    engine.trigger("welcome", [inline("jane")])
    engine.drain()
    assert mail.subjects("jane@example.com") == ["Subject of email_1"]


def test_a_trigger_for_the_deleted_alone_is_over_at_once(engine: Engine) -> None:
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", ["jane"])
    delete("jane")
    engine.drain()
    assert (engine.count("triggers"), engine.count("recipient_runs"), engine.count("large_payloads")) == (1, 0, 0)


def test_a_trigger_from_before_merges_to_and_fro_reaches_who_is_left(engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    for name in ("ann", "anne"):
        engine.identify(name, email="ann@example.com")
    engine.trigger("welcome", ["ann", "anne"])
    merge("ann", "anne")
    merge("anne", "ann")
    engine.drain()
    assert [row.recipient_id for row in engine.rows("select recipient_id from recipient_runs")] == ["ann"]
    assert mail.subjects("ann@example.com") == ["Subject of email_1"]


def test_a_trigger_from_before_a_merge_reaches_the_primary_once(engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    for each in ("anon", "jane", "jane2"):
        engine.identify(each, email=f"{each}@example.com")
    engine.trigger("welcome", [{"id": "anon", "email": "late@example.com"}, "jane2"])
    merge("anon", "jane")
    merge("jane", "jane2")
    engine.drain()
    assert known(engine) == ["jane2"]
    assert mail.subjects("jane2@example.com") == ["Subject of email_1"]
    assert engine.count("recipient_runs") == 1


def test_a_fan_out_in_progress_passes_over_who_was_deleted(engine: Engine, change_settings: Any) -> None:
    change_settings(fan_out_chunk=1)
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [inline(each) for each in ("joe", "jane", "jim")])
    (accept,) = engine.bells()
    engine.answer(accept)
    delete("jane")
    engine.drain()
    runs = [row.recipient_id for row in engine.rows("select recipient_id from recipient_runs order by 1")]
    assert (runs, known(engine)) == (["jim", "joe"], ["jim", "joe"])


def test_a_run_that_a_fan_out_in_progress_makes_after_all_is_purged(engine: Engine, change_settings: Any) -> None:
    change_settings(fan_out_chunk=1)
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [inline(each) for each in ("joe", "jane")])
    for bell in engine.bells():
        engine.answer(bell)
    with transaction() as tx:
        recipients.delete(tx, DEVELOPMENT, Reference(USERS, "jane"))
        tx.bells.clear()
    sequence = engine.one("select sequence from purges").sequence
    engine.rows("update purges set sequence = 0 returning id")  # as if the chunk had looked just before the deletion
    engine.drain()
    assert engine.count("recipient_runs") == 2
    engine.rows("update purges set sequence = :sequence returning id", sequence=sequence)
    engine.advance(minutes=11)
    assert [row.recipient_id for row in engine.rows("select recipient_id from recipient_runs")] == ["joe"]
