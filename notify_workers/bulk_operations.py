"""Bulk operations: many items, done by workers a chunk in a transaction, with progress that can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from notify_workers.store.bulk_operations import BulkOperation
from notify_workers.store.session import Transaction


def start(
    tx: Transaction, environment: UUID, name: str, items: Sequence[Any], context: Mapping[str, Any] | None = None
) -> BulkOperation:
    """Owes an operation. `name` is one of `bulk_kinds.KINDS`; `items` and `context` are JSON that its kind understands."""
    raise NotImplementedError


def completed(tx: Transaction, environment: UUID, name: str, total: int) -> BulkOperation:
    """Records an operation that was done in the request itself, all of it."""
    raise NotImplementedError


def run(due_id: int) -> None:
    """Does the next chunk of an operation, and rings for the one after it."""
    raise NotImplementedError
