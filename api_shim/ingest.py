"""Putting triggers into Redis. Requests that arrive together travel together: one round trip, one bell for several.

The answer to each waits for that round trip, so it is given once Redis has the event.
"""

from __future__ import annotations

import asyncio
from hashlib import sha1

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from notify_workers import pending
from notify_workers.errors import StoreUnavailable
from notify_workers.pending import Entry

_DIGEST = sha1(pending.ENQUEUE.encode(), usedforsecurity=False).hexdigest()

MOST_TOGETHER = 128
"""Triggers in one round trip at most."""


class Ingest:
    """This process' way into Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[tuple[Entry, asyncio.Future[bytes | None]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def enqueue(self, trigger: Entry) -> bytes | None:
        """None when Redis now holds the trigger; else the entry of an earlier request with the same idempotency key.

        Raises `StoreUnavailable`; then Redis may or may not hold it, and the request should be repeated with its key.
        """
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((trigger, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await answer

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender
        await self._client.aclose()

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                await self._send(batch)
        finally:
            self._sender = None

    async def _send(self, batch: list[tuple[Entry, asyncio.Future[bytes | None]]]) -> None:
        triggers = [trigger for trigger, _ in batch]
        try:
            answers = await self._round_trip(triggers)
        except Exception as error:  # of any kind: nobody may be left waiting
            away = isinstance(error, RedisError | OSError)
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(StoreUnavailable(f"Redis does not answer: {error}") if away else error)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)

    async def _round_trip(self, triggers: list[Entry]) -> list[bytes | None]:
        count, values = pending.arguments(triggers)
        try:
            answers = await self._client.evalsha(_DIGEST, count, *values)
        except NoScriptError:
            answers = await self._client.eval(pending.ENQUEUE, count, *values)
        return list(answers)
