"""`{% render 'key', name: value %}`: a partial in a scope of its own (contract: semantics §20).

Source of the rules: https://docs.knock.app/template-editor/partials/overview. A partial sees its inputs and nothing of the
template's own variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from liquid import BoundTemplate, Node, RenderContext, Tag
from liquid.builtin.expressions import KeywordArgument, StringLiteral, parse_primitive
from liquid.exceptions import LiquidError, LiquidSyntaxError
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.token import TOKEN_FOR, TOKEN_TAG, TOKEN_WITH, Token

from workflows.liquid.context import Context
from workflows.liquid.limits import markdown_work
from workflows.liquid.markdown import markdown_to_html

_JSON_IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


@dataclass(frozen=True, slots=True)
class CompiledPartial:
    """`depth` counts the partials that nest from this one on, itself included; `cost` is its outermost nodes'."""

    template: BoundTemplate
    name: str
    form: Literal["as_is", "markdown", "json_in_html"]
    defaults: Mapping[str, Any]
    depth: int
    cost: int

    def render(self, context: Context, inputs: Mapping[str, object], buffer: TextIO) -> None:
        inner = context.inside(self.template, {**self.defaults, **inputs})
        context.spend(1 + self.cost)
        try:
            if self.form == "as_is":
                self.template.render_with_context(inner, buffer, partial=True, block_scope=True)
            else:
                buffer.write(self._transformed(context, inner, buffer))
        except LiquidError as error:
            error.template_name = error.template_name or self.name
            raise

    def _transformed(self, context: Context, inner: Context, buffer: TextIO) -> str:
        own = inner.get_buffer(buffer)
        self.template.render_with_context(inner, own, partial=True, block_scope=True)
        text = own.getvalue()
        if self.form == "json_in_html":
            return text.translate(_JSON_IN_HTML)  # the same JSON, and no tag can end in it
        context.spend(markdown_work(text))
        return markdown_to_html(text)


class PartialNode(Node):
    """`partial` is set when the template is bound to the resources that it is compiled with."""

    __slots__ = ("arguments", "name", "partial")

    def __init__(self, token: Token, name: StringLiteral, arguments: list[KeywordArgument]) -> None:
        super().__init__(token)
        self.name = name
        self.arguments = arguments
        self.partial: CompiledPartial | None = None
        self.blank = False

    def __str__(self) -> str:
        return f"{{% render {', '.join([str(self.name), *map(str, self.arguments)])} %}}"

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        assert isinstance(context, Context)
        assert self.partial is not None
        self.partial.render(context, {arg.name: arg.value.evaluate(context) for arg in self.arguments}, buffer)
        return 1

    def expressions(self) -> Iterable[Expression]:
        return [argument.value for argument in self.arguments]


class PartialTag(Tag):
    name = "render"
    block = False

    def parse(self, stream: TokenStream) -> PartialNode:
        token = stream.eat(TOKEN_TAG)
        tokens = stream.into_inner(tag=token, eat=False)
        name = parse_primitive(self.env, tokens)
        if not isinstance(name, StringLiteral):
            raise LiquidSyntaxError("expected a partial's key in quotes", token=name.token)
        if tokens.current.kind in (TOKEN_FOR, TOKEN_WITH):
            raise LiquidSyntaxError(
                f"render has no '{tokens.current.value}'; pass values as name: value", token=tokens.current
            )
        return PartialNode(token, name, KeywordArgument.parse(self.env, tokens))
