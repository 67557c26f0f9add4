"""Kills work between any two lines of the engine, as a power failure does: no line after it is executed.

PostgreSQL sees what it would see of a dead process, a transaction that ends without a commit; what was sent to Redis or to
a mail server was sent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import notify_workers

ENGINE = str(Path(notify_workers.__file__).parent)
WHOLE = ("ids.py", "events.py", "settings.py", "catalog.py", "providers/__init__.py", "smtp.py")
"""Files of which a crash cannot cut anything in half that matters: for the ledger a conversation with a server is one line."""

Place = tuple[int, ...]
"""The lines, from the innermost call outwards. Each round of a loop is the same place."""


class Killed(BaseException):
    """No `except Exception` sees it."""


def places_of(work: Callable[[], object]) -> list[Place]:
    """Every place that some work comes to, in order."""
    seen: dict[Place, None] = {}
    _watch(work, lambda frame: seen.setdefault(_place(frame)))
    return list(seen)


def killed_at(place: Place, work: Callable[[], object]) -> bool:
    """Executes work until it comes to that place for the first time. False when it does not come there."""

    def die(frame: FrameType) -> None:
        if frame.f_lineno == place[0] and _place(frame) == place:
            raise Killed

    try:
        _watch(work, die)
    except Killed:
        return True
    return False


def killed_after(lines: int, work: Callable[[], object]) -> bool:
    """Executes that many lines of some work. False when it has no more."""
    left = iter(range(lines))

    def die(frame: FrameType) -> None:
        if next(left, None) is None:
            raise Killed

    try:
        _watch(work, die)
    except Killed:
        return True
    return False


def _watch(work: Callable[[], object], reached: Callable[[FrameType], object]) -> None:
    def trace(frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(ENGINE) or name.endswith(WHOLE):
            return None
        if event == "line":
            reached(frame)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)


def _place(frame: FrameType | None) -> Place:
    lines = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(ENGINE):
            lines.append(frame.f_lineno)
        frame = frame.f_back
    return tuple(lines)
