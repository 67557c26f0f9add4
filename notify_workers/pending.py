"""Triggers that Redis holds until PostgreSQL does.

The shim answers once Redis has the event. A broker list alone can lose it (a worker killed between `BRPOP` and its first
statement), so the payload stays in a hash until a worker has committed it; the lifeline rings for entries that are overdue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from redis import RedisError

from notify_workers.errors import StoreUnavailable
from notify_workers.queue import ACCEPT, Bell, envelope
from notify_workers.redis_client import client

PAYLOADS = "doorbell:pending"
"""Hash: trigger id → `<sequence>\\n<payload>`; an empty payload lies in PostgreSQL (`large_payloads`)."""

BY_SEQUENCE = "doorbell:pending:sequence"
"""Sorted set: trigger id by the time in microseconds since which it waits: its sequence, or when it was last rung for."""

SEQUENCE = "doorbell:sequence"

ACCEPTED_TOGETHER = 16
"""Triggers that one bell names at most."""

NEXT_SEQUENCE = """
local time = redis.call('TIME')
local sequence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('GET', KEYS[1]) or '0') + 1)
redis.call('SET', KEYS[1], string.format('%.0f', sequence))
"""
"""Lua that leaves in `sequence` a number above all before it: Redis orders triggers and cancellations among each other.
It is the time in microseconds, so it goes on growing when Redis was flushed."""

ENQUEUE = (
    """
local answers = {}
local count = tonumber(ARGV[1])
for index = 1, count do
    local first = 2 + (index - 1) * 5
    local id, payload, fingerprint = ARGV[first], ARGV[first + 1], ARGV[first + 2]
    local earlier = false
    if fingerprint ~= '' then
        earlier = redis.call('GET', KEYS[4 + index])
        if not earlier then
            local entry = fingerprint .. '\\n' .. id .. '\\n' .. ARGV[first + 4]
            redis.call('SET', KEYS[4 + index], entry, 'PX', ARGV[first + 3])
        end
    end
    if not earlier then
"""
    + NEXT_SEQUENCE
    + """
        redis.call('HSET', KEYS[2], id, string.format('%.0f', sequence) .. '\\n' .. payload)
        redis.call('ZADD', KEYS[3], string.format('%.0f', sequence), id)
    end
    answers[index] = earlier
end
for index = 2 + count * 5, #ARGV do redis.call('LPUSH', KEYS[4], ARGV[index]) end
return answers
"""
)
"""Takes several triggers and the bells for them, all or nothing. Answers for each with nothing, or with the idempotency
entry that was there first; such a trigger is not taken. `arguments` makes its keys and arguments."""


def next_sequence() -> int:
    """A number above all that triggers and cancellations have had before. Raises `StoreUnavailable`."""
    try:
        return int(client().eval(NEXT_SEQUENCE + "return string.format('%.0f', sequence)", 1, SEQUENCE))
    except RedisError as error:
        raise StoreUnavailable("Redis does not answer") from error


@dataclass(frozen=True, slots=True)
class Entry:
    """A trigger for Redis. `payload` is empty when PostgreSQL keeps it; without an idempotency key, `entry_name` and what
    follows it are empty. `keep_milliseconds` is how long the key is remembered."""

    trigger_id: UUID
    payload: bytes
    entry_name: str = ""
    fingerprint: str = ""
    keep_milliseconds: int = 0
    request_id: str = ""


def arguments(entries: Sequence[Entry]) -> tuple[int, list[str | bytes | int]]:
    """For `EVAL` and `EVALSHA`: the number of keys, then keys and arguments."""
    keys: list[str | bytes | int] = [SEQUENCE, PAYLOADS, BY_SEQUENCE, ACCEPT, *(each.entry_name for each in entries)]
    values: list[str | bytes | int] = [len(entries)]
    for each in entries:
        values += (str(each.trigger_id), each.payload, each.fingerprint, each.keep_milliseconds, each.request_id)
    return len(keys), [
        *keys,
        *values,
        *(envelope(bell) for bell in accept_bells([each.trigger_id for each in entries])),
    ]


def accept_bells(trigger_ids: Sequence[UUID]) -> list[Bell]:
    """Bells for triggers that wait; those that came together are accepted together."""
    ids = [str(each) for each in trigger_ids]
    return [
        Bell("accept_triggers", (ids[start : start + ACCEPTED_TOGETHER],))
        for start in range(0, len(ids), ACCEPTED_TOGETHER)
    ]


@dataclass(frozen=True, slots=True)
class Pending:
    trigger_id: UUID
    sequence: int
    payload: bytes


def load(trigger_ids: Sequence[UUID]) -> list[Pending]:
    """Those of the triggers that still wait to be accepted."""
    stored = client().hmget(PAYLOADS, [str(each) for each in trigger_ids]) if trigger_ids else []
    found = []
    for trigger_id, entry in zip(trigger_ids, stored, strict=True):
        if isinstance(entry, bytes):
            sequence, _, payload = entry.partition(b"\n")
            found.append(Pending(trigger_id, int(sequence), payload))
    return found


def remove(trigger_ids: Sequence[UUID]) -> None:
    """Forgets triggers that PostgreSQL now holds."""
    names = [str(each) for each in trigger_ids]
    if names:
        pipeline = client().pipeline()
        pipeline.hdel(PAYLOADS, *names)
        pipeline.zrem(BY_SEQUENCE, *names)
        pipeline.execute()


def overdue(seconds: float, limit: int) -> list[UUID]:
    """Triggers that have waited longer than that, the oldest first. They wait from now on, so that triggers which cannot
    be accepted do not hide those behind them."""
    time, microseconds = client().time()
    now = time * 1_000_000 + microseconds
    names: list[bytes] = client().zrangebyscore(BY_SEQUENCE, 0, now - int(seconds * 1_000_000), 0, limit)  # type: ignore[assignment]
    if names:
        client().zadd(BY_SEQUENCE, dict.fromkeys(names, now), xx=True)
    return [UUID(each.decode()) for each in names]


def count() -> int:
    return int(client().hlen(PAYLOADS))
