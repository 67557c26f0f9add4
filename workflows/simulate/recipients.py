"""What a simulated world knows of users, tenants and objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_WRITTEN_AS_WHOLE = 1e16
"""From here on a float is written without its point, and read again as a whole number."""


@dataclass(frozen=True, slots=True)
class Known:
    """What has been said of a recipient. `preferences` are sets by id, `channel_data` by channel id."""

    properties: Mapping[str, Any]
    preferences: Mapping[str, Any]
    channel_data: Mapping[str, Any]
    updated_at: datetime


def stored(value: Any) -> Any:
    """As the engine's database gives it back (PostgreSQL's jsonb): the keys of maps by length, then by bytes.

    A template that prints a map shows that order.
    """
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (len(encoded := name.encode()), encoded))
        return {name: stored(value[name]) for name in names}
    if isinstance(value, list | tuple):
        return [stored(each) for each in value]
    if isinstance(value, float) and abs(value) >= _WRITTEN_AS_WHOLE and value.is_integer():
        return int(value)
    return value
