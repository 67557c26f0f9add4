from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic_core import to_json
from redis import Redis

from notify_workers import pending
from notify_workers.pending import ACCEPTED_TOGETHER, Entry
from notify_workers.redis_client import client
from tests.engine import Engine


def enqueue(*trigger_ids: UUID, key: str = "", fingerprint: str = "", request_id: str = "") -> list[bytes | None]:
    entries = [Entry(each, to_json({"n": 1}), key, fingerprint, 60_000, request_id) for each in trigger_ids]
    count, values = pending.arguments(entries)
    answers: list[bytes | None] = client().eval(pending.ENQUEUE, count, *values)
    return answers


def test_a_trigger_is_kept_with_its_sequence_until_it_is_removed(engine: Engine) -> None:
    trigger_id = uuid4()
    assert enqueue(trigger_id) == [None]
    (waiting,) = pending.load([uuid4(), trigger_id])
    assert (waiting.trigger_id, waiting.payload) == (trigger_id, b'{"n":1}')
    assert waiting.sequence == int(client().get(pending.SEQUENCE) or 0)
    assert pending.count() == 1
    pending.remove([trigger_id])
    assert (pending.load([trigger_id]), pending.count(), pending.overdue(0, 10)) == ([], 0, [])


def test_sequences_grow_also_when_redis_was_flushed_or_its_clock_stands_still(engine: Engine) -> None:
    ahead = 4_000_000_000_000_000
    client().set(pending.SEQUENCE, ahead)
    ids = [uuid4() for _ in range(3)]
    enqueue(*ids[:2])
    assert [each.sequence for each in pending.load(ids)] == [ahead + 1, ahead + 2]
    client().flushdb()
    enqueue(ids[2])
    seconds, microseconds = client().time()
    (after_flush,) = pending.load(ids)
    assert abs(after_flush.sequence - (seconds * 1_000_000 + microseconds)) < 60_000_000


def test_only_triggers_that_waited_too_long_are_overdue_oldest_first(engine: Engine) -> None:
    ids = [uuid4() for _ in range(3)]
    enqueue(*ids)
    assert pending.overdue(60, 10) == []
    assert pending.overdue(0, 10) == ids


def test_what_was_rung_for_waits_behind_what_was_not(engine: Engine) -> None:
    ids = [uuid4() for _ in range(3)]
    enqueue(*ids)
    assert pending.overdue(0, 2) == ids[:2]
    assert pending.overdue(0, 1) == ids[2:]
    assert set(pending.overdue(0, 3)) == set(ids)


def test_a_trigger_accepted_meanwhile_is_not_overdue_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    trigger_id, zadd = uuid4(), Redis.zadd
    enqueue(trigger_id)

    def accepted_just_before(*arguments: Any, **options: Any) -> Any:
        pending.remove([trigger_id])
        return zadd(*arguments, **options)

    monkeypatch.setattr(Redis, "zadd", accepted_just_before)
    assert pending.overdue(0, 10) == [trigger_id]
    assert pending.overdue(0, 10) == []


def test_triggers_enqueued_together_get_one_bell_for_several(engine: Engine) -> None:
    ids = [uuid4() for _ in range(ACCEPTED_TOGETHER + 1)]
    assert enqueue(*ids) == [None] * len(ids)
    first, second = engine.bells()
    assert (first.task, first.args) == ("accept_triggers", ([str(each) for each in ids[:ACCEPTED_TOGETHER]],))
    assert second.args == ([str(ids[-1])],)


def test_a_repeated_idempotency_key_gets_the_first_answer_and_starts_nothing(engine: Engine) -> None:
    first, second = uuid4(), uuid4()
    assert enqueue(first, key="idempotency:a", fingerprint="f", request_id="req_1") == [None]
    assert enqueue(second, key="idempotency:a", fingerprint="f") == [f"f\n{first}\nreq_1".encode()]
    assert pending.load([second]) == []
    assert 0 < client().pttl("idempotency:a") <= 60_000


def test_nothing_to_load_or_remove_is_no_request(engine: Engine) -> None:
    pending.remove([])
    assert pending.load([]) == pending.load([uuid4()]) == []
