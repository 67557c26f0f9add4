"""Showing a place in a text: its line and column, and the line with a caret under it."""

from __future__ import annotations

from dataclasses import dataclass

_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column count from 1. `excerpt` is two lines: the text's line and the caret."""

    line: int
    column: int
    excerpt: str


def place_at(source: str, index: int) -> Place:
    """The place of a character; an index outside of the text means its end. Long lines are cut around the caret."""
    index = index if 0 <= index <= len(source) else len(source.rstrip())
    start = source.rfind("\n", 0, index) + 1
    text = source[start:].partition("\n")[0].rstrip("\r")
    return Place(source.count("\n", 0, index) + 1, index - start + 1, _with_caret(text, index - start))


def _with_caret(text: str, column: int) -> str:
    first = max(0, column - _WIDTH // 2)
    shown = text[first : first + _WIDTH].replace("\t", " ")
    return f"{shown}\n{' ' * (column - first)}^"
