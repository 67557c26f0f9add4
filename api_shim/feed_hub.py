"""Who listens to feeds in this process, and the task that tells them.

Redis tells which feed has changed; what has changed is read from the database, for many feeds at a time, and nobody is told
more often than every `feed_interval`. A feed is looked at as soon as Redis has confirmed that it will tell of it, again and
again after a connection was lost, and now and then besides, so that nothing that Redis did not tell is missed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from redis import RedisError
from redis.asyncio.client import PubSub
from starlette.concurrency import run_in_threadpool

from api_shim.feed_listeners import Listener, Reading, Told, pause
from notify_workers import feeds
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.redis_client import async_client
from notify_workers.settings import settings
from notify_workers.store.feed_changes import Feed
from notify_workers.store.session import transaction

log = logging.getLogger(__name__)

AnyListener = TypeVar("AnyListener", bound=Listener)

ALWAYS = "doorbell:feeds"
"""A Redis channel on which nothing is said: a connection that listens to none cannot be read."""

TOGETHER = 200
"""Feeds that are looked at in one transaction."""

MOST = 500
"""Changes of one feed that are told in one look."""

SUBSCRIBED_AT_ONCE = 500
RETRY = 1.0


@dataclass(eq=False)
class Audience:
    """Who listens to one feed, how many are about to, and when they were last told something (seconds, monotonic)."""

    listeners: list[Listener] = field(default_factory=list)
    expected: int = 0
    told_at: float = 0.0


class FeedHub:
    def __init__(self) -> None:
        self._audiences: dict[Feed, Audience] = {}
        self._feeds: dict[bytes, Feed] = {}
        self._due: dict[Feed, float] = {}
        self._wake = asyncio.Event()
        self._pubsub: PubSub | None = None

    async def enter(self, feed: Feed, make: Callable[[], Awaitable[AnyListener]]) -> AnyListener:
        """Takes in the listener that `make` makes when Redis has been asked to tell of the feed, so that nothing falls in between.

        What came after their `sequence` is told. Raises what `make` raises.
        """
        audience = self._audiences.get(feed)
        if audience is None:
            audience = self._audiences[feed] = Audience()
        audience.expected += 1
        try:
            await self._subscribe(feed)
            listener = await make()
            audience.listeners.append(listener)
        finally:
            audience.expected -= 1
            self._mark(feed)
        return listener

    async def _subscribe(self, feed: Feed) -> None:
        name = feeds.bell_of(feed)
        if name.encode() not in self._feeds:
            self._feeds[name.encode()] = feed
            if self._pubsub is not None:
                with contextlib.suppress(RedisError, OSError):
                    await self._pubsub.subscribe(name)

    def leave(self, listener: Listener) -> None:
        """Also of one that is not there any more."""
        audience = self._audiences.get(listener.feed)
        if audience is not None and listener in audience.listeners:
            audience.listeners.remove(listener)
            self._mark(listener.feed)

    def listening(self) -> list[Listener]:
        return [listener for audience in self._audiences.values() for listener in audience.listeners]

    async def follow(self) -> None:
        """Tells what happens, until cancelled."""
        tasks = [asyncio.create_task(each()) for each in (self._hear, self._sweep, self._tell_when_due)]
        try:
            await asyncio.gather(*tasks)
        finally:
            while pending := [task for task in tasks if not task.done()]:
                for task in pending:
                    task.cancel()
                await asyncio.wait(pending, timeout=0.01)

    async def _hear(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.warning("feeds are pushed late: %s", error)
            finally:
                self._pubsub = None
            await asyncio.sleep(RETRY)

    async def _listen(self) -> None:
        """A confirmation counts as news: it comes again for every feed when the connection was lost and made anew."""
        async with async_client() as client, client.pubsub() as pubsub:
            await pubsub.subscribe(ALWAYS)
            self._pubsub = pubsub
            names = list(self._feeds)
            for start in range(0, len(names), SUBSCRIBED_AT_ONCE):
                await pubsub.subscribe(*names[start : start + SUBSCRIBED_AT_ONCE])
            while True:
                message = await pubsub.get_message(timeout=settings().redis_timeout)
                if message is not None and message["type"] in ("message", "subscribe"):
                    feed = self._feeds.get(message["channel"])
                    if feed is not None:
                        self._mark(feed)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(settings().feed_sweep)
            for feed in list(self._audiences):
                self._mark(feed)

    def _mark(self, feed: Feed, wait: float = 0.0) -> None:
        """Has a feed looked at in `wait` seconds, or as soon as it may be told of again."""
        audience = self._audiences.get(feed)
        if audience is None:
            return
        at = max(time.monotonic() + wait, audience.told_at + settings().feed_interval)
        if at < self._due.get(feed, math.inf):
            self._due[feed] = at
            self._wake.set()

    async def _tell_when_due(self) -> None:
        while True:
            now = time.monotonic()
            due = [feed for feed, at in self._due.items() if at <= now][:TOGETHER]
            if due:
                await self._look(due)
                continue
            self._wake.clear()
            wait = min(self._due.values(), default=now + settings().feed_sweep) - now
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    async def _look(self, due: Sequence[Feed]) -> None:
        """What could not be told is told a little later."""
        for feed in due:
            self._due.pop(feed, None)
        await self._close([feed for feed in due if self._is_empty(feed)])
        asked = {
            feed: list(found.listeners) for feed in due if (found := self._audiences.get(feed)) and found.listeners
        }
        if not asked:
            return
        try:
            told, behind = await run_in_threadpool(_read, asked)
        except Exception as error:
            level = logging.WARNING if isinstance(error, StoreUnavailable) else logging.ERROR
            log.log(level, "news of feeds are told late: %s", kind_and_place(error))
            for feed in asked:
                self._due.setdefault(feed, time.monotonic() + RETRY)
            return
        for listener, news in told:
            self._tell(listener, news)
        for feed in behind:
            self._mark(feed)

    def _tell(self, listener: Listener, told: Told) -> None:
        audience = self._audiences.get(listener.feed)
        if audience is None or listener not in audience.listeners:
            return
        listener.sequence, listener.owed = told.sequence, told.owed
        if told.payloads:
            audience.told_at = listener.told_at = time.monotonic()
        for event, payload in told.payloads:
            listener.push(event, payload)
        if told.owed:
            self._mark(listener.feed, pause(told.owed, settings().feed_interval))

    def _is_empty(self, feed: Feed) -> bool:
        audience = self._audiences.get(feed)
        return audience is not None and not audience.listeners and not audience.expected

    async def _close(self, empty: Sequence[Feed]) -> None:
        """Somebody may come while Redis is told; then it is told again."""
        names = [feeds.bell_of(feed) for feed in empty]
        for feed, name in zip(empty, names, strict=True):
            del self._audiences[feed], self._feeds[name.encode()]
        if names and self._pubsub is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(*names)
                again = [name for name in names if name.encode() in self._feeds]
                if again:
                    await self._pubsub.subscribe(*again)


def _read(asked: Mapping[Feed, Sequence[Listener]]) -> tuple[list[tuple[Listener, Told]], list[Feed]]:
    """What each is to be told, and the feeds of which there is more."""
    since = {feed: min(each.sequence for each in listeners) for feed, listeners in asked.items()}
    owing = [feed for feed, listeners in asked.items() if any(each.owed for each in listeners)]
    found: list[tuple[Listener, Told]] = []
    with transaction() as tx:
        news = feeds.news(tx, since, MOST, always=owing)
        for feed, each in news.items():
            reading = Reading(tx, feed, each)
            found += [(listener, listener.read(reading)) for listener in asked[feed]]
    return found, [feed for feed, each in news.items() if len(each.entries) == MOST]
