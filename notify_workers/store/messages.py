"""Messages as they are shown: lists, one message, its content, events and activities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select

from notify_workers.store.recipients import Recipient, Reference, get_recipient
from notify_workers.store.session import Transaction, sql
from notify_workers.store.tables import messages, recipient_runs, triggers

columns = messages.c

ENGAGEMENT = {
    "seen": "seen_at",
    "read": "read_at",
    "interacted": "interacted_at",
    "link_clicked": "link_clicked_at",
    "archived": "archived_at",
}
"""Engagement statuses and the time that each was reached at."""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message without its content. `data` is the run's."""

    id: str
    environment_id: UUID
    run_id: UUID
    trigger_id: UUID
    version_id: UUID
    workflow_key: str
    categories: Sequence[str]
    step_ref: str
    channel_id: UUID
    channel_type: str
    recipient: Reference
    tenant: str | None
    actors: Sequence[Any]
    recipient_snapshot: Mapping[str, Any]
    metadata: Mapping[str, Any]
    status: str
    scheduled_at: datetime | None
    seen_at: datetime | None
    read_at: datetime | None
    interacted_at: datetime | None
    link_clicked_at: datetime | None
    archived_at: datetime | None
    inserted_at: datetime
    updated_at: datetime
    data: Mapping[str, Any]

    @property
    def engagement_statuses(self) -> list[str]:
        return [status for status, column in ENGAGEMENT.items() if getattr(self, column) is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What a list is narrowed to. Lists mean any of; `trigger_data` is a flat map, all of it."""

    tenant: str | None = None
    channel_id: UUID | None = None
    statuses: Sequence[str] = ()
    engagement_statuses: Sequence[str] = ()
    message_ids: Sequence[str] = ()
    workflow_categories: Sequence[str] = ()
    workflow: str | None = None
    trigger_id: UUID | None = None
    run_id: UUID | None = None
    trigger_data: Mapping[str, Any] | None = None
    inserted_gt: datetime | None = None
    inserted_gte: datetime | None = None
    inserted_lt: datetime | None = None
    inserted_lte: datetime | None = None


_SELECT = (
    select(
        *(column for column in columns if column.name != "content"),
        func.coalesce(recipient_runs.c.data, triggers.c.data).label("data"),
    )
    .join_from(messages, recipient_runs, recipient_runs.c.id == columns.run_id)
    .join(triggers, triggers.c.id == columns.trigger_id)
)


def get_message(tx: Transaction, message_id: str, environment: UUID | None = None) -> MessageRow | None:
    query = _SELECT.where(columns.id == message_id)
    if environment is not None:
        query = query.where(columns.environment_id == environment)
    row = tx.first(query)
    return _message(row) if row else None


def page_of_messages(
    tx: Transaction, environment: UUID, wanted: MessageFilter, *, after: str | None, before: str | None, limit: int
) -> list[MessageRow]:
    """Newest first, at most `limit`; with `before`, those that stand just before it. Cursors are ids."""
    query = _SELECT.where(columns.environment_id == environment, *_conditions(wanted))
    rows = [_message(row) for row in tx.rows(_cut(query, after, before).limit(limit))]
    return rows[::-1] if before is not None else rows


def _cut(query: Select[Any], after: str | None, before: str | None) -> Select[Any]:
    if before is not None:
        return query.where(columns.id > before).order_by(columns.id)
    if after is not None:
        query = query.where(columns.id < after)
    return query.order_by(columns.id.desc())


def _conditions(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    return [*_equalities(wanted), *_lists(wanted), *_times(wanted)]


def _equalities(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    pairs = (
        (columns.tenant, wanted.tenant),
        (columns.channel_id, wanted.channel_id),
        (columns.workflow_key, wanted.workflow),
        (columns.trigger_id, wanted.trigger_id),
        (columns.run_id, wanted.run_id),
    )
    return [column == value for column, value in pairs if value is not None]


def _lists(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.statuses:
        conditions.append(columns.status.in_(wanted.statuses))
    if wanted.message_ids:
        conditions.append(columns.id.in_(wanted.message_ids))
    if wanted.workflow_categories:
        conditions.append(or_(*(columns.categories.contains([each]) for each in wanted.workflow_categories)))
    if wanted.engagement_statuses:
        conditions.append(or_(*(_engaged(each) for each in wanted.engagement_statuses)))
    conditions += (_carries(name, value) for name, value in (wanted.trigger_data or {}).items())
    return conditions


def _engaged(status: str) -> ColumnElement[bool]:
    """`unseen` is the absence of `seen`, and so on."""
    if status in ENGAGEMENT:
        return columns[ENGAGEMENT[status]].is_not(None)
    return columns[ENGAGEMENT[status.removeprefix("un")]].is_(None)


def _carries(name: str, value: Any) -> ColumnElement[bool]:
    """Strings are compared up to 256 characters (contract: api-endpoints §1.4)."""
    data = func.coalesce(recipient_runs.c.data, triggers.c.data)
    if isinstance(value, str):
        return func.left(func.jsonb_extract_path_text(data, name), 256) == value[:256]
    return data.contains({name: value})


def _times(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    at = columns.inserted_at
    bounds = (
        (wanted.inserted_gt, at.__gt__),
        (wanted.inserted_gte, at.__ge__),
        (wanted.inserted_lt, at.__lt__),
        (wanted.inserted_lte, at.__le__),
    )
    return [compare(value) for value, compare in bounds if value is not None]


def _message(row: Any) -> MessageRow:
    values = dict(row._mapping)
    return MessageRow(recipient=Reference(values.pop("collection"), values.pop("recipient_id")), **values)


@dataclass(frozen=True, slots=True)
class MessageContent:
    message_id: str
    channel_type: str
    content: Mapping[str, Any]
    inserted_at: datetime


_CONTENT = sql("""
    select id as message_id, channel_type, content, inserted_at from messages where id = :id and environment_id = :environment
""")


def get_content(tx: Transaction, message_id: str, environment: UUID) -> MessageContent | None:
    row = tx.first(_CONTENT, id=message_id, environment=environment)
    return MessageContent(**row._mapping) if row else None


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """`number` orders the events of a message."""

    number: int
    id: str
    type: str
    data: Mapping[str, Any] | None
    at: datetime


_EVENTS = sql("select number, id, type, data, at from message_events where message_id = :message_id order by number")


def message_events(tx: Transaction, message_id: str) -> list[MessageEvent]:
    """What happened to a message, in order. A message has few: attempts bound them."""
    return [MessageEvent(**row._mapping) for row in tx.rows(_EVENTS, message_id=message_id)]


@dataclass(frozen=True, slots=True)
class Activity:
    """One trigger that a message tells of."""

    trigger_id: UUID
    data: Mapping[str, Any]
    recipient: Recipient | None
    actor: Recipient | None
    inserted_at: datetime


_ACTIVITY = sql("""
    select t.id, t.environment_id, t.inserted_at, t.actor_collection, t.actor_id, coalesce(r.data, t.data) as data,
        m.collection, m.recipient_id
    from messages m join recipient_runs r on r.id = m.run_id join triggers t on t.id = r.trigger_id
    where m.id = :message_id
""")


def activities(tx: Transaction, message_id: str) -> list[Activity]:
    """The triggers that a message tells of, oldest first."""
    found = []
    for row in tx.rows(_ACTIVITY, message_id=message_id):
        actor = Reference(row.actor_collection, row.actor_id) if row.actor_id else None
        found.append(
            Activity(
                trigger_id=row.id,
                data=row.data,
                recipient=get_recipient(tx, row.environment_id, Reference(row.collection, row.recipient_id)),
                actor=get_recipient(tx, row.environment_id, actor) if actor else None,
                inserted_at=row.inserted_at,
            )
        )
    return found
