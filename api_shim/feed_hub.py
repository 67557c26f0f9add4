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
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from redis.asyncio.client import PubSub
from starlette.concurrency import run_in_threadpool

from api_shim.feed_listeners import SERIES, Listener, Reading, Told, pause
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

ALONE_AT_ONCE = 2
"""Feeds whose filters take long that are looked at at the same time: requests need database connections too."""

SWEEPS = 30
"""Parts in which all feeds are looked at."""

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
        self._busy: set[Feed] = set()
        self._alone: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(ALONE_AT_ONCE)

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
                with _heard_anew():
                    await self._pubsub.subscribe(name)

    def leave(self, listener: Listener) -> None:
        """Also of one that is not there any more."""
        audience = self._audiences.get(listener.feed)
        if audience is not None and listener in audience.listeners:
            audience.listeners.remove(listener)
            self._mark(listener.feed)

    def listening(self) -> list[Listener]:
        return [listener for audience in self._audiences.values() for listener in audience.listeners]

    @property
    def tasks(self) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
        """What is to run as long as somebody may listen."""
        return (self._hear, self._sweep, self._tell_when_due)

    async def _hear(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # redis-py raises anything when the connection goes while it writes
                log.warning("feeds are pushed late: %s", kind_and_place(error))
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
        """Some of the feeds each time, so that those that were told of need not wait behind all the others."""
        while True:
            feeds_now = list(self._audiences)
            for part in range(SWEEPS):
                await asyncio.sleep(settings().feed_sweep / SWEEPS)
                for feed in feeds_now[part::SWEEPS]:
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
        try:
            while True:
                now = time.monotonic()
                due = [feed for feed, at in self._due.items() if at <= now and feed not in self._busy][:TOGETHER]
                if due:
                    await self._look(due)
                else:
                    await self._rest(now)
        finally:
            for task in self._alone:
                task.cancel()

    async def _rest(self, now: float) -> None:
        """Until something is due, or may be."""
        self._wake.clear()
        next_at = min((at for feed, at in self._due.items() if feed not in self._busy), default=math.inf)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), min(max(0.0, next_at - now), settings().feed_sweep))

    async def _look(self, due: Sequence[Feed]) -> None:
        """Those whose filters take long are looked at on their own, a few at a time, and hold up nobody."""
        for feed in due:
            self._due.pop(feed, None)
        await self._close([feed for feed in due if self._is_empty(feed)])
        asked = {feed: self._ready(feed) for feed in due}
        for feed, listeners in asked.items():
            if any(each.is_slow for each in listeners):
                self._begin_alone(feed)
        together = {feed: listeners for feed, listeners in asked.items() if listeners and feed not in self._busy}
        if together:
            await self._read(together)

    def _ready(self, feed: Feed) -> list[Listener]:
        """Who has taken all that they were told so far: what others miss they are told later, it need not wait in memory."""
        audience = self._audiences.get(feed)
        if audience is None:
            return []
        ready = [each for each in audience.listeners if each.is_ready()]
        if len(ready) < len(audience.listeners):
            self._mark(feed, settings().feed_interval)
        return ready

    def _begin_alone(self, feed: Feed) -> None:
        self._busy.add(feed)
        task = asyncio.create_task(self._look_alone(feed))
        self._alone.add(task)
        task.add_done_callback(self._alone.discard)

    async def _look_alone(self, feed: Feed) -> None:
        try:
            async with self._gate:
                if listeners := self._ready(feed):
                    await self._read({feed: listeners})
        finally:
            self._busy.discard(feed)
            self._wake.set()

    async def _read(self, asked: Mapping[Feed, Sequence[Listener]]) -> None:
        """Reads and tells. What could not be read together is read one by one, and what cannot be read at all, later."""
        try:
            told, behind = await run_in_threadpool(_news, asked)
        except Exception as error:
            level = logging.WARNING if isinstance(error, StoreUnavailable) else logging.ERROR
            log.log(level, "news of feeds are told late: %s", kind_and_place(error))
            if len(asked) > 1 and not isinstance(error, StoreUnavailable):
                for feed, listeners in asked.items():
                    await self._read({feed: listeners})
            else:
                for feed in asked:
                    self._mark(feed, RETRY)
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
            now = time.monotonic()
            listener.series = listener.series + 1 if now - listener.told_at < SERIES else 1
            audience.told_at = listener.told_at = now
        for event, payload in told.payloads:
            with _heard_anew():
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
            with _heard_anew():
                await self._pubsub.unsubscribe(*names)
                again = [name for name in names if name.encode() in self._feeds]
                if again:
                    await self._pubsub.subscribe(*again)


@contextlib.contextmanager
def _heard_anew() -> Iterator[None]:
    """What fails when the connection to Redis goes, which is then made anew, or when a client goes, concerns nobody else."""
    try:
        yield
    except Exception as error:
        log.info("a feed's listener, or Redis, has gone: %s", kind_and_place(error))


def _news(asked: Mapping[Feed, Sequence[Listener]]) -> tuple[list[tuple[Listener, Told]], list[Feed]]:
    """What each is to be told, and the feeds of which there is more. Whoever is far behind is read for on their own."""
    feeds.settle(asked, wait=False)
    newest = {feed: max(each.sequence for each in listeners) for feed, listeners in asked.items()}
    owing = [feed for feed, listeners in asked.items() if any(each.owed for each in listeners)]
    found: list[tuple[Listener, Told]] = []
    with transaction() as tx:
        news = feeds.news(tx, newest, MOST, always=owing)
        for feed, listeners in asked.items():
            for sequence in {each.sequence for each in listeners}:
                current = (
                    news.get(feed) if sequence == newest[feed] else feeds.news(tx, {feed: sequence}, MOST).get(feed)
                )
                if current is not None:
                    reading = Reading(tx, feed, current)
                    same = [each for each in listeners if each.sequence == sequence]
                    found += [(listener, listener.read(reading)) for listener in same]
                    if current.has_more:
                        news[feed] = replace(news.get(feed, current), has_more=True)
    return found, [feed for feed, each in news.items() if each.has_more]
