"""`{{ "welcome.title" | t: name: recipient.name, count: 2 }}`: a text in the recipient's language."""

from __future__ import annotations

from typing import Any

from liquid.filter import with_context

from workflows.liquid.context import Context
from workflows.liquid.translations import find, interpolated
from workflows.liquid.values import is_nothing


@with_context
def t(value: Any, *, context: Context, **variables: Any) -> Any:
    """The key itself when there is no text for it in any language that applies."""
    if is_nothing(value):
        return ""
    text = find(context.texts, str(value), variables.get("count"))
    return value if text is None else interpolated(text, variables, html=context.autoescape)


FILTERS = {"t": t}
