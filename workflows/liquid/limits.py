"""What a template may consume. Generous for mail, and small beside a worker's memory and patience.

The language has no clock, so time is bounded as work: everything that takes time is charged to the rendering's `Budget`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from liquid.exceptions import ResourceLimitError

LOOP_ITERATION_LIMIT = 100_000
"""Rounds of nested loops, multiplied. A list of 1,000 lines with 100 cells each still fits."""

OUTPUT_LIMIT = 5_000_000
"""Characters of one text that a filter makes, and bytes of one rendered template. Mail programs cut messages at about
100 kB, servers refuse them at about 20 MB."""

LOCAL_NAMESPACE_LIMIT = 5_000_000
"""Bytes held by `assign` and `capture` together."""

NUMBER_LIMIT = 14_000
"""Bits of a whole number, about 4,200 digits: Python writes no longer ones, and calculating with them takes long."""

VALUE_LIMIT = 20_000_000
"""Characters in a list or map that a filter works on, all texts inside counted. A trigger's data has at most 10 MB."""

WORK_LIMIT = 1_000_000
"""Units of work of one rendering, partials included; a unit is one expression, one filter call, 256 characters or 4
elements of a list, some 3 µs. A usual mail takes a few hundred, the worst that was found for all of them took 4 s."""

MARKDOWN_LIMIT = 50_000
"""Characters of one text that is made HTML from Markdown; see `markdown_work`."""

PARTIAL_DEPTH = 5
"""How deep partials may nest (contract: semantics §0)."""


class WorkLimitReached(ResourceLimitError):
    """The template is not endless, but nobody wants to wait for it."""


class Budget:
    """What is left of the work that one rendering may do."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = WORK_LIMIT

    def spend(self, units: int) -> None:
        """Raises `WorkLimitReached`."""
        self.left -= units
        if self.left < 0:
            raise WorkLimitReached("the template does too much work, its work limit reached", token=None)


class Extent(NamedTuple):
    """How much there is in a value: `elements` of lists and maps on all levels, `characters` in all of its texts."""

    elements: int
    characters: int

    @property
    def work(self) -> int:
        """Units of work to go through the value once."""
        return (self.elements >> 2) + (self.characters >> 8)


def markdown_work(text: str) -> int:
    """Units of work to make it HTML. Raises `ValueError` for a text that is too long.

    Some texts, such as brackets that never close, take time with the square of their length: 100,000 took 2.7 s.
    """
    if len(text) > MARKDOWN_LIMIT:
        raise ValueError(f"Markdown of more than {MARKDOWN_LIMIT} characters")
    return (len(text) >> 4) + (len(text) * len(text) >> 12)


def extent(value: object) -> Extent:
    """Stops counting where one of the limits is passed. A range counts its numbers."""
    if isinstance(value, str):
        return Extent(0, len(value))
    if isinstance(value, range):
        return Extent(len(value), 0)
    if not isinstance(value, list | tuple | Mapping):
        return Extent(0, 0)
    return _deep_extent(value)


def _deep_extent(container: object) -> Extent:
    elements = characters = 0
    rest = [container]
    while rest and characters <= VALUE_LIMIT and elements <= 4 * WORK_LIMIT:
        value = rest.pop()
        if isinstance(value, str):
            characters += len(value)
        elif isinstance(value, Mapping):
            elements += len(value)
            rest.extend(value.values())
        elif isinstance(value, list | tuple):
            elements += len(value)
            rest.extend(value)
    return Extent(elements, characters)
