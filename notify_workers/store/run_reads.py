"""Recipient runs as they are shown: lists, one run, its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text, tuple_

from notify_workers.store.session import Transaction, sql
from notify_workers.store.tables import recipient_runs, triggers
from workflows.recipients import Reference

runs = recipient_runs.c


@dataclass(frozen=True, slots=True)
class RunRow:
    """A recipient run with what its trigger says of it."""

    id: UUID
    environment_id: UUID
    trigger_id: UUID
    workflow_key: str
    version_id: UUID
    recipient: Reference
    actor: Reference | None
    tenant: str | None
    status: str
    error_count: int
    paused_until: datetime | None
    cancellation_key: str | None
    sequence: int
    source: Mapping[str, Any]
    inserted_at: datetime
    updated_at: datetime

    @property
    def cursor(self) -> str:
        return f"{self.inserted_at.isoformat()}|{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a list is narrowed to. Times bound when the run was made: from `starting_at`, before `ending_at`."""

    workflow: str | None = None
    statuses: Sequence[str] = ()
    tenant: str | None = None
    has_errors: bool | None = None
    recipient: Reference | None = None
    starting_at: datetime | None = None
    ending_at: datetime | None = None


_COLUMNS = (
    runs.id,
    runs.environment_id,
    runs.trigger_id,
    runs.workflow_key,
    runs.version_id,
    runs.collection,
    runs.recipient_id,
    triggers.c.actor_collection,
    triggers.c.actor_id,
    runs.tenant,
    runs.status,
    runs.error_count,
    runs.paused_until,
    triggers.c.cancellation_key,
    triggers.c.sequence,
    triggers.c.source,
    runs.inserted_at,
    runs.updated_at,
)
# Written out, because an index that knows it does not know parameters.
_WITH_ERRORS = text("recipient_runs.error_count > 0")

_SELECT = select(*_COLUMNS).join_from(recipient_runs, triggers, triggers.c.id == runs.trigger_id)


def get_run(tx: Transaction, run_id: UUID, environment: UUID | None = None) -> RunRow | None:
    query = _SELECT.where(runs.id == run_id)
    if environment is not None:
        query = query.where(runs.environment_id == environment)
    row = tx.first(query)
    return _run(row) if row else None


def page_of_runs(
    tx: Transaction, environment: UUID, wanted: RunFilter, *, after: str | None, before: str | None, limit: int
) -> list[RunRow]:
    """Newest first, at most `limit`; with `before`, those that stand just before it. Cursors are `RunRow.cursor`."""
    place = tuple_(runs.inserted_at, runs.id)
    query = _narrowed(_SELECT.where(runs.environment_id == environment), wanted)
    if before is not None:
        query = query.where(place > tuple_(*_place(before))).order_by(runs.inserted_at, runs.id)
    else:
        query = query.order_by(runs.inserted_at.desc(), runs.id.desc())
    if after is not None:
        query = query.where(place < tuple_(*_place(after)))
    rows = [_run(row) for row in tx.rows(query.limit(limit))]
    return rows[::-1] if before is not None else rows


def _place(cursor: str) -> tuple[datetime, UUID]:
    """Raises `ValueError` for a cursor that is not ours."""
    moment, _, identifier = cursor.partition("|")
    return datetime.fromisoformat(moment), UUID(identifier)


def _narrowed(query: Select[Any], wanted: RunFilter) -> Select[Any]:
    equal = ((runs.workflow_key, wanted.workflow), (runs.tenant, wanted.tenant))
    query = query.where(*(column == value for column, value in equal if value is not None))
    if wanted.recipient is not None:
        query = query.where(runs.collection == wanted.recipient.collection, runs.recipient_id == wanted.recipient.id)
    if wanted.statuses:
        query = query.where(runs.status.in_(wanted.statuses))
    if wanted.has_errors is not None:
        query = query.where(_WITH_ERRORS if wanted.has_errors else runs.error_count == 0)
    if wanted.starting_at is not None:
        query = query.where(runs.inserted_at >= wanted.starting_at)
    return query if wanted.ending_at is None else query.where(runs.inserted_at < wanted.ending_at)


def _run(row: Any) -> RunRow:
    values = dict(row._mapping)
    recipient = Reference(values.pop("collection"), values.pop("recipient_id"))
    collection, identifier = values.pop("actor_collection"), values.pop("actor_id")
    return RunRow(recipient=recipient, actor=Reference(collection, identifier) if identifier else None, **values)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One line of the run log."""

    id: str
    event: str
    status: str
    step_ref: str | None
    step_type: str | None
    attempt: int
    data: Mapping[str, Any]
    at: datetime


_LOG = sql(
    "select number, step_ref, step_type, attempt, entries, at from run_log where run_id = :run_id order by number"
)


def run_events(tx: Transaction, run_id: UUID) -> list[LoggedEvent]:
    """Everything that happened in a run, in order."""
    return [
        LoggedEvent(
            id=entry.get("id") or f"{row.number:027d}",
            event=entry["event"],
            status=entry["status"],
            step_ref=row.step_ref,
            step_type=row.step_type,
            attempt=row.attempt,
            data=entry.get("data") or {},
            at=datetime.fromisoformat(entry["at"]) if "at" in entry else row.at,
        )
        for row in tx.rows(_LOG, run_id=run_id)
        for entry in row.entries
    ]
