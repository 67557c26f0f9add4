"""Updates of one entity by batches, at most one a second (contract: api-endpoints §1.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from redis import RedisError

from notify_workers.redis_client import client
from notify_workers.settings import settings

INTERVAL = 1000
"""Milliseconds."""


@contextmanager
def once_a_second(environment: UUID, status: str, ids: Sequence[str]) -> Iterator[set[str]]:
    """Around an update: the messages that were marked so a moment ago. An update that fails does not count.

    None are when Redis does not answer: marking twice does no harm.
    """
    keys = {each: f"update:{environment}:{status}:{each}" for each in ids if settings().limits_rates}
    refused = _taken(keys)
    try:
        yield refused
    except BaseException:
        _give_back([key for each, key in keys.items() if each not in refused])
        raise


def _taken(keys: Mapping[str, str]) -> set[str]:
    if not keys:
        return set()
    try:
        with client().pipeline(transaction=False) as pipe:
            for key in keys.values():
                pipe.set(key, b"1", nx=True, px=INTERVAL)
            answers = pipe.execute()
    except RedisError:
        return set()
    return {each for each, first in zip(keys, answers, strict=True) if not first}


def _give_back(keys: Sequence[str]) -> None:
    with suppress(RedisError):
        if keys:
            client().delete(*keys)
