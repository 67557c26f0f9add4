"""Compiling and rendering Liquid, without a clock and within limits.

Two dialects: in the HTML one every variable is escaped when it is output, unless the author says `| safe`; in the text
one nothing is. Undefined variables render as nothing, except in strict templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from liquid import BoundTemplate, Environment, Tag
from liquid.ast import Node
from liquid.exceptions import LiquidError
from liquid.stream import TokenStream
from liquid.undefined import FalsyStrictUndefined

from workflows.errors import TemplateError
from workflows.excerpts import place_at
from workflows.liquid.compiled import Bound, Compiled
from workflows.liquid.context import Buffer, Context
from workflows.liquid.filters import all_filters
from workflows.liquid.guards import guarded
from workflows.liquid.limits import LOCAL_NAMESPACE_LIMIT, LOOP_ITERATION_LIMIT, OUTPUT_LIMIT, PARTIAL_DEPTH
from workflows.liquid.nodes import all_nodes, make_countable
from workflows.liquid.partials import PartialNode, PartialTag
from workflows.liquid.sources import check_source
from workflows.liquid.translate_tag import TranslateNode, TranslateTag
from workflows.templates import NO_RESOURCES, Resources

_RESOURCES_KEPT = 64
"""How many environments' partials and translations stay compiled in one process."""


class Rendered(NamedTuple):
    """`assigned` holds what the template set with `assign` and `capture`."""

    text: str
    assigned: dict[str, Any]


class Template:
    """A compiled template; may be rendered by several threads at once."""

    __slots__ = ("_bound", "_name", "_source")

    def __init__(self, bound: Bound, source: str, name: str) -> None:
        self._bound = bound
        self._source = source
        self._name = name

    def render(self, variables: Mapping[str, Any]) -> str:
        """Raises `TemplateError`, and `EntityNeeded` for an entity that was not looked up yet (workflows.liquid.lookups).

        The filter `date` takes "now" from the variable `now` (ISO-8601).
        """
        return self.evaluate(variables).text

    def evaluate(self, variables: Mapping[str, Any]) -> Rendered:
        """Like `render`, and also gives what the template assigned."""
        context = Context(self._bound, variables, self._bound.compiled.translations)
        buffer = Buffer(context.budget)
        try:
            context.spend(self._bound.cost)
            self._bound.render_with_context(context, buffer)
        except LiquidError as error:
            raise _placed(error, self._source, self._name) from error
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise TemplateError(f"cannot be rendered: {error}", name=self._name) from error
        return Rendered(buffer.getvalue(), dict(context.locals))

    def uses(self, variable: str) -> bool:
        """Whether the template reads that top-level variable anywhere."""
        return variable in self._bound.analyze(include_partials=False).variables

    def phrases(self) -> tuple[str, ...]:
        """The texts between `{% t %}` and `{% endt %}`, as written: keys of the `system` translations."""
        return tuple(dict.fromkeys(node.text for node in all_nodes(self._bound) if isinstance(node, TranslateNode)))


def compile_template(
    source: str, *, name: str, html: bool = False, strict: bool = False, resources: Resources = NO_RESOURCES
) -> Template:
    """`name` is what an error calls the template, such as `email_1/html_body.html`. In a `strict` one (text, without its
    partials) an undefined variable may be asked for and have a default, but not be output.

    `resources` are the partials and translations that it may use; what is compiled of them is kept by the object's
    identity. Raises `TemplateError` for a syntax error, an unknown tag, an unknown filter, an unknown or broken partial.
    """
    return Template(_bind(source, name, html, _compiled(_Identity(resources)), (), strict=strict), source, name)


def check_template(source: str, *, name: str, html: bool = False) -> Template:
    """The same without knowing the partials: for a document that is looked at alone. The template cannot be rendered."""
    return Template(_bind(source, name, html, None, ()), source, name)


def _bind(
    source: str, name: str, html: bool, compiled: Compiled | None, inside: tuple[str, ...], *, strict: bool = False
) -> Bound:
    """`inside` are the keys of the partials being compiled around this template, outermost first."""
    environment = _HTML if html else _STRICT if strict else _TEXT
    try:
        check_source(source)
        bound = environment.from_string(source, name=name)
        assert isinstance(bound, Bound)
        _check_filters(bound, source, name)
        bound.cost = make_countable(bound)
    except LiquidError as error:
        raise _placed(error, source, name) from error
    except RecursionError as error:
        raise TemplateError("an expression nests too deep", name=name) from error
    if compiled is None:
        return bound
    bound.compiled = compiled
    for node in all_nodes(bound):
        if isinstance(node, PartialNode):
            _link(node, bound, source, html, inside)
        elif isinstance(node, TranslateNode):
            node.phrase_of = compiled.phrases[html]
    return bound


def _link(node: PartialNode, bound: Bound, source: str, html: bool, inside: tuple[str, ...]) -> None:
    """Gives a render tag its partial. Raises `TemplateError`."""
    key, place = node.name.value, node.name.token.start_index
    if key in inside:
        way = " → ".join((*inside[inside.index(key) :], key))
        raise _error(f"partial '{key}' renders itself: {way}", source, place, bound.name)
    node.partial = bound.compiled.partial(key, html, inside)
    if node.partial is None:
        raise _error(f"unknown partial '{key}'", source, place, bound.name)
    if node.partial.depth > PARTIAL_DEPTH:
        message = f"partial '{key}' nests {node.partial.depth} deep, at most {PARTIAL_DEPTH}"
        raise _error(message, source, place, bound.name)


def _check_filters(bound: BoundTemplate, source: str, name: str) -> None:
    """The library looks filters up only when it renders, which is too late for the author."""
    for filter_name, spans in bound.analyze(include_partials=False).filters.items():
        if filter_name not in bound.env.filters:
            raise _error(f"unknown filter '{filter_name}'", source, spans[0].index, name)


def _placed(error: LiquidError, source: str, name: str) -> TemplateError:
    """An error inside of a partial shows the partial's place."""
    index = error.token.start_index if error.token else -1
    if error.template_name and error.token:
        source, name = error.token.source, str(error.template_name)
    return _error(str(error.message), source, index, name)


def _error(message: str, source: str, index: int, name: str) -> TemplateError:
    place = place_at(source, index)
    return TemplateError(message, name=name, line=place.line, column=place.column, excerpt=place.excerpt)


class _Identity:
    """One object as a key of a cache: resources hold maps, so they have no hash of their own."""

    __slots__ = ("resources",)

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def __hash__(self) -> int:
        return id(self.resources)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.resources is self.resources


@lru_cache(maxsize=_RESOURCES_KEPT)
def _compiled(identity: _Identity) -> Compiled:
    return Compiled(identity.resources, _bind)


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
    template_class = Bound

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        del self.tags["include"]  # Knock has none, and it would look for a file
        self.add_tag(PartialTag)
        self.add_tag(TranslateTag)
        self.tags = {name: _PlacedTag(tag) for name, tag in self.tags.items()}
        self.filters = {name: guarded(name, filter_) for name, filter_ in all_filters(self.filters).items()}


class _Missing(FalsyStrictUndefined):
    """What stands for an undefined variable of a strict template."""

    __slots__ = ()
    force_liquid_default = True


_HTML = _Environment(autoescape=True)
_TEXT = _Environment(autoescape=False)
_STRICT = _Environment(autoescape=False, undefined=_Missing)
