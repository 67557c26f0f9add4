"""Filters beside the standard ones: one file per family, each listing its filters in `FILTERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflows.liquid.filters import dates, json_text

_FAMILIES = (dates.FILTERS, json_text.FILTERS)


def all_filters(standard: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The standard filters and every family's; a family's filter replaces the standard one of the same name."""
    filters = dict(standard)
    for family in _FAMILIES:
        filters.update(family)
    return filters
