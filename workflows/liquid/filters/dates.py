"""Moments as text. Replaces the library's `date`, which reads the machine's clock and zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dateutil.parser import parse  # type: ignore[import-untyped]
from liquid import Markup, RenderContext, Undefined
from liquid.filter import with_context

from workflows.windows import parse_timestamp, zone_of


@with_context
def date(value: Any, pattern: Any = "", zone: Any = "", *, context: RenderContext) -> Any:
    """`{{ at | date: "%d %B", "Europe/Berlin" }}`. Times without a zone are UTC; what is no date comes back unchanged.

    "now" and "today" are the variable `now`.
    """
    if isinstance(value, Undefined) or value is None:
        return ""
    if value in ("now", "today"):
        value = context.resolve("now", default="")
    moment = _moment(value)
    if moment is None or not pattern:
        return value
    text = moment.astimezone(zone_of(zone)).strftime(str(pattern))
    return Markup(text) if isinstance(pattern, Markup) else text


def _moment(value: Any) -> datetime | None:
    if isinstance(value, int | float) or (isinstance(value, str) and value.isdecimal()):
        return datetime.fromtimestamp(float(value), UTC)
    return parse_timestamp(value) or _loosely_parsed(value)


def _loosely_parsed(value: Any) -> datetime | None:
    """Dates as people write them; what they leave out is taken from the first of January 2000, not from today."""
    try:
        moment: datetime = parse(value, default=datetime(2000, 1, 1, tzinfo=UTC))
    except (ArithmeticError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


FILTERS = {"date": date}
