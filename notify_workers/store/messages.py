"""Messages as they are shown: lists, one message, its content, events and activities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from notify_workers.store.recipients import Recipient, get_recipient
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import batch_items, batch_windows, messages, recipient_runs, triggers
from workflows.recipients import Reference
from workflows.statuses import MessageStatus

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
    """A message without its content. `data` is the run's. A guide's message has no run; its `workflow_key` is the guide's."""

    id: str
    environment_id: UUID
    run_id: UUID | None
    trigger_id: UUID | None
    version_id: UUID
    source_type: str
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
        *(column for column in columns if column.name not in {"content", "data"}),
        func.coalesce(recipient_runs.c.data, triggers.c.data, columns.data, func.jsonb_build_object()).label("data"),
    )
    .outerjoin_from(messages, recipient_runs, recipient_runs.c.id == columns.run_id)
    .outerjoin(triggers, triggers.c.id == columns.trigger_id)
)


def get_message(tx: Transaction, message_id: str, environment: UUID | None = None) -> MessageRow | None:
    query = _SELECT.where(columns.id == message_id)
    if environment is not None:
        query = query.where(columns.environment_id == environment)
    row = tx.first(query)
    return _message(row) if row else None


_STATUSES = sql("""
    select executed.step_ref, m.status, m.seen_at is not null as seen, m.read_at is not null as read,
        m.interacted_at is not null as interacted, m.link_clicked_at is not null as link_clicked,
        m.archived_at is not null as archived
    from (
        select distinct step_ref from run_log where run_id = :run and step_ref in (select jsonb_array_elements_text(:refs))
    ) executed
    left join messages m on m.run_id = :run and m.step_ref = executed.step_ref
    order by m.id
""")


def statuses_of(tx: Transaction, run_id: UUID, refs: Iterable[str]) -> dict[str, tuple[MessageStatus, ...]]:
    """What became of the messages of a run's steps. A step that made none has an empty tuple, one not executed is not in it."""
    found: dict[str, tuple[MessageStatus, ...]] = {}
    for row in tx.rows(_STATUSES, run=run_id, refs=as_json(sorted(refs))):
        known = found.setdefault(row.step_ref, ())
        if row.status is not None:
            engagement = frozenset(each for each in ENGAGEMENT if getattr(row, each))
            found[row.step_ref] = (*known, MessageStatus(row.status, engagement))
    return found


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
    if wanted.trigger_data:
        conditions.append(_tells_of(wanted.trigger_data))
    return conditions


def _engaged(status: str) -> ColumnElement[bool]:
    """`unseen` is the absence of `seen`, and so on."""
    if status in ENGAGEMENT:
        return columns[ENGAGEMENT[status]].is_not(None)
    return columns[ENGAGEMENT[status.removeprefix("un")]].is_(None)


def _tells_of(wanted: Mapping[str, Any]) -> ColumnElement[bool]:
    """Messages whose run has that data, or whose batch has an activity with it."""
    run, trigger, item, window = recipient_runs.alias(), triggers.alias(), batch_items, batch_windows
    data = func.coalesce(item.c.data, run.c.data, trigger.c.data)
    in_batch = (
        select(1)
        .select_from(item)
        .join(window, window.c.id == item.c.window_id)
        .join(run, run.c.id == item.c.run_id)
        .join(trigger, trigger.c.id == run.c.trigger_id)
        .where(
            item.c.window_id == recipient_runs.c.window_id,
            item.c.cancelled_at.is_(None),
            window.c.closed_at <= columns.inserted_at,
            *(_carries(data, name, value) for name, value in wanted.items()),
        )
    )
    own = func.coalesce(recipient_runs.c.data, triggers.c.data)
    return or_(and_(*(_carries(own, name, value) for name, value in wanted.items())), in_batch.exists())


def _carries(data: ColumnElement[Any], name: str, value: Any) -> ColumnElement[bool]:
    """Strings are compared up to 256 characters (contract: api-endpoints §1.4)."""
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
    """One trigger that a message tells of. `number` orders those of a message."""

    number: int
    trigger_id: UUID
    data: Mapping[str, Any]
    recipient: Recipient | None
    actor: Recipient | None
    inserted_at: datetime


# The batch is the last one that the run had gone through by then; a run may go through several, and send before the first.
_ACTIVITIES = sql("""
    with told as (
        select m.run_id, m.collection, m.recipient_id, (
            select w.id from batch_items i join batch_windows w on w.id = i.window_id
            where i.run_id = m.run_id and w.carrier_run = m.run_id and w.closed_at <= m.inserted_at
            order by w.closed_at desc limit 1
        ) as window_id
        from messages m where m.id = :message_id
    )
    select t.sequence as number, t.id, t.environment_id, t.inserted_at, t.actor_collection, t.actor_id,
        coalesce(i.data, r.data, t.data) as data, told.collection, told.recipient_id
    from told
    left join batch_items i on i.window_id = told.window_id and i.cancelled_at is null
    join recipient_runs r on r.id = coalesce(i.run_id, told.run_id)
    join triggers t on t.id = r.trigger_id
    order by number
""")


def activities(tx: Transaction, message_id: str) -> list[Activity]:
    """The triggers that a message tells of, oldest first."""
    found: list[Activity] = []
    known: dict[Reference, Recipient | None] = {}
    for row in tx.rows(_ACTIVITIES, message_id=message_id):
        recipient = Reference(row.collection, row.recipient_id)
        actor = Reference(row.actor_collection, row.actor_id) if row.actor_id else None
        for each in {recipient, actor or recipient} - known.keys():
            known[each] = get_recipient(tx, row.environment_id, each)
        found.append(
            Activity(
                number=row.number,
                trigger_id=row.id,
                data=row.data,
                recipient=known[recipient],
                actor=known[actor] if actor else None,
                inserted_at=row.inserted_at,
            )
        )
    return found
