"""Numbers, amounts and moments as people of a locale write them, by the tables of the CLDR."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import UnknownCurrencyError, format_currency, format_decimal, validate_currency
from liquid.filter import with_context

from workflows.liquid.context import Context
from workflows.liquid.filters.dates import moment_of
from workflows.liquid.values import is_nothing, number

_FORMATS = ("short", "medium", "long", "full")
_FALLBACK = "en"
_NARROW_SPACE = "\u202f"


def format_number(value: Any, locale: Any = "") -> Any:
    """`{{ 10000 | format_number: "en" }}` is 10,000. What is no number comes back unchanged."""
    amount = None if is_nothing(value) else number(value)
    return value if amount is None else format_decimal(amount, locale=_locale(locale))


def currency(value: Any, code: Any = "USD", locale: Any = "") -> Any:
    """`{{ 10 | currency: "GBP", "en" }}` is £10.00: with as many decimals as the currency has."""
    amount = None if is_nothing(value) else number(value)
    return value if amount is None else format_currency(amount, _currency(code), locale=_locale(locale))


def rounded_currency(value: Any, code: Any = "USD", locale: Any = "") -> Any:
    """`{{ 10.99 | rounded_currency: "GBP", "en" }}` is £11: halves are rounded away from zero."""
    amount = None if is_nothing(value) else number(value)
    if amount is None:
        return value
    whole = amount.quantize(Decimal(1), ROUND_HALF_UP)
    place = _locale(locale)
    pattern = re.sub(r"\.0+", "", str(place.currency_formats["standard"].pattern))
    return format_currency(whole, _currency(code), pattern, locale=place, currency_digits=False)


@with_context
def format_date_in_locale(value: Any, locale: Any = "", date_format: Any = "short", *, context: Context) -> Any:
    """`{{ timestamp | format_date_in_locale: "en-GB", "long" }}` is 31 December 2023; no date comes back unchanged.

    The day is that of the offset which the timestamp is written with.
    """
    moment = None if is_nothing(value) else moment_of(value, context)
    if moment is None:
        return value
    return format_date(moment, _format(date_format), locale=_locale(locale))


@with_context
def format_datetime_in_locale(
    value: Any, locale: Any = "", date_format: Any = "short", time_format: Any = "short", *, context: Context
) -> Any:
    """`{{ timestamp | format_datetime_in_locale: "en-GB", "medium", "short" }}` is 31 Dec 2023, 14:30."""
    moment = None if is_nothing(value) else moment_of(value, context)
    if moment is None:
        return value
    place = _locale(locale)
    day = format_date(moment, _format(date_format), locale=place)
    hour = format_time(moment, _format(time_format), tzinfo=moment.tzinfo, locale=place)
    together = str(get_datetime_format(_format(date_format), locale=place)).replace("'", "")
    return together.replace("{1}", day).replace("{0}", hour.replace(_NARROW_SPACE, " "))


def _format(name: Any) -> Any:
    if is_nothing(name):
        return "short"
    if name not in _FORMATS:
        raise ValueError(f"'{name}' is none of {', '.join(_FORMATS)}")
    return str(name)


def _currency(code: Any) -> str:
    return _known_currency("USD" if is_nothing(code) else str(code)[:32])


@lru_cache(maxsize=256)
def _known_currency(code: str) -> str:
    """Raises `ValueError`. Kept, because the library goes through all currencies each time."""
    try:
        validate_currency(code.upper())
    except UnknownCurrencyError as error:
        raise ValueError(f"'{code}' is no currency") from error
    return code.upper()


def _locale(name: Any) -> Locale:
    """A locale that is not known, since recipients bring theirs unchecked, is its language, and else English."""
    return _parsed_locale("" if is_nothing(name) else str(name)[:32])


@lru_cache(maxsize=256)
def _parsed_locale(name: str) -> Locale:
    for candidate in (name, name.replace("_", "-").partition("-")[0], _FALLBACK):
        try:
            return Locale.parse(candidate.replace("_", "-"), sep="-")
        except (TypeError, UnknownLocaleError, ValueError):
            continue
    return Locale(_FALLBACK)


FILTERS: dict[str, Callable[..., Any]] = {
    "format_number": format_number,
    "currency": currency,
    "rounded_currency": rounded_currency,
    "format_date_in_locale": format_date_in_locale,
    "format_datetime_in_locale": format_datetime_in_locale,
}
