"""The door to in-app feeds: what a user's feed shows of a channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from notify_workers.store import activities, feeds
from notify_workers.store.activities import Activity
from notify_workers.store.feeds import FeedCounts, FeedRow, FeedStatus
from notify_workers.store.messages import MessageFilter
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction
from workflows.recipients import USERS, Reference

MOST_ACTIVITIES = 10
"""Activities that an item of a feed carries; the others are listed by the message's own list."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item with whom it tells of. `actors` are those that are still known."""

    row: FeedRow
    actors: list[Recipient]
    activities: list[Activity] = field(default_factory=list)


def items_of(tx: Transaction, environment: UUID, rows: list[FeedRow], *, with_activities: bool) -> list[FeedItem]:
    """The rows of one page with what belongs to them."""
    references = {each for row in rows for each in _actors(row)}
    known = activities.recipients_of(tx, environment, references)
    ids = [row.message.id for row in rows] if with_activities else []
    told = activities.first_activities(tx, ids, MOST_ACTIVITIES)
    items = []
    for row in rows:
        of_row = told.get(row.message.id, [])
        of_batch = {each.actor.reference: each.actor for each in of_row if each.actor is not None}
        actors = of_batch or {each: known[each] for each in _actors(row) if each in known}
        items.append(FeedItem(row, list(actors.values()), of_row))
    return items


def _actors(row: FeedRow) -> list[Reference]:
    return [
        Reference(USERS, each) if isinstance(each, str) else Reference(each["collection"], each["id"])
        for each in row.message.actors
    ]


def page(
    tx: Transaction,
    environment: UUID,
    wanted: MessageFilter,
    status: FeedStatus,
    *,
    after: str | None,
    before: str | None,
    limit: int,
) -> tuple[list[FeedRow], FeedCounts]:
    """A page of a feed, newest first, and the counts that its badge shows."""
    rows = feeds.page_of_feed(tx, environment, wanted, status, after=after, before=before, limit=limit)
    return rows, feeds.counts(tx, environment, wanted)
