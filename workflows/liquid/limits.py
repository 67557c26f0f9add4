"""What a template may consume. Generous for mail, and small beside a worker's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import DecimalException
from functools import wraps
from typing import Any

from liquid import BoundTemplate, Node, RenderContext
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidError, LoopIterationLimitError
from liquid.expression import Expression

LOOP_ITERATION_LIMIT = 100_000
"""Rounds of nested loops, multiplied. A list of 1,000 lines with 100 cells each still fits."""

OUTPUT_LIMIT = 5_000_000
"""Bytes of one rendered template. Mail programs cut messages at about 100 kB, servers refuse them at about 20 MB."""

LOCAL_NAMESPACE_LIMIT = 5_000_000
"""Bytes held by `assign` and `capture` together."""

NUMBER_LIMIT = 14_000
"""Bits of a whole number, about 4,200 digits: Python writes no longer ones, and calculating with them takes long."""

Filter = Callable[..., Any]


def guarded(name: str, filter_: Filter) -> Filter:
    """The filter, failing with the one of Liquid's errors to which the library adds the filter's place."""

    @wraps(filter_)  # also copies the marks by which the library passes its context and environment
    def guard(value: object, *args: object, **kwargs: object) -> Any:
        try:
            return _writable(filter_(value, *args, **kwargs))
        except FilterArgumentError:
            raise
        except LiquidError as error:
            raise FilterArgumentError(f"{name}: {error.message}", token=None) from error
        except DecimalException as error:
            raise FilterArgumentError(f"{name}: not a number", token=None) from error
        except (ArithmeticError, LookupError, RecursionError, ValueError) as error:
            raise FilterArgumentError(f"{name}: {error}", token=None) from error

    return guard


def _writable(result: object) -> object:
    if isinstance(result, int) and result.bit_length() > NUMBER_LIMIT:
        raise OverflowError("the number is too large")
    return result


def bound_ranges(template: BoundTemplate) -> None:
    """Makes every `(1..n)` of the template refuse more numbers than a loop may have rounds.

    The library looks at a loop's length only after a reversed range has become a list, and a filter's never.
    """
    static = RenderContext(template)
    for node in template.nodes:
        _bound_node(node, static)


def _bound_node(node: Node, static: RenderContext) -> None:
    _bound_expressions(node.expressions())
    for child in node.children(static, include_partials=False):
        _bound_node(child, static)


def _bound_expressions(expressions: Iterable[Expression]) -> None:
    for expression in expressions:
        if type(expression) is RangeLiteral:
            expression.__class__ = _BoundedRange  # the library's parser offers no place to choose the class
        _bound_expressions(expression.children())


class _BoundedRange(RangeLiteral):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        numbers = super().evaluate(context)
        if numbers and numbers[-1] - numbers[0] >= LOOP_ITERATION_LIMIT:
            raise LoopIterationLimitError(f"a range of more than {LOOP_ITERATION_LIMIT} numbers", token=self.token)
        return numbers
