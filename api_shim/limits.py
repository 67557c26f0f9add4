"""Rate limits (contract: api-endpoints §1.6): how many requests a second an endpoint answers to one caller.

Requests that arrive together are counted together, in one round trip. Redis being away never refuses anybody.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from hashlib import sha1
from math import floor
from typing import Any
from uuid import UUID

from fastapi import Request
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from api_shim.errors import RateLimited
from notify_workers.settings import settings

TIERS: Mapping[str, int] = {
    **dict.fromkeys(
        (
            *("bulkDeleteUsers", "bulkIdentifyUsers", "bulkSetUserPreferences", "bulkDeleteObjects", "bulkSetObjects"),
            *("bulkAddSubscriptions", "bulkDeleteSubscriptions", "bulkDeleteTenants", "bulkSetTenants"),
            "bulkCreateSchedules",
        ),
        1,
    ),
    **dict.fromkeys(
        (
            *("listWorkflowRecipientRuns", "getWorkflowRecipientRun", "deleteUser", "mergeUser", "deleteTenant"),
            *("listUserInAppFeedItems", "listUserGuides", "resetUserGuideEngagement", "markUserGuideAsUnarchived"),
            *("markUserGuideAsArchived", "markUserGuideAsInteracted", "markUserGuideAsSeen"),
            *("markUserGuideAsArchived (2)", "markUserGuideAsInteracted (2)", "markUserGuideAsSeen (2)"),
            *("archiveMessage", "markMessageInteracted", "markMessageRead", "markMessageSeen"),
            *("unarchiveMessage", "markMessageUnread", "markMessageUnseen"),
            *("unarchiveMessage (2)", "markMessageUnread (2)", "markMessageUnseen (2)"),
            *("bulkUpdateMessagesForChannel", "slackProviderAuthCheck", "slackProviderRevokeAccess"),
            *("listChannelsForSlackProvider", "msTeamsProviderAuthCheck", "msTeamsProviderRevokeAccess"),
            *("listChannelsForMsTeamsProvider", "listTeamsForMsTeamsProvider"),
        ),
        2,
    ),
    **dict.fromkeys(("listMessageDeliveryLogs", "listMessageEvents"), 3),
    **dict.fromkeys(("triggerWorkflow", "cancelWorkflow (2)"), 5),
}
"""Operations whose tier is not that of their kind: 4 for what reads, 3 for what writes."""

READING, WRITING = 4, 3

PER_USER = "listUserInAppFeedItems"
"""Counted for each user, whoever asks."""

MOST_TOGETHER = 128
"""Requests counted in one round trip at most."""

PAUSE = 1.0
"""Seconds for which Redis is not asked after it did not answer."""

TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local waits = {}
for i, key in ipairs(KEYS) do
    local interval, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local next_at = math.max(tonumber(redis.call('GET', key) or 0), now)
    local wait = next_at - tolerance - now
    if wait > 0 then
        waits[i] = math.ceil(wait)
    else
        waits[i] = 0
        local ends = next_at + interval
        redis.call('SET', key, string.format('%.0f', ends), 'PX', math.ceil((ends - now) / 1000) + 1)
    end
end
return waits
"""
"""GCRA, for several keys. Times in microseconds by Redis' clock; answers how long each has to wait, 0 if it may pass."""

_DIGEST = sha1(TAKE.encode(), usedforsecurity=False).hexdigest()

log = logging.getLogger(__name__)

Wanted = tuple[str, int, int]
"""A key, and microseconds: between two requests, and by which requests may come early."""


class Limiter:
    """This process' way to the counts, which all processes share."""

    def __init__(self, client: Redis, rates: Mapping[int, float]) -> None:
        """`rates`: requests a second of each tier."""
        self._client = client
        self._pace = {tier: _pace(rate) for tier, rate in rates.items()}
        self._waiting: list[tuple[Wanted, asyncio.Future[int]]] = []
        self._sender: asyncio.Task[None] | None = None
        self._away_until = 0.0

    async def take(self, tier: int, key: str) -> int:
        """Counts a request. Microseconds that it has to wait, 0 when it may pass."""
        if time.monotonic() < self._away_until:
            return 0
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(((key, *self._pace[tier]), answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._count_all())
        return await answer

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender
        await self._client.aclose()

    async def _count_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                waits = await self._count([wanted for wanted, _ in batch])
                for (_, answer), wait in zip(batch, waits, strict=True):
                    if not answer.done():
                        answer.set_result(wait)
        finally:
            self._sender = None

    async def _count(self, batch: list[Wanted]) -> list[int]:
        """Everybody may pass while Redis does not answer, and for whatever else goes wrong here."""
        values: list[Any] = [key for key, *_ in batch]
        for _, interval, tolerance in batch:
            values += [interval, tolerance]
        try:
            return list(await self._ask(len(batch), values))
        except Exception as error:
            self._away_until = time.monotonic() + PAUSE
            kind = "Redis does not answer" if isinstance(error, RedisError | OSError) else "counting failed"
            log.warning("rates are not limited for %.0f s, %s: %s", PAUSE, kind, error)
            return [0] * len(batch)

    async def _ask(self, count: int, values: list[Any]) -> Any:
        try:
            return await self._client.evalsha(_DIGEST, count, *values)
        except NoScriptError:
            return await self._client.eval(TAKE, count, *values)


def _pace(rate: float) -> tuple[int, int]:
    """Microseconds between two requests, and by which they may come early: a second's worth may come at once."""
    interval = 1_000_000 / rate
    return round(interval), round(interval * max(floor(rate) - 1, 0))


def rates() -> dict[int, float]:
    """Requests a second of each tier, as set."""
    return {tier: float(rate) for tier, rate in enumerate(settings().rate_limit_tiers.split(","), start=1)}


async def take(request: Request, environment: UUID, user_id: str | None) -> None:
    """Counts an authenticated request. Raises 429 when its caller has made too many of its kind."""
    limiter: Limiter | None = request.app.state.limiter
    if limiter is None:
        return
    operation = operation_of(request.scope)
    who = request.path_params.get("user_id", "") if operation == PER_USER else user_id or ""
    tier = tier_of(operation, request.scope["method"])
    wait = await limiter.take(tier, f"doorbell:limit:{environment}:{operation}:{who}")
    if wait:
        raise RateLimited(wait)


def tier_of(operation: str, method: str) -> int:
    return TIERS.get(operation, READING if method == "GET" else WRITING)


def operation_of(scope: Any) -> str:
    """The operation's id in the contract; an empty text for an address that nobody serves."""
    known: str | None = scope["state"].get("operation")
    return known or getattr(scope.get("route"), "operation_id", None) or ""
