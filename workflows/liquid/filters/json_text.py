"""Values as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from liquid import Undefined


def as_json(value: object, indent: int | None = None) -> str:
    """Compact unless an indent is given; nothing is `null`."""
    separators = (",", ":") if indent is None else None
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=indent, separators=separators)


def _plain(value: object) -> Any:
    if isinstance(value, Undefined):
        return None
    if isinstance(value, Mapping):
        return dict(value)
    return value.isoformat() if isinstance(value, date) else str(value)


FILTERS = {"json": as_json}
