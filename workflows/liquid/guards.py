"""Filters as templates call them: charged for their work, bounded in what they make, and failing in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import DecimalException
from typing import Any

from liquid.exceptions import FilterArgumentError, LiquidError

from workflows.liquid.context import Context
from workflows.liquid.limits import NUMBER_LIMIT, OUTPUT_LIMIT, VALUE_LIMIT, extent

Filter = Callable[..., Any]

_CONSTANT_TIME = frozenset({"default", "first", "last", "size"})
"""They look at no element or at one, so that long lists cost nothing."""


def guarded(name: str, filter_: Filter) -> Filter:
    """The filter, taking the context first, and failing with the one of Liquid's errors that is given a place."""
    call, is_cheap, growth = _taking_context(filter_), name in _CONSTANT_TIME, _GROWTH.get(name)

    def guard(context: Context, value: object, /, *args: object, **kwargs: object) -> Any:
        try:
            context.spend(1 if is_cheap else _work((value, *args)))
            if growth is not None and growth(value, *args) > OUTPUT_LIMIT:
                raise _too_long()
            return _bounded(context, call(context, value, args, kwargs))
        except DecimalException as error:
            raise FilterArgumentError(f"{name}: not a number", token=None) from error
        except (ArithmeticError, LookupError, OSError, RecursionError, ValueError) as error:
            raise FilterArgumentError(f"{name}: {error}", token=None) from error
        except FilterArgumentError:
            raise
        except LiquidError as error:
            raise FilterArgumentError(f"{name}: {error.message}", token=None) from error

    return guard


def _taking_context(filter_: Filter) -> Callable[[Context, object, tuple[object, ...], dict[str, object]], object]:
    """Gives the filter what it has asked for. A template's own argument of such a name makes the call fail."""
    if getattr(filter_, "with_context", False):
        return lambda context, value, args, kwargs: filter_(value, *args, **kwargs, context=context)
    if getattr(filter_, "with_environment", False):
        return lambda context, value, args, kwargs: filter_(value, *args, **kwargs, environment=context.env)
    return lambda _, value, args, kwargs: filter_(value, *args, **kwargs)


def _work(operands: tuple[object, ...]) -> int:
    """Units of work to go through them once. Raises `ValueError` for one that is too large to work on."""
    work = 1
    for operand in operands:
        if isinstance(operand, str):
            work += len(operand) >> 8
        elif isinstance(operand, list | dict | tuple | range):
            size = extent(operand)
            if size.characters > VALUE_LIMIT:
                raise ValueError("the value is too large")
            work += size.work
    return work


def _bounded(context: Context, result: object) -> object:
    if isinstance(result, str):
        if len(result) > OUTPUT_LIMIT:
            raise _too_long()
        context.spend(len(result) >> 8)
    elif isinstance(result, int):
        if result.bit_length() > NUMBER_LIMIT:
            raise OverflowError("the number is too large")
    elif isinstance(result, list | tuple | Mapping):
        context.spend(len(result) >> 2)
    return result


def _too_long() -> ValueError:
    return ValueError(f"more than {OUTPUT_LIMIT} characters, output limit reached")


def _replaced(value: object, old: object = "", new: object = "") -> int:
    text, new = str(value), str(new)
    return len(text) + text.count(str(old)) * len(new)


def _joined(value: object, separator: object = " ") -> int:
    size = extent(value)
    return size.characters + size.elements * len(str(separator))


_GROWTH: dict[str, Callable[..., int]] = {"replace": _replaced, "join": _joined}
"""Filters whose result may be longer than all that goes in: how long it will be."""
