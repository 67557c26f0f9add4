"""Templates that render to JSON: a step's data, properties and request bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any, NoReturn

from workflows.effects import Effect
from workflows.errors import StepFailed
from workflows.judging import text_of
from workflows.liquid.lookups import rendering
from workflows.scope import StepContext

DEEPEST = 100
"""Maps and lists inside of each other. Far below what can be written and not read again (200)."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def render_text(source: str, context: StepContext, name: str, *, strict: bool = False) -> Generator[Effect, Any, str]:
    """`strict`: raises `TemplateError` for an undefined variable that is output."""
    rendered: str = yield from rendering(context, lambda: text_of(source, context, name, strict=strict))
    return rendered.strip()


def render_object(
    source: str, context: StepContext, name: str, *, strict: bool = False
) -> Generator[Effect, Any, dict[str, Any]]:
    """A JSON object; nothing rendered is an empty one. Raises `StepFailed`, which says where the JSON breaks."""
    value = yield from render_json(source, context, name, strict=strict)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise StepFailed(f"{name} renders to {type(value).__name__}, not to a JSON object")
    return value


def render_json(source: str, context: StepContext, name: str, *, strict: bool = False) -> Generator[Effect, Any, Any]:
    """Any JSON value; None when nothing is rendered. Raises `StepFailed`."""
    text = yield from render_text(source, context, name, strict=strict)
    if not text:
        return None
    try:
        return parse_json(text)
    except ValueError as error:
        raise StepFailed(f"{name} does not render to JSON: {error}") from error


def parse_json(text: str) -> Any:
    """JSON that can become a run's data. Raises `ValueError` for what is no JSON, and for what cannot be kept: numbers
    beyond 1.8e308, NUL, halves of characters, more than `DEEPEST` levels.
    """
    if _NUL.search(text):
        raise ValueError("a text in it holds NUL")
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError(f"it nests more than {DEEPEST} deep") from None
    if _is_deeper(value, DEEPEST):
        raise ValueError(f"it nests more than {DEEPEST} deep")
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text in it holds half of a character") from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{digits} is too large")
    return number


def _is_deeper(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) and (levels == 0 or any(_is_deeper(each, levels - 1) for each in inner))
