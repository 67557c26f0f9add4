"""What feeds show: items in the order of their arrival, counts, and what has changed since a number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select, text, true

from notify_workers.store.activities import window_told
from notify_workers.store.feed_filters import Archived, Count, Entry, FeedCounts, FeedFilter, FeedStatus
from notify_workers.store.messages import SELECT, MessageRow, columns
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import feed_entries, messages
from notify_workers.store.trigger_data import among, tells_of
from workflows.recipients import Reference

entries = feed_entries.c


@dataclass(frozen=True, slots=True)
class FeedRow:
    """`totals` are those of the batch, activities and actors; None when the message tells of one trigger."""

    message: MessageRow
    content: Mapping[str, Any]
    totals: tuple[int, int] | None
    number: int
    changed: int


ARRIVED = ("sent", "delivered")
"""Statuses of what a feed shows. What is scheduled for later, or was cancelled before, is in none."""

_IN_FEED: Mapping[FeedStatus, str] = {
    "all": "true",
    "unread": "not feed_entries.read",
    "read": "feed_entries.read",
    "unseen": "not feed_entries.seen",
    "seen": "feed_entries.seen",
}
_ARCHIVED: Mapping[Archived, str] = {
    "exclude": "not feed_entries.archived",
    "include": "true",
    "only": "feed_entries.archived",
}


def page_of_feed(
    tx: Transaction,
    environment: UUID,
    feed_id: int,
    wanted: FeedFilter,
    status: FeedStatus,
    *,
    after: int | None,
    before: int | None,
    limit: int,
) -> list[FeedRow]:
    """The newest first, at most `limit`; with `before`, those that stand just before it. Cursors are numbers."""
    query = _items().where(*_found(tx, environment, feed_id, wanted), text(_IN_FEED[status]))
    if before is not None:
        rows = tx.rows(query.where(entries.number > before).order_by(entries.number).limit(limit))
        return [_row(row) for row in reversed(rows)]
    if after is not None:
        query = query.where(entries.number < after)
    return [_row(row) for row in tx.rows(query.order_by(entries.number.desc()).limit(limit))]


def items(tx: Transaction, feed_id: int, ids: Sequence[str]) -> list[FeedRow]:
    """Some of a feed's items."""
    return [_row(row) for row in tx.rows(_items().where(entries.feed_id == feed_id, entries.message_id.in_(ids)))]


@cache
def _items() -> Select[Any]:
    window = window_told()
    return (
        SELECT.add_columns(
            columns.content, window.c.total_activities, window.c.total_actors, entries.number, entries.changed
        )
        .join(feed_entries, entries.message_id == columns.id)
        .outerjoin(window, true())
    )


def _row(row: Any) -> FeedRow:
    values = dict(row._mapping)
    content, activities, actors, number, changed = (values.pop(name) for name in _BESIDES)
    recipient = Reference(values.pop("collection"), values.pop("recipient_id"))
    totals = None if activities is None else (activities, actors or 0)
    return FeedRow(MessageRow(recipient=recipient, **values), content, totals, number, changed)


_BESIDES = ("content", "total_activities", "total_actors", "number", "changed")


_COUNTS = sql("""
    select feed_id, tenant, workflow_key, categories, archived, total, unread, unseen
    from feed_counts where feed_id = any(:feeds) and total > 0
""")


def kept_counts(tx: Transaction, feeds: Collection[int]) -> dict[int, list[Count]]:
    found: dict[int, list[Count]] = {each: [] for each in feeds}
    for row in tx.rows(_COUNTS, feeds=list(feeds)):
        values = dict(row._mapping)
        found[values.pop("feed_id")].append(Count(**values))
    return found


def counted(tx: Transaction, environment: UUID, feed_id: int, wanted: FeedFilter) -> FeedCounts:
    """Of everything that a filter finds whose counts are not kept."""
    names: tuple[tuple[str, FeedStatus], ...] = (("total", "all"), ("unread", "unread"), ("unseen", "unseen"))
    each = [func.count().filter(text(_IN_FEED[status])).label(name) for name, status in names]
    query = select(*each).select_from(feed_entries)
    if wanted.trigger_data:
        query = query.join(messages, entries.message_id == columns.id)
    return FeedCounts(**tx.one(query.where(*_found(tx, environment, feed_id, wanted)))._mapping)


def found_among(tx: Transaction, environment: UUID, feed_id: int, wanted: FeedFilter, ids: Sequence[str]) -> list[str]:
    """Which of those items a filter finds."""
    query = select(entries.message_id).join_from(feed_entries, messages, entries.message_id == columns.id)
    query = query.where(*_found(tx, environment, feed_id, wanted), entries.message_id.in_(ids))
    return list(tx.connection.scalars(query))


def _found(tx: Transaction, environment: UUID, feed_id: int, wanted: FeedFilter) -> list[Any]:
    """Flags are written out, because indexes that know them do not know parameters."""
    conditions: list[Any] = [
        entries.feed_id == feed_id,
        text("feed_entries.gone_at is null"),
        text(_ARCHIVED[wanted.archived]),
    ]
    conditions += [*_tenants(wanted), *_times(wanted)]
    if wanted.workflow is not None:
        conditions.append(entries.workflow_key == wanted.workflow)
    if wanted.categories:
        conditions.append(or_(*(entries.categories.contains([each]) for each in sorted(wanted.categories))))
    if wanted.trigger_data:
        data = dict(wanted.trigger_data)
        conditions += [tells_of(data), *among(tx, environment, data)]
    return conditions


def _tenants(wanted: FeedFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.tenants is not None:
        named = entries.tenant.in_(sorted(each for each in wanted.tenants if each is not None))
        conditions.append(or_(named, entries.tenant.is_(None)) if None in wanted.tenants else named)
    if wanted.has_tenant is not None:
        conditions.append(entries.tenant.is_not(None) if wanted.has_tenant else entries.tenant.is_(None))
    return conditions


def _times(wanted: FeedFilter) -> list[ColumnElement[bool]]:
    at = entries.inserted_at
    bounds = (
        (wanted.inserted_gt, at.__gt__),
        (wanted.inserted_gte, at.__ge__),
        (wanted.inserted_lt, at.__lt__),
        (wanted.inserted_lte, at.__le__),
    )
    return [compare(value) for value, compare in bounds if value is not None]


_CHANGES = sql("""
    select c.feed_id, c.message_id, c.number, c.changed, c.tenant, c.workflow_key, c.categories, c.archived, c.inserted_at,
        c.gone_at is not null as gone
    from jsonb_to_recordset(:since) as s (feed_id bigint, sequence bigint)
    cross join lateral (
        select * from feed_entries e where e.feed_id = s.feed_id and e.changed > s.sequence order by e.changed limit :limit
    ) c
    order by c.feed_id, c.changed
""")


def changes(tx: Transaction, since: Mapping[int, int], limit: int) -> dict[int, list[Entry]]:
    """What has changed in feeds since a number of each, in order, at most `limit` of each."""
    found: dict[int, list[Entry]] = {each: [] for each in since}
    asked = as_json([{"feed_id": feed, "sequence": sequence} for feed, sequence in since.items()])
    for row in tx.rows(_CHANGES, since=asked, limit=limit):
        found[row.feed_id].append(Entry(**row._mapping))
    return found


_BEFORE = sql("""
    select coalesce(min(number) - 1, :sequence) from (
        select number, arrived_at from feed_entries where feed_id = :feed and gone_at is null order by number desc limit :limit
    ) newest
    where arrived_at > clock_timestamp() - make_interval(secs => :age)
""")


def sequence_before(tx: Transaction, feed_id: int, sequence: int, age: float, limit: int) -> int:
    """The number after which the items of the last `age` seconds arrived, at most `limit` of them."""
    return int(tx.scalar(_BEFORE, feed=feed_id, sequence=sequence, age=age, limit=limit))


_NUMBER = sql("select number from feed_entries where feed_id = :feed and message_id = :message")


def number_of(tx: Transaction, feed_id: int, message_id: str) -> int | None:
    """Where an item stands; None when the feed never had it."""
    return tx.scalar(_NUMBER, feed=feed_id, message=message_id)  # type: ignore[no-any-return]
