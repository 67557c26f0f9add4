"""Keys of batches, throttles and experiments: Liquid, a path, or a path in the data (contract: workflow-schema §3.3)."""

from __future__ import annotations

from collections.abc import Generator
from hashlib import sha256
from typing import Any

from workflows.effects import Effect
from workflows.judging import text_of
from workflows.liquid.lookups import rendering
from workflows.scope import StepContext


def resolve_key(source: str | None, context: StepContext, name: str) -> Generator[Effect, Any, str]:
    """The key's value as text; empty when nothing is given or found."""
    if not source:
        return ""
    if "{{" in source or "{%" in source:
        rendered: str = yield from rendering(context, lambda: text_of(source, context, name))
        return rendered.strip()
    return as_text(context.scope.lookup(source))


def as_text(value: object) -> str:
    """Scalars as people write them; maps and lists by a digest of their content."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    return sha256(repr(value).encode()).hexdigest()
