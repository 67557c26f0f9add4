"""Messages as they are shown: lists, one message, its content, events and activities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal_column, or_, select, text

from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import message_events, messages, recipient_runs, triggers
from notify_workers.store.trigger_data import among, tells_of
from workflows.recipients import USERS, Reference
from workflows.statuses import MessageStatus

columns = messages.c

# Written out, because an index that knows it does not know parameters.
_OF_FEEDS = text("messages.channel_type = 'in_app_feed'")

LONGEST_NUMBER = 18
"""Digits that always fit into a bigint."""

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
    """What a list is narrowed to. Lists mean any of; `trigger_data` is a flat map, all of it.

    In `tenants` and `allowed_tenants` None stands for messages that belong to no tenant; the latter None allows all.
    `lacking` is an engagement status, or `unseen` and the like, that is not so yet.
    """

    recipient: Reference | None = None
    user_ids: Sequence[str] = ()
    workflows: Sequence[str] = ()
    tenants: Sequence[str | None] = ()
    allowed_tenants: Sequence[str | None] | None = None
    has_tenant: bool | None = None
    archived: Literal["exclude", "include", "only"] = "include"
    tenant: str | None = None
    channel_id: UUID | None = None
    statuses: Sequence[str] = ()
    engagement_statuses: Sequence[str] = ()
    lacking: str | None = None
    of_feeds: bool = False
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


SELECT = (
    select(
        *(column for column in columns if column.name not in {"content", "data"}),
        func.coalesce(recipient_runs.c.data, triggers.c.data, columns.data, func.jsonb_build_object()).label("data"),
    )
    .outerjoin_from(messages, recipient_runs, recipient_runs.c.id == columns.run_id)
    .outerjoin(triggers, triggers.c.id == columns.trigger_id)
)


def get_message(tx: Transaction, message_id: str, environment: UUID | None = None) -> MessageRow | None:
    query = SELECT.where(columns.id == message_id)
    if environment is not None:
        query = query.where(columns.environment_id == environment)
    row = tx.first(query)
    return message_of(row) if row else None


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
    query = SELECT.where(columns.environment_id == environment, *found_by(tx, environment, wanted))
    rows = [message_of(row) for row in tx.rows(_cut(query, after, before).limit(_fixed(limit)))]
    return rows[::-1] if before is not None else rows


def messages_by_id(tx: Transaction, environment: UUID, ids: Sequence[str]) -> dict[str, MessageRow]:
    """Those of an environment that exist."""
    query = SELECT.where(columns.environment_id == environment, columns.id.in_(ids))
    return {row.id: message_of(row) for row in tx.rows(query)}


def matching(
    tx: Transaction,
    environment: UUID,
    wanted: MessageFilter,
    *,
    above: str = "",
    upto: str | None = None,
    limit: int | None = None,
) -> list[str]:
    """Ids of messages, newest first: those after `above`, up to and with `upto`, at most `limit`."""
    query = _ids(tx, environment, wanted).where(columns.id > above)
    if upto is not None:
        query = query.where(columns.id <= upto)
    return list(tx.connection.scalars(query.order_by(columns.id.desc()).limit(_fixed(limit))))


def pieces(tx: Transaction, environment: UUID, wanted: MessageFilter, *, upto: str, size: int) -> list[dict[str, str]]:
    """Messages up to `upto`, newest first, cut into pieces of `size`: `{above, upto}` of each, as `matching` takes it."""
    place = func.row_number().over(order_by=columns.id.desc()).label("place")
    counted = _ids(tx, environment, wanted).add_columns(place).where(columns.id <= upto).subquery()
    ends = list(
        tx.connection.scalars(select(counted.c.id).where(counted.c.place % size == 0).order_by(counted.c.id.desc()))
    )
    return [{"above": below, "upto": above} for above, below in zip([upto, *ends], [*ends, ""], strict=True)]


def _fixed(limit: int | None) -> ColumnElement[int] | None:
    """Written out: a plan that does not know a limit as high as this one expects to need everything, and sorts it."""
    return None if limit is None else literal_column(str(int(limit)))


def _ids(tx: Transaction, environment: UUID, wanted: MessageFilter) -> Select[Any]:
    found = found_by(tx, environment, wanted)
    return select(columns.id).where(columns.environment_id == environment, *found)


def _cut(query: Select[Any], after: str | None, before: str | None) -> Select[Any]:
    if before is not None:
        return query.where(columns.id > before).order_by(columns.id)
    if after is not None:
        query = query.where(columns.id < after)
    return query.order_by(columns.id.desc())


def found_by(tx: Transaction, environment: UUID, wanted: MessageFilter) -> list[ColumnElement[bool]]:
    """The filter's conditions, and where to look for trigger data that few have."""
    return [*_conditions(wanted), *among(tx, environment, wanted.trigger_data)]


def _conditions(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    return [*_recipients(wanted), *_equalities(wanted), *_tenants(wanted), *_lists(wanted), *_times(wanted)]


def _recipients(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.recipient is not None:
        conditions += [columns.collection == wanted.recipient.collection, columns.recipient_id == wanted.recipient.id]
    if wanted.user_ids:
        conditions += [columns.collection == USERS, columns.recipient_id.in_(wanted.user_ids)]
    return conditions


def _tenants(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.tenants:
        conditions.append(_of_tenants(wanted.tenants))
    if wanted.allowed_tenants is not None:
        conditions.append(_of_tenants(wanted.allowed_tenants))
    if wanted.has_tenant is not None:
        conditions.append(columns.tenant.is_not(None) if wanted.has_tenant else columns.tenant.is_(None))
    if wanted.archived != "include":
        at = columns.archived_at
        conditions.append(at.is_(None) if wanted.archived == "exclude" else at.is_not(None))
    return conditions


def _of_tenants(tenants: Sequence[str | None]) -> ColumnElement[bool]:
    named = columns.tenant.in_([each for each in tenants if each is not None])
    return or_(named, columns.tenant.is_(None)) if None in tenants else named


def _equalities(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    pairs = (
        (columns.tenant, wanted.tenant),
        (columns.channel_id, wanted.channel_id),
        (columns.workflow_key, wanted.workflow),
        (columns.trigger_id, wanted.trigger_id),
        (columns.run_id, wanted.run_id),
    )
    return [column == value for column, value in pairs if value is not None]


def _lists(wanted: MessageFilter) -> list[Any]:
    conditions: list[Any] = []
    if wanted.statuses:
        conditions.append(columns.status.in_(wanted.statuses))
    if wanted.workflows:
        conditions.append(columns.workflow_key.in_(wanted.workflows))
    if wanted.message_ids:
        conditions.append(columns.id.in_(wanted.message_ids))
    if wanted.workflow_categories:
        conditions.append(or_(*(columns.categories.contains([each]) for each in wanted.workflow_categories)))
    if wanted.engagement_statuses:
        conditions.append(or_(*(_engaged(each) for each in wanted.engagement_statuses)))
    if wanted.lacking:
        opposite = wanted.lacking.removeprefix("un")
        conditions.append(_engaged(opposite if opposite != wanted.lacking else f"un{opposite}"))
    if wanted.of_feeds:
        conditions.append(_OF_FEEDS)
    if wanted.trigger_data:
        conditions.append(tells_of(wanted.trigger_data))
    return conditions


def _engaged(status: str) -> ColumnElement[bool]:
    """`unseen` is the absence of `seen`, and so on."""
    if status in ENGAGEMENT:
        return columns[ENGAGEMENT[status]].is_not(None)
    return columns[ENGAGEMENT[status.removeprefix("un")]].is_(None)


def _times(wanted: MessageFilter) -> list[ColumnElement[bool]]:
    at = columns.inserted_at
    bounds = (
        (wanted.inserted_gt, at.__gt__),
        (wanted.inserted_gte, at.__ge__),
        (wanted.inserted_lt, at.__lt__),
        (wanted.inserted_lte, at.__le__),
    )
    return [compare(value) for value, compare in bounds if value is not None]


def message_of(row: Any) -> MessageRow:
    values = dict(row._mapping)
    return MessageRow(recipient=Reference(values.pop("collection"), values.pop("recipient_id")), **values)


@dataclass(frozen=True, slots=True)
class MessageContent:
    message_id: str
    channel_type: str
    content: Mapping[str, Any]
    inserted_at: datetime


_CONTENTS = sql("""
    select id as message_id, channel_type, content, inserted_at from messages
    where id in (select jsonb_array_elements_text(:ids)) and environment_id = :environment
""")


def get_contents(tx: Transaction, ids: Sequence[str], environment: UUID) -> dict[str, MessageContent]:
    """Of the messages that exist."""
    rows = tx.rows(_CONTENTS, ids=as_json(list(ids)), environment=environment)
    return {row.message_id: MessageContent(**row._mapping) for row in rows}


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """`number` orders the events of a message."""

    number: int
    id: str
    type: str
    data: Mapping[str, Any] | None
    at: datetime


_EVENTS = select(
    message_events.c.number, message_events.c.id, message_events.c.type, message_events.c.data, message_events.c.at
)


def page_of_events(
    tx: Transaction, message_id: str, *, after: str | None = None, before: str | None = None, limit: int | None = None
) -> list[MessageEvent]:
    """What happened to a message, in order. Cursors are numbers. Raises `ValueError` for one that is none."""
    query = in_order(_EVENTS.where(message_events.c.message_id == message_id), message_events.c.number, after, before)
    rows = [MessageEvent(**row._mapping) for row in tx.rows(query.limit(limit))]
    return rows[::-1] if before is not None else rows


def in_order(query: Select[Any], number: Any, after: str | None, before: str | None) -> Select[Any]:
    """Cut at a cursor, by a column that counts. Raises `ValueError` for a cursor that is no number."""
    if before is not None:
        return query.where(number < _number(before)).order_by(number.desc())
    if after is not None:
        query = query.where(number > _number(after))
    return query.order_by(number)


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > LONGEST_NUMBER:
        raise ValueError("no number")
    return int(cursor)
