from __future__ import annotations

from notify_workers.store import outbox
from notify_workers.store.outbox import Entry
from notify_workers.store.session import transaction
from tests.channels import REACHABLE, step
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import USERS, Reference


def entries() -> list[Entry]:
    with transaction() as tx:
        return outbox.entries(tx)


def test_a_message_is_written_down_once(engine: Engine) -> None:
    engine.publish("hello", [step("sms")])
    engine.trigger("hello", [REACHABLE])
    engine.drain()
    (entry,) = entries()
    with transaction() as tx:
        assert not outbox.put(tx, entry.message_id, "sms", {"another": "payload"})
    assert entries() == [entry]
    assert (entry.environment_id, entry.channel_key, entry.channel_type) == (DEVELOPMENT, "sms", "sms")
    assert entry.recipient == Reference(USERS, "jane")


def test_an_entry_needs_a_message(engine: Engine) -> None:
    with transaction() as tx:
        assert not outbox.put(tx, "no-such-message", "sms", {})
    assert entries() == []


def test_the_newest_entry_stands_first(engine: Engine) -> None:
    engine.publish("hello", [step("sms", text_body="{{ data.n }}")])
    for n in range(3):
        engine.trigger("hello", [REACHABLE], data={"n": n})
        engine.drain()
        engine.advance(seconds=1)
    assert [entry.payload["body"] for entry in entries()] == ["2", "1", "0"]
