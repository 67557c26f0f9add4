"""Hearing of changes of configuration: told by Redis, and looked for now and then besides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from notify_workers.redis_client import async_client
from notify_workers.resources import CHANGES

log = logging.getLogger(__name__)

LOOK_INTERVAL = 5.0
"""Seconds after which a change is seen even when Redis did not tell of it."""

RETRY = 1.0

Look = Callable[[], Awaitable[None]]


async def follow(look: Look, what: str) -> None:
    """Looks whenever Redis tells of a change, and now and then besides. Runs until cancelled; `what` is for the log."""
    while True:
        await _tried(lambda: _listen(look), what)
        await _tried(look, what)
        await asyncio.sleep(RETRY)


async def _listen(look: Look) -> None:
    """Looks after the subscription, whenever something is told, and when nothing was told for a while."""
    async with async_client() as client, client.pubsub() as listener:
        await listener.subscribe(CHANGES)
        while True:
            await listener.get_message(timeout=LOOK_INTERVAL)
            await look()


async def _tried(do: Callable[[], Awaitable[None]], what: str) -> None:
    try:
        await do()
    except Exception as error:
        log.warning("changes of %s are seen late: %s", what, error)
