"""The timer process: rings for rows whose time has come. Outbox relay, long timer and lifeline in one; run any number."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from redis import RedisError

from notify_workers import api_log, feeds, lifeline, queue
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.settings import settings
from notify_workers.store import due, waits
from notify_workers.store.session import transaction

log = logging.getLogger(__name__)


class Timers:
    """One timer process' memory: how many countdowns it has put into the broker that are not due yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ahead: deque[float] = deque()

    def publish(self) -> int:
        """Rings for at most one chunk of rows. How many.

        Stops while a queue is long: PostgreSQL is the reservoir, the broker stays short. Countdowns are bounded alike,
        because a worker holds them in memory.
        """
        if self._backlog() > settings().queue_bound:
            return 0
        with transaction() as tx:
            waits.wake(tx)
            bells = due.take_publishable(tx, settings().timer_chunk, far=self._room_ahead())
            tx.ring(*bells)
        now = self._clock()
        self._ahead.extend(now + bell.countdown for bell in bells if bell.countdown)
        return len(bells)

    def _backlog(self) -> int:
        return max(queue.length(each) for each in queue.QUEUES)

    def _room_ahead(self) -> bool:
        now = self._clock()
        while self._ahead and self._ahead[0] <= now:
            self._ahead.popleft()
        return len(self._ahead) < settings().queue_bound


def run(stopping: Callable[[], bool]) -> None:
    """Publishes until told to stop. A database or Redis that is away is waited for."""
    timers = Timers()
    next_look = 0.0
    while not stopping():
        try:
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + settings().lifeline_interval
                lifeline.look()
            published = timers.publish()
            api_log.drain()
            feeds.settle_noted()
            if published < settings().timer_chunk:
                time.sleep(settings().timer_interval)
        except (StoreUnavailable, RedisError) as error:
            log.warning("waiting: %s", error)
            time.sleep(1.0)
        except Exception as error:
            log.error("the timer process goes on after an error: %s", kind_and_place(error))
            time.sleep(1.0)
