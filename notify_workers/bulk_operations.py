"""Bulk operations: many items, done by workers a chunk in a transaction, with progress that can be asked for.

A chunk's items, the progress they make and the place from which the next chunk goes on are written together, so that an
item is neither left out nor counted twice, whenever a worker dies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DataError

from notify_workers.bulk_kinds import KINDS, Kind
from notify_workers.errors import DoorbellError, StoreUnavailable
from notify_workers.settings import settings
from notify_workers.store import bulk_operations as rows
from notify_workers.store import subjects
from notify_workers.store.bulk_operations import BulkOperation, Chunk
from notify_workers.store.session import Transaction, transact
from notify_workers.store.subjects import SubjectClaim

KIND = "bulk"


def start(
    tx: Transaction, environment: UUID, name: str, items: Sequence[Any], context: Mapping[str, Any] | None = None
) -> BulkOperation:
    """Owes an operation. `name` is one of `bulk_kinds.KINDS`; `items` and `context` are JSON that its kind understands."""
    return rows.owe(tx, environment, name, items, context or {})


def completed(tx: Transaction, environment: UUID, name: str, total: int) -> BulkOperation:
    """Records an operation that was done in the request itself, all of it."""
    return rows.record(tx, environment, name, total)


def run(due_id: int) -> None:
    """Does the next chunk of an operation, and rings for the one after it."""
    transact(lambda tx: _run(tx, due_id))


def _run(tx: Transaction, due_id: int) -> None:
    claim = subjects.claim(tx, KIND, due_id)
    if claim is None:
        return
    chunk = rows.chunk(tx, claim.subject, claim.cursor, settings().bulk_chunk)
    if chunk is None:
        subjects.settle(tx, KIND, claim.subject)
        return
    kind = KINDS.get(chunk.name)
    if kind is None:
        rows.advance(tx, claim.subject, "failed", claim.cursor)
        subjects.settle(tx, KIND, claim.subject)
        return
    chunk = replace(chunk, items=chunk.items[: kind.at_once])
    _go_on(tx, claim, chunk, _failed(tx, claim.environment_id, kind, chunk))


def _go_on(tx: Transaction, claim: SubjectClaim, chunk: Chunk, failed: Sequence[Mapping[str, Any]]) -> None:
    place = claim.cursor + len(chunk.items)
    if chunk.items and place < chunk.total:
        rows.advance(tx, claim.subject, "processing", place, failed)
        subjects.move(tx, KIND, claim, cursor=place)
    else:
        rows.advance(tx, claim.subject, "completed", place, failed)
        subjects.settle(tx, KIND, claim.subject)


def _failed(tx: Transaction, environment: UUID, kind: Kind, chunk: Chunk) -> list[dict[str, Any]]:
    """Does a chunk's items, ordered by name, so that two operations on the same recipients do not wait for each other; items
    of one name keep their order. The names of those that could not be done, as they were given.
    """
    named = [kind.name_of(chunk.context, item) for item in chunk.items]
    places = sorted(range(len(named)), key=lambda place: (named[place][0] or "", named[place][1]))
    failed = [place for place in places if not _done(tx, environment, kind, chunk.context, chunk.items[place])]
    return [{"collection": named[place][0], "id": named[place][1]} for place in sorted(failed)]


def _done(tx: Transaction, environment: UUID, kind: Kind, context: Mapping[str, Any], item: Any) -> bool:
    """Whether the item was done; if not, nothing of it was. What is no fault of the item's own undoes the chunk."""
    bells = len(tx.bells)
    try:
        with tx.connection.begin_nested():
            kind.apply(tx, environment, context, item)
    except StoreUnavailable:
        raise
    except (DoorbellError, DataError):
        del tx.bells[bells:]
        return False
    return True
