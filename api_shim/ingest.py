"""Putting triggers into Redis. Requests that arrive together travel together: one round trip, one bell for several.

The answer to each waits for that round trip, so it is given once Redis has the event.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha1
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError, RedisError

from notify_workers import pending
from notify_workers.errors import StoreUnavailable
from notify_workers.lifeline import ACCEPTED_TOGETHER
from notify_workers.queue import ACCEPT, Bell, envelope

_DIGEST = sha1(pending.ENQUEUE.encode(), usedforsecurity=False).hexdigest()

MOST_TOGETHER = 128
"""Triggers in one round trip at most."""


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A trigger for Redis. `idempotency_entry` is empty when the request had no key; `payload` when PostgreSQL keeps it."""

    trigger_id: UUID
    payload: bytes
    idempotency_entry: str = ""
    fingerprint: str = ""
    keep_milliseconds: int = 0
    request_id: str = ""


class Ingest:
    """This process' way into Redis."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[tuple[Enqueued, asyncio.Future[bytes | None]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def enqueue(self, trigger: Enqueued) -> bytes | None:
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

    async def _send(self, batch: list[tuple[Enqueued, asyncio.Future[bytes | None]]]) -> None:
        triggers = [trigger for trigger, _ in batch]
        try:
            answers = await self._round_trip(triggers)
        except (RedisError, OSError) as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(StoreUnavailable(f"Redis does not answer: {error}"))
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if waiting.done():
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(StoreUnavailable(f"Redis refused the trigger: {answer}"))
            else:
                waiting.set_result(answer)

    async def _round_trip(self, triggers: list[Enqueued]) -> list[bytes | Exception | None]:
        answers = await self._execute(triggers)
        if any(isinstance(answer, NoScriptError) for answer in answers):
            await self._client.script_load(pending.ENQUEUE)
            answers = await self._execute(triggers)
        return answers

    async def _execute(self, triggers: list[Enqueued]) -> list[bytes | Exception | None]:
        pipeline = self._client.pipeline(transaction=True)
        for trigger in triggers:
            _add(pipeline, trigger)
        pipeline.lpush(ACCEPT, *_bells(triggers))
        answers: list[bytes | Exception | None] = await pipeline.execute(raise_on_error=False)
        return answers[: len(triggers)]


def _add(pipeline: Pipeline, trigger: Enqueued) -> None:
    pipeline.evalsha(
        _DIGEST,
        4,
        pending.SEQUENCE,
        pending.PAYLOADS,
        pending.BY_SEQUENCE,
        trigger.idempotency_entry or "doorbell:idempotency:none",
        str(trigger.trigger_id),
        trigger.payload,
        trigger.fingerprint,
        trigger.keep_milliseconds,
        trigger.request_id,
    )


def _bells(triggers: list[Enqueued]) -> list[bytes]:
    ids = [str(trigger.trigger_id) for trigger in triggers]
    return [
        envelope(Bell("accept_triggers", (ids[start : start + ACCEPTED_TOGETHER],)))
        for start in range(0, len(ids), ACCEPTED_TOGETHER)
    ]
