"""A user's in-app feed: its items and their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, true

from notify_workers.store.activities import window_told
from notify_workers.store.messages import SELECT, MessageFilter, MessageRow, columns, found_by
from notify_workers.store.session import Transaction
from workflows.recipients import Reference

FeedStatus = Literal["unread", "read", "unseen", "seen", "all"]

# Written out, because an index that knows it does not know parameters.
_OF_FEEDS = text("messages.channel_type = 'in_app_feed'")

ARRIVED = ("sent", "delivered")
"""Statuses of what a feed shows. What is scheduled for later, or was cancelled before, is in none."""

_ARRIVED = text(f"messages.status in {ARRIVED}")

_STATUSES: Mapping[str, Sequence[ColumnElement[bool]]] = {
    "all": (),
    "read": (columns.read_at.is_not(None),),
    "unread": (columns.read_at.is_(None),),
    "seen": (columns.seen_at.is_not(None),),
    "unseen": (columns.seen_at.is_(None),),
}


@dataclass(frozen=True, slots=True)
class FeedRow:
    """`totals` are those of the batch, activities and actors; None when the message tells of one trigger."""

    message: MessageRow
    content: Mapping[str, Any]
    totals: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class FeedCounts:
    total: int
    unread: int
    unseen: int


def page_of_feed(
    tx: Transaction,
    environment: UUID,
    wanted: MessageFilter,
    status: FeedStatus,
    *,
    after: str | None,
    before: str | None,
    limit: int,
) -> list[FeedRow]:
    """Newest first, at most `limit`; with `before`, those that stand just before it. Cursors are ids.

    `wanted` names the channel and the user.
    """
    window = window_told()
    query = (
        SELECT.add_columns(columns.content, window.c.total_activities, window.c.total_actors)
        .outerjoin(window, true())
        .where(*_narrowed(tx, environment, wanted), *_STATUSES[status])
    )
    if before is not None:
        rows = tx.rows(query.where(columns.id > before).order_by(columns.id).limit(limit))
        return [_row(row) for row in reversed(rows)]
    if after is not None:
        query = query.where(columns.id < after)
    return [_row(row) for row in tx.rows(query.order_by(columns.id.desc()).limit(limit))]


def counts(tx: Transaction, environment: UUID, wanted: MessageFilter) -> FeedCounts:
    """Of everything that the filter finds, whatever its status."""
    each = {status: func.count().filter(*_STATUSES[status]) for status in ("unread", "unseen")}
    counted = select(func.count().label("total"), *(each[name].label(name) for name in each))
    return FeedCounts(**tx.one(counted.where(*_narrowed(tx, environment, wanted)))._mapping)


def _narrowed(tx: Transaction, environment: UUID, wanted: MessageFilter) -> list[Any]:
    return [columns.environment_id == environment, _OF_FEEDS, _ARRIVED, *found_by(tx, environment, wanted)]


def _row(row: Any) -> FeedRow:
    values = dict(row._mapping)
    content, activities, actors = (values.pop(name) for name in ("content", "total_activities", "total_actors"))
    recipient = Reference(values.pop("collection"), values.pop("recipient_id"))
    totals = None if activities is None else (activities, actors or 0)
    return FeedRow(MessageRow(recipient=recipient, **values), content, totals)
