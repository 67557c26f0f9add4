"""Knowing that the process is told to stop: answers without an end must end themselves, or the server waits for them in vain."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_to_stop() -> Iterator[asyncio.Event]:
    """An event that is set as soon as the server is told to stop, and what it did about it before is still done.

    A server in another thread, as tests have it, hears of no signals.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    before = {each: signal.getsignal(each) for each in SIGNALS}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for each in SIGNALS:
        signal.signal(each, stop)
    try:
        yield stopping
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
