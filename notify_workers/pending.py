"""Triggers that Redis holds until PostgreSQL does.

The shim answers once Redis has the event. A broker list alone can lose it (a worker killed between `BRPOP` and its first
statement), so the payload stays in a hash until a worker has committed it; the lifeline rings for entries that are overdue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from notify_workers.redis_client import client

PAYLOADS = "doorbell:pending"
"""Hash: trigger id → `<sequence>\\n<payload>`; an empty payload lies in PostgreSQL (`large_payloads`)."""

BY_SEQUENCE = "doorbell:pending:sequence"
"""Sorted set: trigger id by sequence, which is a time in microseconds."""

SEQUENCE = "doorbell:sequence"

NEXT_SEQUENCE = """
local time = redis.call('TIME')
local sequence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('GET', KEYS[1]) or '0') + 1)
redis.call('SET', KEYS[1], string.format('%.0f', sequence))
"""
"""Lua that leaves in `sequence` a number above all before it: Redis orders triggers and cancellations among each other.
It is the time in microseconds, so it goes on growing when Redis was flushed."""

ENQUEUE = (
    """
if ARGV[3] ~= '' then
    local stored = redis.call('GET', KEYS[4])
    if stored then return stored end
    redis.call('SET', KEYS[4], ARGV[3] .. '\\n' .. ARGV[1] .. '\\n' .. ARGV[5], 'PX', ARGV[4])
end
"""
    + NEXT_SEQUENCE
    + """
redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', sequence) .. '\\n' .. ARGV[2])
redis.call('ZADD', KEYS[3], string.format('%.0f', sequence), ARGV[1])
return false
"""
)
"""Keys: sequence, payloads, by-sequence, idempotency entry. Arguments: trigger id, payload, fingerprint of the request
(empty: not idempotent), milliseconds the entry is kept, request id. Returns nothing, or the entry that was there first."""


@dataclass(frozen=True, slots=True)
class Pending:
    trigger_id: UUID
    sequence: int
    payload: bytes


def load(trigger_ids: Sequence[UUID]) -> list[Pending]:
    """Those of the triggers that still wait to be accepted."""
    stored = client().hmget(PAYLOADS, [str(each) for each in trigger_ids])
    found = []
    for trigger_id, entry in zip(trigger_ids, stored, strict=True):  # type: ignore[arg-type]
        if entry is not None:
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
    """The oldest triggers that have waited longer than that."""
    now, microseconds = client().time()  # type: ignore[misc]
    oldest = now * 1_000_000 + microseconds - int(seconds * 1_000_000)
    return [UUID(each.decode()) for each in client().zrangebyscore(BY_SEQUENCE, 0, oldest, 0, limit)]  # type: ignore[union-attr]


def count() -> int:
    return int(client().hlen(PAYLOADS))  # type: ignore[arg-type]
