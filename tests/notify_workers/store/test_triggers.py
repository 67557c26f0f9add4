from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from notify_workers.store import triggers
from notify_workers.store.session import transaction
from tests.engine import Engine


def test_a_payload_is_kept_as_it_came_and_the_first_one_stays(engine: Engine) -> None:
    trigger_id, body = uuid4(), bytes(range(256)) * 4096
    with transaction() as tx:
        triggers.keep_payload(tx, trigger_id, body)
        triggers.keep_payload(tx, trigger_id, b"other")
        assert triggers.get_payload(tx, trigger_id) == body
        triggers.forget_payloads(tx, [trigger_id, uuid4()])
        assert triggers.get_payload(tx, trigger_id) is None
        triggers.forget_payloads(tx, [])


def test_a_payload_is_old_after_its_time(engine: Engine) -> None:
    trigger_id = uuid4()
    with transaction() as tx:
        triggers.keep_payload(tx, trigger_id, b"{}")
    engine.advance(hours=2)
    with transaction() as tx:
        assert triggers.old_payloads(tx, timedelta(hours=3)) == []
        assert triggers.old_payloads(tx, timedelta(hours=1)) == [trigger_id]


def test_a_trigger_is_written_once_and_read_back_whole(engine: Engine) -> None:
    version = engine.publish("hello", [])
    trigger_id = engine.trigger("hello", ["jane"], data={"ü": 1}, tenant="acme", actor="boss", cancellation_key="k")
    engine.drain()
    with transaction() as tx:
        found = triggers.load_trigger(tx, trigger_id)
    assert (found.id, found.workflow_key, found.version_id) == (trigger_id, "hello", version)
    assert (found.recipients, found.data, found.tenant) == ([["$users", "jane", None]], {"ü": 1}, "acme")
    assert found.actor is not None
    assert (found.actor.id, found.cancellation_key, found.sequence > 0) == ("boss", "k", True)
