"""Compiling and rendering Liquid, without a clock and within limits.

Two dialects: in the HTML one every variable is escaped when it is output, unless the author says `| safe`; in the text
one nothing is. Undefined variables render as nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from liquid import BoundTemplate, Environment, RenderContext, Tag
from liquid.ast import Node
from liquid.exceptions import LiquidError
from liquid.output import LimitedStringIO
from liquid.stream import TokenStream
from liquid.utils import ReadOnlyChainMap

from workflows.errors import TemplateError
from workflows.excerpts import place_at
from workflows.liquid.filters import all_filters
from workflows.liquid.limits import LOCAL_NAMESPACE_LIMIT, LOOP_ITERATION_LIMIT, OUTPUT_LIMIT, bound_ranges, guarded


class Rendered(NamedTuple):
    """`assigned` holds what the template set with `assign` and `capture`."""

    text: str
    assigned: dict[str, Any]


class Template:
    """A compiled template; may be rendered by several threads at once."""

    __slots__ = ("_bound", "_name", "_source")

    def __init__(self, bound: BoundTemplate, source: str, name: str) -> None:
        self._bound = bound
        self._source = source
        self._name = name

    def render(self, variables: Mapping[str, Any]) -> str:
        """Raises `TemplateError`. The filter `date` takes "now" from the variable `now` (ISO-8601)."""
        return self.evaluate(variables).text

    def evaluate(self, variables: Mapping[str, Any]) -> Rendered:
        """Like `render`, and also gives what the template assigned."""
        context = self._bound.context_class(self._bound, globals=variables)
        buffer = LimitedStringIO(limit=OUTPUT_LIMIT)
        try:
            self._bound.render_with_context(context, buffer)
        except LiquidError as error:
            raise _placed(error, self._source, self._name) from error
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise TemplateError(f"cannot be rendered: {error}", name=self._name) from error
        return Rendered(buffer.getvalue(), dict(context.locals))

    def uses(self, variable: str) -> bool:
        """Whether the template reads that top-level variable anywhere."""
        return variable in self._bound.analyze(include_partials=False).variables


def compile_template(source: str, *, name: str, html: bool = False) -> Template:
    """`name` is what an error calls the template, such as `email_1/html_body.html`.

    Raises `TemplateError` for a syntax error, an unknown tag and an unknown filter.
    """
    environment = _HTML if html else _TEXT
    try:
        bound = environment.from_string(source, name=name)
    except LiquidError as error:
        raise _placed(error, source, name) from error
    _check_filters(bound, source, name)
    bound_ranges(bound)
    return Template(bound, source, name)


def _check_filters(bound: BoundTemplate, source: str, name: str) -> None:
    """The library looks filters up only when it renders, which is too late for the author."""
    for filter_name, spans in bound.analyze(include_partials=False).filters.items():
        if filter_name not in bound.env.filters:
            raise _error(f"unknown filter '{filter_name}'", source, spans[0].index, name)


def _placed(error: LiquidError, source: str, name: str) -> TemplateError:
    index = error.token.start_index if error.token else -1
    return _error(str(error.message), source, index, name)


def _error(message: str, source: str, index: int, name: str) -> TemplateError:
    place = place_at(source, index)
    return TemplateError(message, name=name, line=place.line, column=place.column, excerpt=place.excerpt)


class _Context(RenderContext):
    """Without the library's `now` and `today`, which read the machine's clock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)


class _Bound(BoundTemplate):
    context_class = _Context

    def make_partial_namespace(
        self,
        partial: bool,  # noqa: ARG002
        render_args: Mapping[str, object],
    ) -> Mapping[str, object]:
        """Without the library's variable `partial`, which would hide a variable of that name in the trigger's data."""
        return dict(render_args)


class _PlacedTag(Tag):
    """A tag whose errors always have a place: its own, where the library only knows "the end"."""

    def __init__(self, tag: Tag) -> None:
        super().__init__(tag.env)
        self.tag = tag

    def parse(self, stream: TokenStream) -> Node:
        token = stream.current
        try:
            return self.tag.get_node(stream)
        except LiquidError as error:
            if error.token is None or error.token.start_index < 0:
                error.token = token
            raise


class _Environment(Environment):
    loop_iteration_limit = LOOP_ITERATION_LIMIT
    output_stream_limit = OUTPUT_LIMIT
    local_namespace_limit = LOCAL_NAMESPACE_LIMIT
    template_class = _Bound

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        del self.tags["include"], self.tags["render"]  # there are no partials to load
        self.tags = {name: _PlacedTag(tag) for name, tag in self.tags.items()}
        self.filters = {name: guarded(name, filter_) for name, filter_ in all_filters(self.filters).items()}


_HTML = _Environment(autoescape=True)
_TEXT = _Environment(autoescape=False)
