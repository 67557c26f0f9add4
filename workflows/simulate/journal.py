"""Changes to tables, which are taken back together when the step that made them does not come to pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Journal:
    """Values in tables are immutable: what is taken back is which of them stands where."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] | None = None

    def begin(self) -> None:
        self._undo = []

    def commit(self) -> None:
        self._undo = None

    def roll_back(self) -> None:
        """Nothing that was changed since the beginning is changed. A new beginning."""
        for undo in reversed(self._undo or []):
            undo()
        self._undo = []

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        if self._undo is not None:
            self._undo.append(_restoring(table, key))
        table[key] = value

    def drop(self, table: dict[K, V], key: K) -> None:
        """Does nothing when it is not there."""
        if key in table:
            if self._undo is not None:
                self._undo.append(_restoring(table, key))
            del table[key]

    def add(self, values: list[V], value: V) -> None:
        if self._undo is not None:
            self._undo.append(values.pop)
        values.append(value)


def _restoring(table: dict[K, V], key: K) -> Callable[[], object]:
    if key not in table:
        return lambda: table.pop(key)
    before = table[key]
    return lambda: table.__setitem__(key, before)
