"""Values as JSON text, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from liquid import Markup, Undefined

from workflows.liquid.values import is_nothing

_WIDEST_INDENT = 16


def as_json(value: object, indent: int | None = None) -> str:
    """Compact unless an indent is given; nothing is `null`."""
    if indent is not None and not 0 <= indent <= _WIDEST_INDENT:
        raise ValueError(f"an indent is between 0 and {_WIDEST_INDENT}")
    separators = (",", ":") if indent is None else None
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=indent, separators=separators)


def _plain(value: object) -> Any:
    if isinstance(value, Undefined):
        return None
    if isinstance(value, Mapping):
        return dict(value)
    return value.isoformat() if isinstance(value, date) else str(value)


def from_json(value: Any) -> Any:
    """The value that the text says; nothing when there is no text. What is no text is taken as it is.

    So a partial's input may be given as JSON or as the value itself. Raises `ValueError` for a text that is no JSON.
    """
    if is_nothing(value) or value == "":
        return None
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        if isinstance(value, Markup):  # captured in a mail's body, where its quotes were escaped
            return json.loads(value.unescape())
        raise


FILTERS = {"json": as_json, "from_json": from_json}
