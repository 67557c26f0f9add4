"""Filters beside the standard ones: one file per family, each listing its filters in `FILTERS`.

Source of what Knock's do: https://docs.knock.app/template-editor/reference-liquid-helpers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflows.liquid.filters import dates, entities, hashes, json_text, lists, localized, numbers, text, translate

_FAMILIES: list[Mapping[str, Callable[..., Any]]] = [
    dates.FILTERS,
    entities.FILTERS,
    hashes.FILTERS,
    json_text.FILTERS,
    lists.FILTERS,
    localized.FILTERS,
    numbers.FILTERS,
    text.FILTERS,
    translate.FILTERS,
]


def all_filters(standard: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The standard filters and every family's; a family's filter replaces the standard one of the same name."""
    filters = dict(standard)
    for family in _FAMILIES:
        filters.update(family)
    return filters
