"""Going through a parsed template: finding its tags, and putting counted nodes in the place of the library's.

The library's parser offers no place to choose the classes of nodes and expressions, so those of a finished tree are
changed, to subclasses that hold the same fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from liquid import BoundTemplate, Node, RenderContext
from liquid.ast import BlockNode
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    LeExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.case_tag import _AnyExpression
from liquid.exceptions import LoopIterationLimitError
from liquid.expression import Expression

from workflows.liquid.context import Context
from workflows.liquid.limits import LOOP_ITERATION_LIMIT, extent


def all_nodes(template: BoundTemplate) -> Iterator[Node]:
    """Every node of the template, parents first; partials are left out."""
    static = RenderContext(template)
    rest = list(reversed(template.nodes))
    while rest:
        node = rest.pop()
        yield node
        rest.extend(node.children(static, include_partials=False))


def make_countable(template: BoundTemplate) -> int:
    """Makes blocks and costly expressions charge for themselves. Gives what rendering the outermost nodes costs."""
    nodes = list(all_nodes(template))
    for node in nodes:
        for expression in _all_expressions(node.expressions()):
            expression.__class__ = _COUNTED.get(type(expression), type(expression))
    static = RenderContext(template)
    for node in nodes:
        if type(node) is BlockNode:
            node.nodes = _Nodes(node.nodes, sum(_cost(child, static) for child in node.nodes))
            node.__class__ = _Block
    return sum(_cost(node, static) for node in template.nodes)


def _cost(node: Node, static: RenderContext) -> int:
    """One for the node and for each of its expressions; of a choice, all conditions but none of the blocks."""
    conditions = (child for child in node.children(static, include_partials=False) if not isinstance(child, BlockNode))
    own = sum(1 for _ in _all_expressions(node.expressions()))
    return 1 + own + sum(_cost(condition, static) for condition in conditions)


def _all_expressions(expressions: Iterable[Expression]) -> Iterator[Expression]:
    rest = list(expressions)
    while rest:
        expression = rest.pop()
        yield expression
        rest.extend(expression.children())


class _Nodes(list[Node]):
    """The nodes of a block, knowing what rendering them once costs."""

    def __init__(self, nodes: Iterable[Node], cost: int) -> None:
        super().__init__(nodes)
        self.cost = 1 + cost


class _Block(BlockNode):
    __slots__ = ()
    nodes: _Nodes

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, Context)
        context.spend(self.nodes.cost)
        return super().render_to_output(context, buffer)


class _BoundedRange(RangeLiteral):
    """Refuses more numbers than a loop may have rounds.

    The library looks at a loop's length only after a reversed range has become a list, and a filter's never.
    """

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        numbers = super().evaluate(context)
        if numbers and numbers[-1] - numbers[0] >= LOOP_ITERATION_LIMIT:
            raise LoopIterationLimitError(f"a range of more than {LOOP_ITERATION_LIMIT} numbers", token=self.token)
        _spend(context, len(numbers) >> 4)
        return numbers


class _Comparison:
    """Charges for comparing lists and maps, which is done element by element on all levels."""

    __slots__ = ()
    left: Expression
    right: Expression

    def evaluate(self, context: RenderContext) -> Any:
        _charge_comparison(context, self.left.evaluate(context), [self.right.evaluate(context)])
        return super().evaluate(context)  # type: ignore[misc]  # the expression that it is mixed into


class _Eq(_Comparison, EqExpression):
    __slots__ = ()


class _Ne(_Comparison, NeExpression):
    __slots__ = ()


class _Le(_Comparison, LeExpression):
    __slots__ = ()


class _Ge(_Comparison, GeExpression):
    __slots__ = ()


class _Contains(_Comparison, ContainsExpression):
    __slots__ = ()


class _AnyOf(_AnyExpression):
    """The values of a `when`."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> list[bool]:
        values = [expression.evaluate(context) for expression in self.expressions]
        _charge_comparison(context, self.left.evaluate(context), values)
        return super().evaluate(context)


def _charge_comparison(context: RenderContext, left: object, values: list[object]) -> None:
    containers = sum(1 for value in values if isinstance(value, list | dict))
    if containers and isinstance(left, list | dict):
        _spend(context, containers * extent(left).work)


def _spend(context: RenderContext, units: int) -> None:
    assert isinstance(context, Context)
    context.spend(units)


_COUNTED: dict[type[Expression], type[Expression]] = {
    RangeLiteral: _BoundedRange,
    EqExpression: _Eq,
    NeExpression: _Ne,
    LeExpression: _Le,
    GeExpression: _Ge,
    ContainsExpression: _Contains,
    _AnyExpression: _AnyOf,
}
