"""Lists. `uniq` replaces the library's, which compares every element with every other one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from liquid.builtin.filters.array import _NULL
from liquid.builtin.filters.array import map_ as standard_map
from liquid.exceptions import FilterArgumentError
from liquid.filter import liquid_filter, sequence_filter

from workflows.liquid.values import identity, is_nothing


@liquid_filter
def intersect(value: Any, other: Any) -> list[Any]:
    """The elements of the first list that are in the second one too, each once, in the first one's order."""
    if not isinstance(value, list | tuple) or not isinstance(other, list | tuple):
        return []
    wanted = {identity(item) for item in other}
    return [item for item in _distinct(value, lambda item: item) if identity(item) in wanted]


@sequence_filter
def uniq(value: Any, key: Any = None) -> list[Any]:
    """The first of each kind of element, or of elements that have the same value under a key."""
    if is_nothing(key):
        return _distinct(value, lambda item: item)
    return _distinct(value, lambda item: _at(item, key))


def _distinct(items: Any, facet: Callable[[Any], Any]) -> list[Any]:
    seen = set()
    result = []
    for item in items:
        mark = identity(facet(item))
        if mark not in seen:
            seen.add(mark)
            result.append(item)
    return result


def _at(item: Any, key: Any) -> Any:
    if not isinstance(item, Mapping):
        raise FilterArgumentError(f"can't read property '{key}' of {item}", token=None)
    return item.get(key)


def map_(value: Any, key: Any) -> Any:
    """As the library's, with nothing for an element that has no such key, which `compact` then drops."""
    found = standard_map(value, key)
    return [None if item is _NULL else item for item in found] if isinstance(found, list) else found


FILTERS: dict[str, Callable[..., Any]] = {"intersect": intersect, "map": map_, "uniq": uniq}
