"""A step's JSON overrides: what its author wants changed in the vendor's own request (contract: workflow-schema §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def overridden(body: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the overrides over it, maps in maps deeply; an override of null takes the field out."""
    merged = dict(body)
    for name, value in overrides.items():
        known = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(known, Mapping):
            merged[name] = overridden(known, value)
        else:
            merged[name] = value
    return merged
