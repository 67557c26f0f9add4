"""Circuit breakers: a provider that fails again and again is passed over for a while, by all workers at once.

After the pause one message tries it; a success closes the breaker, another failure opens it anew. Redis being away closes all.
"""

from __future__ import annotations

import logging

from redis import RedisError

from notify_workers.redis_client import client
from notify_workers.settings import settings

log = logging.getLogger(__name__)

FORGOTTEN = 3600
"""Seconds after which failures without a success in between are forgotten."""


def is_closed(name: str) -> bool:
    """Whether a provider may be asked. True for one caller when the pause is over, who then is to say how it went."""
    try:
        failures, is_open = client().mget(_failures(name), _open(name))
        if is_open is not None:
            return False
        if failures is None or int(failures) < settings().breaker_failures:
            return True
        return bool(client().set(_open(name), "probed", nx=True, px=_pause()))
    except RedisError as error:
        log.warning("breakers cannot be asked: %s", error)
        return True


def tell(name: str, *, failed: bool) -> None:
    """How an attempt went."""
    try:
        if not failed:
            client().delete(_failures(name), _open(name))
            return
        pipeline = client().pipeline(transaction=False)
        pipeline.incr(_failures(name))
        pipeline.expire(_failures(name), FORGOTTEN)
        failures, _ = pipeline.execute()
        if failures >= settings().breaker_failures:
            client().set(_open(name), "failing", px=_pause())
    except RedisError as error:
        log.warning("breakers cannot be told: %s", error)


def _pause() -> int:
    return max(1, int(settings().breaker_pause * 1000))


def _failures(name: str) -> str:
    return f"doorbell:breaker:{name}:failures"


def _open(name: str) -> str:
    return f"doorbell:breaker:{name}:open"
