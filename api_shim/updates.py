"""Updates of one entity by batches, at most one a second (contract: api-endpoints §1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from redis import RedisError

from notify_workers.redis_client import client
from notify_workers.settings import settings

INTERVAL = 1000
"""Milliseconds."""


def too_soon(environment: UUID, status: str, ids: Sequence[str]) -> set[str]:
    """The messages that were marked so a moment ago. None are when Redis does not answer: marking twice does no harm."""
    if not settings().limits_rates or not ids:
        return set()
    try:
        with client().pipeline(transaction=False) as pipe:
            for each in ids:
                pipe.set(f"update:{environment}:{status}:{each}", b"1", nx=True, px=INTERVAL)
            taken = pipe.execute()
    except RedisError:
        return set()
    return {each for each, first in zip(ids, taken, strict=True) if not first}
