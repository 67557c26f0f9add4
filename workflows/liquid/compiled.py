"""What is compiled of one environment's resources, once for each dialect: partials, translated phrases, tables of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from liquid import BoundTemplate

from workflows.liquid.nodes import all_nodes
from workflows.liquid.partials import CompiledPartial, PartialNode
from workflows.liquid.translations import Translations
from workflows.templates import Partial, Resources


class Bound(BoundTemplate):
    """A parsed template with what it may use. `cost` is what rendering its outermost nodes costs, in units of work."""

    compiled: Compiled
    cost: int = 0

    def make_partial_namespace(
        self,
        partial: bool,  # noqa: ARG002
        render_args: Mapping[str, object],
    ) -> Mapping[str, object]:
        """Without the library's variable `partial`, which would hide a variable of that name in the trigger's data."""
        return dict(render_args)


Bind = Callable[[str, str, bool, "Compiled", tuple[str, ...]], Bound]
"""Compiles: source, name, whether it is HTML, the resources, keys of the partials around it."""


class Compiled:
    """Filled as templates need it; at worst two threads compile the same partial at the same time."""

    def __init__(self, resources: Resources, bind: Bind) -> None:
        self.resources = resources
        self.translations = Translations(resources)
        self.phrases = {html: Phrases(self, bind, html=html) for html in (False, True)}
        self._bind = bind
        self._partials: dict[tuple[str, bool], CompiledPartial] = {}

    def partial(self, key: str, html: bool, inside: tuple[str, ...]) -> CompiledPartial | None:
        """None when there is none of that key. Raises `TemplateError`."""
        source = self.resources.partials.get(key)
        if source is None:
            return None
        if (key, html) not in self._partials:
            self._partials[key, html] = self._compile(source, html, inside)
        return self._partials[key, html]

    def _compile(self, partial: Partial, html: bool, inside: tuple[str, ...]) -> CompiledPartial:
        """JSON is not escaped as HTML but in its own way, since only JSON can hold its variables."""
        form = _form(partial, html)
        name = f"partials/{partial.key}"
        is_html = html and form != "json_in_html"
        bound = self._bind(partial.content, name, is_html, self, (*inside, partial.key))
        below = [node.partial.depth for node in all_nodes(bound) if isinstance(node, PartialNode) and node.partial]
        return CompiledPartial(bound, name, form, dict(partial.defaults), 1 + max(below, default=0), bound.cost)


class Phrases:
    """Translations between `{% t %}` tags, as templates: they see what the template around them sees."""

    def __init__(self, compiled: Compiled, bind: Bind, *, html: bool) -> None:
        self._compiled = compiled
        self._bind = bind
        self._html = html
        self._templates: dict[str, Bound] = {}

    def __call__(self, text: str) -> Bound:
        """Raises `TemplateError`."""
        if text not in self._templates:
            self._templates[text] = self._bind(text, "translations/system", self._html, self._compiled, ())
        return self._templates[text]


def _form(partial: Partial, html: bool) -> Literal["as_is", "markdown", "json_in_html"]:
    """In a text every partial is output as it is."""
    if not html:
        return "as_is"
    return {"markdown": "markdown", "json": "json_in_html"}.get(partial.type, "as_is")  # type: ignore[return-value]
