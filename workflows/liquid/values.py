"""What Liquid's values are to filters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from liquid import Undefined

_LARGEST = Decimal("1e30")


def is_nothing(value: object) -> bool:
    return value is None or isinstance(value, Undefined)


def number(value: object) -> Decimal | None:
    """A number, or a text that is one; None for everything else. Raises `OverflowError` above 10^30."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        result = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not result.is_finite():
        return None
    if abs(result) > _LARGEST:
        raise OverflowError("the number is too large")
    return result


def identity(value: Any) -> Hashable:
    """The same for equal values and different for others, so that lists of anything can be compared by sets."""
    if isinstance(value, Mapping):
        return ("map", frozenset((key, identity(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(identity(item) for item in value))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, Undefined):
        return None
    return value if isinstance(value, Hashable) else str(value)
