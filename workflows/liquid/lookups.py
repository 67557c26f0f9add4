"""Entities that a template asks for while it renders: `{{ "user_1" | user }}` (contract: semantics §20).

The language does no I/O. So a template that needs an entity stops, the step handler asks for it, and the template is
rendered again, knowing it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from workflows.effects import Effect, LookUp
from workflows.errors import TemplateError
from workflows.liquid.entities import EntityNeeded
from workflows.scope import StepContext

__all__ = ["LOOKUP_LIMIT", "EntityNeeded", "rendering"]

LOOKUP_LIMIT = 50
"""How many entities one rendering may look up. Each one is a query, and renders everything again."""

T = TypeVar("T")


def rendering(context: StepContext, render: Callable[[], T]) -> Generator[Effect, Any, T]:
    """What `render` returns, once all entities are there that its templates need. `render` reads `context.scope`.

    Entities stay in the scope: other templates of the step do not ask again. Raises what `render` raises, and
    `TemplateError` when it asks for more than `LOOKUP_LIMIT` entities.
    """
    for _ in range(LOOKUP_LIMIT):
        try:
            return render()
        except EntityNeeded as needed:
            kind, collection, id_ = needed.kind, needed.collection, needed.id
        context.scope.entities[kind, collection, id_] = yield LookUp(kind, collection, id_)
    return _last(render)


def _last(render: Callable[[], T]) -> T:
    try:
        return render()
    except EntityNeeded as needed:
        message = f"more than {LOOKUP_LIMIT} entities are looked up, the last one is {needed}"
        raise TemplateError(message, name="templates") from None
