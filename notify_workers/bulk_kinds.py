"""What each bulk operation does with an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notify_workers.store.session import Transaction

Apply = Callable[[Transaction, UUID, Mapping[str, Any], Any], None]
"""`(tx, environment, context, item)`: does one item; twice is the same as once. Raises `DoorbellError` for one that cannot be
done: it is undone, counted and named, and the others go on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`name_of` gives `(collection or None, id)` of an item, for the report of those that failed."""

    apply: Apply
    name_of: Callable[[Mapping[str, Any], Any], tuple[str | None, str]]


KINDS: dict[str, Kind] = {}
