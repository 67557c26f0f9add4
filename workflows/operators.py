"""What each operator of a condition means for two values (contract: workflow-schema §4.4). No operator raises.

Values are those of JSON; None stands for null and for what is missing, and equals the empty text, which Knock puts in a
missing variable's place. Values of different kinds are never equal and never in order: a text is not a number (`"5"` is not
`5`), and true is not 1. Text is in alphabetical order, or in order of time when both are timestamps. Every `not_` operator
is true exactly where the other one is false, so also where the values' kinds do not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from workflows.model import Duration
from workflows.windows import add_duration, parse_duration, parse_timestamp

Operator = Callable[[Any, Any, datetime], bool]
"""Takes the variable's value, the argument's value, and now (aware)."""

_RELATIVE = re.compile(
    r"(?P<value>\d{1,9})[ _]+(?P<unit>second|minute|hour|day|week|month)s?[ _]+(?P<direction>ago|from[ _]+now)",
    re.IGNORECASE,
)
_BACKWARD = ("ago", "before", "past")


def equal(value: Any, other: Any) -> bool:
    if value is None or other is None:
        return value in (None, "") and other in (None, "")
    if _is_number(value) and _is_number(other):
        return bool(value == other)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(equal, value, other))
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return value.keys() == other.keys() and all(equal(value[name], other[name]) for name in value)
    return type(value) is type(other) and bool(value == other)


def compared(value: Any, other: Any, now: datetime) -> int | None:
    """Below, at or above zero as `value` is less than, equal to or greater than `other`; None when not comparable."""
    value, other = "" if value is None else value, "" if other is None else other
    moment = moment_of(other, now)
    if moment is not None:
        value, other = parse_timestamp(value), moment
    both_numbers = _is_number(value) and _is_number(other)
    if both_numbers or (isinstance(value, str | datetime) and type(value) is type(other)):
        return int(value > other) - int(value < other)
    return None


def moment_of(value: Any, now: datetime) -> datetime | None:
    """A timestamp, absolute or relative to `now`; None for everything else.

    Relative ones are "2 days ago", "15 minutes from now", "30_days_ago", "now", and a duration with an optional direction:
    `{"unit": "days", "value": 2, "direction": "ago"}`. They are exact lengths of time, not calendar days.
    """
    if isinstance(value, Mapping):
        duration, backward = parse_duration(value), value.get("direction") in _BACKWARD
        return _shifted(duration.value, duration.unit, now, backward=backward) if duration else None
    if not isinstance(value, str):
        return None
    match = _RELATIVE.fullmatch(value.strip())
    if match:
        backward = match["direction"].lower() == "ago"
        return _shifted(int(match["value"]), f"{match['unit'].lower()}s", now, backward=backward)
    return now if value.strip().lower() == "now" else parse_timestamp(value)


def _shifted(value: int, unit: Any, now: datetime, *, backward: bool) -> datetime:
    return add_duration(now, Duration(-value if backward else value, unit))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _equal_to(value: Any, argument: Any, _now: datetime) -> bool:
    return equal(value, argument)


def _ordering(accepts: Callable[[int], bool]) -> Operator:
    def holds(value: Any, argument: Any, now: datetime) -> bool:
        sign = compared(value, argument, now)
        return sign is not None and accepts(sign)

    return holds


def _contains(value: Any, argument: Any, _now: datetime) -> bool:
    """Any of the arguments is in the variable: an element of a list, a part of a text."""
    return any(_holds_one(value, one) for one in _listed(argument))


def _contains_all(value: Any, argument: Any, _now: datetime) -> bool:
    return isinstance(value, str | list | tuple) and all(_holds_one(value, one) for one in _listed(argument))


def _holds_one(value: Any, one: Any) -> bool:
    """A number that is looked for in a text is meant as it is written: an argument 555 is JSON, and a part of "555-0100"."""
    if isinstance(value, list | tuple):
        return any(equal(element, one) for element in value)
    if not isinstance(value, str):
        return value is None and one in (None, "")
    part = json.dumps(one) if _is_number(one) else "" if one is None else one
    return isinstance(part, str) and part in value


def _empty(value: Any, _argument: Any, _now: datetime) -> bool:
    return value is None or value in ("", [], ())


def _exists(value: Any, _argument: Any, _now: datetime) -> bool:
    return value is not None


def _is_between(value: Any, argument: Any, now: datetime) -> bool:
    """From the first to the second of two arguments, both included."""
    if not isinstance(argument, list | tuple) or len(argument) != 2:
        return False
    above, below = compared(value, argument[0], now), compared(value, argument[1], now)
    return above is not None and below is not None and above >= 0 >= below


def _is_timestamp(value: Any, _argument: Any, _now: datetime) -> bool:
    return parse_timestamp(value) is not None


def _is_timestamp_between(value: Any, argument: Any, now: datetime) -> bool:
    """From the first to the second of two moments, both included."""
    if not isinstance(argument, list | tuple) or len(argument) != 2:
        return False
    moment, start, end = parse_timestamp(value), moment_of(argument[0], now), moment_of(argument[1], now)
    return moment is not None and start is not None and end is not None and start <= moment <= end


def _in_time(accepts: Callable[[Any, Any], bool], *, dates: bool = False, now_itself: bool = False) -> Operator:
    """Compares moments; with `dates` their calendar days in UTC; with `now_itself` the argument is not looked at."""

    def holds(value: Any, argument: Any, now: datetime) -> bool:
        moment, other = parse_timestamp(value), now if now_itself else moment_of(argument, now)
        if moment is None or other is None:
            return False
        return accepts(moment.date(), other.date()) if dates else accepts(moment, other)

    return holds


def _not(operator: Operator) -> Operator:
    return lambda value, argument, now: not operator(value, argument, now)


def _before(moment: Any, other: Any) -> bool:
    return bool(moment < other)


def _on_or_after(moment: Any, other: Any) -> bool:
    return bool(moment >= other)


def _after(moment: Any, other: Any) -> bool:
    return bool(moment > other)


OPERATORS: Mapping[str, Operator] = {
    "equal_to": _equal_to,
    "not_equal_to": _not(_equal_to),
    "greater_than": _ordering(lambda sign: sign > 0),
    "greater_than_or_equal_to": _ordering(lambda sign: sign >= 0),
    "less_than": _ordering(lambda sign: sign < 0),
    "less_than_or_equal_to": _ordering(lambda sign: sign <= 0),
    "contains": _contains,
    "not_contains": _not(_contains),
    "contains_all": _contains_all,
    "not_contains_all": _not(_contains_all),
    "empty": _empty,
    "not_empty": _not(_empty),
    "exists": _exists,
    "not_exists": _not(_exists),
    "is_between": _is_between,
    "is_timestamp": _is_timestamp,
    "is_not_timestamp": _not(_is_timestamp),
    "is_timestamp_before": _in_time(_before),
    "is_timestamp_on_or_after": _in_time(_on_or_after),
    "is_timestamp_after": _in_time(_after),
    "is_timestamp_between": _is_timestamp_between,
    "is_timestamp_before_now": _in_time(_before, now_itself=True),
    "is_timestamp_on_or_after_now": _in_time(_on_or_after, now_itself=True),
    "is_timestamp_before_date": _in_time(_before, dates=True),
    "is_timestamp_on_or_after_date": _in_time(_on_or_after, dates=True),
    "is_timestamp_after_date": _in_time(_after, dates=True),
}
"""By name; the two `after` ones are those of older SDKs. Audiences and cohorts are facts: `workflows/evaluation.py`."""

WITHOUT_ARGUMENT = frozenset(
    (
        "empty",
        "not_empty",
        "exists",
        "not_exists",
        "is_timestamp",
        "is_not_timestamp",
        "is_timestamp_before_now",
        "is_timestamp_on_or_after_now",
    )
)
WITH_TWO_ENDS = frozenset(("is_between", "is_timestamp_between"))
"""Operators whose argument is a list of two; each may be a path."""
