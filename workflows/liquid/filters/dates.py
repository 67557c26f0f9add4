"""Moments as text. Replaces the library's `date`, which reads the machine's clock and zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from dateutil.parser import parse  # type: ignore[import-untyped]
from liquid import Markup
from liquid.filter import with_context

from workflows.liquid.context import Context
from workflows.liquid.values import is_nothing
from workflows.windows import zone_of

_NOW = ("now", "today")

_LONGEST_PATTERN = 1_000
_LONGEST_DATE = 100
"""Characters. What is longer is no pattern and no date, and only costs time."""

_RUBY_DIRECTIVE = re.compile(r"%%|%s|%L|%N|%:z")
"""What Liquid's own language has, and the machine's C library has not, or has with the machine's zone."""


@with_context
def date(value: Any, pattern: Any = "", zone: Any = "", *, context: Context) -> Any:
    """`{{ at | date: "%d %B", "Europe/Berlin" }}`. Times without a zone are UTC; what is no date comes back unchanged.

    "now" and "today" are the variable `now`.
    """
    if is_nothing(value):
        return ""
    moment = moment_of(value, context)
    if moment is None or not pattern:
        return "" if value in _NOW else value
    if len(str(pattern)) > _LONGEST_PATTERN:
        raise ValueError(f"a pattern of more than {_LONGEST_PATTERN} characters")
    text = _written(moment.astimezone(zone_of(zone)), str(pattern))
    return Markup(text) if isinstance(pattern, Markup) else text


@with_context
def timezone(value: Any, zone: Any = "", *, context: Context) -> Any:
    """`{{ timestamp | timezone: "America/New_York" }}`: the same moment in ISO-8601, as clocks there show it."""
    moment = None if is_nothing(value) else moment_of(value, context)
    return value if moment is None else moment.astimezone(zone_of(zone)).isoformat()


def moment_of(value: Any, context: Context) -> datetime | None:
    """An aware moment with the offset that it was written with, else UTC; None for what is no date."""
    if value in _NOW:
        value = context.variables.get("now", "")
    if isinstance(value, str):
        return _parsed(value.strip()) if len(value) <= _LONGEST_DATE else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(float(value), UTC)
    return None


def _parsed(text: str) -> datetime | None:
    if text.isdecimal():
        return datetime.fromtimestamp(float(text), UTC)
    try:
        return _aware(datetime.fromisoformat(text))
    except ValueError:
        return _loosely_parsed(text)


def _loosely_parsed(text: str) -> datetime | None:
    """Dates as people write them; what they leave out is taken from the first of January 2000, not from today."""
    try:
        return _aware(parse(text, default=datetime(2000, 1, 1, tzinfo=UTC)))
    except (ArithmeticError, TypeError, ValueError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written(moment: datetime, pattern: str) -> str:
    return moment.strftime(_RUBY_DIRECTIVE.sub(lambda match: _ruby(match[0], moment), pattern))


def _ruby(directive: str, moment: datetime) -> str:
    match directive:
        case "%s":
            return str(int(moment.timestamp()))
        case "%L":
            return f"{moment.microsecond // 1000:03}"
        case "%N":
            return f"{moment.microsecond:06}000"
        case "%:z":
            offset = moment.strftime("%z")
            return f"{offset[:3]}:{offset[3:5]}"
        case _:
            return directive


FILTERS = {"date": date, "timezone": timezone}
