"""Send windows: when a channel step may send, in the recipient's wall-clock time (contract: workflow-schema §5.1).

A moment is inside a window when the clock on the wall shows a time in it. So a time that a clock change skips is in no
window, and one that happens twice is inside both times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

from workflows.errors import Problem, WorkflowError
from workflows.model import SendWindow
from workflows.shape import join
from workflows.windows import zone_of

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_CLOCK = re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?")
_END_OF_DAY = re.compile(r"24:00(:00)?")
_MINUTES_OF_DAY = 24 * 60
_HORIZON = timedelta(days=16)
"""Longer than a fortnight: a window of one weekday may fall into a clock change, or on a day that a country skipped."""


class NeverOpens(WorkflowError):
    """No send window ever opens."""

    code = "send_window_never_opens"


def next_opening(windows: tuple[SendWindow, ...], now: datetime, zone: str) -> datetime | None:
    """None when a step may send now (always without windows), otherwise when the next window opens: aware and UTC.

    Raises `NeverOpens` when no day of the week sends.
    """
    local = zone_of(zone)
    if not windows or _is_inside(windows, now, local):
        return None
    for moment in _changes(windows, now.astimezone(UTC), local):
        if _is_inside(windows, moment, local):
            return moment
    raise NeverOpens("no day of the week has a send window")


def _is_inside(windows: tuple[SendWindow, ...], moment: datetime, zone: tzinfo) -> bool:
    clock = moment.astimezone(zone)
    return any(_covers(window, clock) for window in windows if window.weekday == clock.weekday())


def _covers(window: SendWindow, clock: datetime) -> bool:
    shown = clock.time()
    return window.sends and window.opens <= shown and (window.until is None or shown < window.until)


def _changes(windows: tuple[SendWindow, ...], now: datetime, zone: tzinfo) -> list[datetime]:
    """Every moment after `now` at which a window may open: the clock reaches its start, or is put forward or back."""
    today, days = now.astimezone(zone).date(), range(-1, _HORIZON.days)
    starts = (
        datetime.combine(day, window.opens, zone).replace(fold=fold).astimezone(UTC)
        for day in (today + timedelta(days=offset) for offset in days)
        for window in windows
        if window.sends and window.weekday == day.weekday()
        for fold in (0, 1)
    )
    moments = {*starts, *_clock_changes(now, zone)}
    return sorted(moment for moment in moments if moment > now)


def _clock_changes(now: datetime, zone: tzinfo) -> Iterator[datetime]:
    start = now.replace(microsecond=0)
    for day in range(_HORIZON.days):
        before, after = start + timedelta(days=day), start + timedelta(days=day + 1)
        if _offset(before, zone) != _offset(after, zone):
            yield _clock_change(before, after, zone)


def _clock_change(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first whole second with the later offset."""
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(before + timedelta(seconds=middle), zone) == _offset(before, zone):
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def parse_send_window(document: Mapping[str, Any]) -> SendWindow:
    """One day's window from a document without problems. `from` and `until` count only on a day that sends."""
    weekday = DAYS.index(document["day"])
    if document["type"] != "send":
        return SendWindow(weekday, sends=False)
    opens, until = document.get("from"), document.get("until")
    return SendWindow(
        weekday,
        sends=True,
        opens=time(0) if opens is None else _parse_clock(opens) or time(0),
        until=None if until is None or _is_end_of_day(until) else _parse_clock(until),
    )


def send_window_problems(path: str, document: object) -> Iterator[Problem]:
    """Every problem of a step's `send_windows` found at `path`; none for no windows (null, or an empty list)."""
    if document is None or document == []:
        return
    if not isinstance(document, list):
        yield Problem(path, document, "a list of seven send windows, one for each day")
        return
    days = [window.get("day") if isinstance(window, Mapping) else None for window in document]
    missing = [day for day in DAYS if day not in days]
    if missing:
        yield Problem(path, document, f"a window for each day; there is none for {', '.join(missing)}")
    for index, window in enumerate(document):
        yield from _window_problems(join(path, index), window, days[:index])


def _window_problems(path: str, window: object, days_before: list[Any]) -> Iterator[Problem]:
    if not isinstance(window, Mapping):
        yield Problem(path, window, "a send window: an object with day and type")
        return
    day, kind = window.get("day"), window.get("type")
    if day not in DAYS:
        yield Problem(join(path, "day"), day, f"one of {', '.join(DAYS)}")
    elif day in days_before:
        yield Problem(join(path, "day"), day, "one window for each day; this day has one already")
    if kind not in ("send", "do_not_send"):
        yield Problem(join(path, "type"), kind, "send or do_not_send")
    if kind == "send":
        yield from _clock_problems(path, window)


def _clock_problems(path: str, window: Mapping[str, Any]) -> Iterator[Problem]:
    opens, until = window.get("from"), window.get("until")
    expected = "a time such as 09:00 or 09:00:00, or the minutes since midnight"
    start = time(0) if opens is None else _parse_clock(opens)
    if start is None:
        yield Problem(join(path, "from"), opens, expected)
    if until is None or _is_end_of_day(until):
        return
    end = _parse_clock(until)
    if end is None:
        yield Problem(join(path, "until"), until, expected)
    elif start is not None and end <= start:
        yield Problem(join(path, "until"), until, f"a time after the window's start, {start:%H:%M}")


def _is_end_of_day(value: object) -> bool:
    return value == _MINUTES_OF_DAY or (isinstance(value, str) and _END_OF_DAY.fullmatch(value) is not None)


def _parse_clock(value: object) -> time | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return time(value // 60, value % 60) if 0 <= value < _MINUTES_OF_DAY else None
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        return None
    try:
        return time.fromisoformat(value)
    except ValueError:
        return None
