"""Numbers. `round` replaces the library's, which rounds halves to the even neighbour."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from liquid.filter import int_arg

from workflows.liquid.values import is_nothing, number

_MOST_DIGITS = 15


def round_(value: Any, digits: Any = None) -> int | float:
    """Halves go away from zero, as in Liquid's own language. What is no number is 0."""
    amount = number(value) or Decimal(0)
    places = 0 if is_nothing(digits) else int_arg(digits, 0)
    if places < 0:
        return 0
    if places == 0 or amount == amount.to_integral_value():
        return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
    return float(amount.quantize(Decimal(1).scaleb(-min(places, _MOST_DIGITS)), ROUND_HALF_UP))


FILTERS = {"round": round_}
