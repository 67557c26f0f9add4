"""The door to in-app feeds: what a user's feed shows of a channel, and what has changed in it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from redis import RedisError

from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.redis_client import client
from notify_workers.store import activities, feed_changes, feeds
from notify_workers.store.activities import Activity
from notify_workers.store.feed_changes import Feed, FeedState
from notify_workers.store.feed_filters import Count, Entry, FeedCounts, FeedFilter, FeedStatus
from notify_workers.store.feeds import FeedRow
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, transaction
from workflows.recipients import USERS, Reference

log = logging.getLogger(__name__)

MOST_ACTIVITIES = 10
"""Activities that an item of a feed carries; the others are listed by the message's own list."""

AT_ONCE = 1000
"""Changes whose feeds the timer process settles in one transaction."""


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item with whom it tells of. `actors` are those that are still known."""

    row: FeedRow
    actors: list[Recipient]
    activities: list[Activity] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class News:
    """What has changed in a feed since a number; `sequence` is the number up to which this tells everything."""

    feed_id: int
    sequence: int
    entries: list[Entry]
    counts: list[Count]
    has_more: bool = False


def settle(wanted: Collection[Feed], *, wait: bool = True) -> None:
    """Numbers all that was committed before, in transactions of its own: whoever reads slowly holds up nobody.

    With `wait` False feeds that somebody else settles are passed over.
    """
    with transaction() as tx:
        late = feed_changes.behind(tx, wanted)
    more = bool(late)
    while more:
        with transaction() as tx:
            more = feed_changes.settle(tx, late, wait=wait)


def page(
    tx: Transaction,
    feed: Feed,
    wanted: FeedFilter,
    status: FeedStatus,
    *,
    after: int | None,
    before: int | None,
    limit: int,
) -> tuple[list[FeedRow], FeedCounts]:
    """A page of a settled feed, newest first, and the counts that its badge shows. Cursors are numbers of items."""
    state = feed_changes.states(tx, [feed]).get(feed)
    if state is None:
        return [], FeedCounts(0, 0, 0)
    rows = feeds.page_of_feed(
        tx, feed.environment_id, state.id, wanted, status, after=after, before=before, limit=limit
    )
    return rows, counts(tx, feed, state.id, wanted)


def number_of(tx: Transaction, feed: Feed, message_id: str) -> int | None:
    """Where an item stands; None when the feed never had it."""
    state = feed_changes.states(tx, [feed]).get(feed)
    return feeds.number_of(tx, state.id, message_id) if state else None


def counts(
    tx: Transaction, feed: Feed, feed_id: int, wanted: FeedFilter, kept: Iterable[Count] | None = None
) -> FeedCounts:
    """Of everything that a filter finds, whatever its status. `kept` are the feed's counts, if they are known already."""
    if not wanted.is_kept:
        return feeds.counted(tx, feed.environment_id, feed_id, wanted)
    return wanted.sum(feeds.kept_counts(tx, [feed_id])[feed_id] if kept is None else kept)


def items_of(tx: Transaction, feed: Feed, rows: list[FeedRow], *, with_activities: bool) -> list[FeedItem]:
    """The rows of one page with what belongs to them."""
    references = {each for row in rows for each in _actors(row)}
    known = activities.recipients_of(tx, feed.environment_id, references)
    ids = [row.message.id for row in rows] if with_activities else []
    told = activities.first_activities(tx, ids, MOST_ACTIVITIES) if ids else {}
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


def news(tx: Transaction, since: Mapping[Feed, int], limit: int, always: Collection[Feed] = ()) -> dict[Feed, News]:
    """Of the feeds in which something has changed since a number of each, and of those in `always` that had items ever.

    At most `limit` changes of each, in order.
    """
    states = {
        feed: state
        for feed, state in feed_changes.states(tx, list(since)).items()
        if state.sequence > since[feed] or feed in always or state.is_behind
    }
    changed = feeds.changes(tx, {state.id: since[feed] for feed, state in states.items()}, limit)
    kept = feeds.kept_counts(tx, [state.id for state in states.values()])
    return {feed: _news(state, changed[state.id], kept[state.id], limit) for feed, state in states.items()}


def _news(state: FeedState, changed: list[Entry], kept: list[Count], limit: int) -> News:
    """Others may settle between the two readings: what was read of it is told."""
    last = changed[-1].changed if changed else 0
    is_all = len(changed) < limit
    sequence = max(state.sequence, last) if is_all else last
    return News(state.id, sequence, changed, kept, has_more=state.is_behind or not is_all)


def settle_noted() -> int:
    """Settles the feeds of the oldest changes, and tells of them: whoever was to tell may have died. How many.

    What cannot be settled is passed over: it must not keep others from it.
    """
    with transaction() as tx:
        found = feed_changes.noted(tx, AT_ONCE)
    if not found:
        return 0
    try:
        _settle_together(found)
    except StoreUnavailable:
        raise
    except Exception as error:
        log.error("feeds are settled one by one: %s", kind_and_place(error))
        found = [feed for feed in found if _settle_alone(feed)]
    tell(found)
    return len(found)


def _settle_together(found: Collection[Feed]) -> None:
    with transaction() as tx:
        feed_changes.settle(tx, found, wait=False)


def _settle_alone(feed: Feed) -> bool:
    try:
        _settle_together([feed])
    except StoreUnavailable:
        raise
    except Exception as error:
        log.error("a feed of channel %s cannot be settled: %s", feed.channel_id, kind_and_place(error))
        return False
    return True


def bell_of(feed: Feed) -> str:
    """The Redis channel on which it is told that something has changed in a feed."""
    return f"doorbell:feed:{feed.environment_id}:{feed.channel_id}:{feed.user_id}"


def tell(changed: Collection[Feed]) -> None:
    """Tells whoever listens. When Redis is away, listeners look by themselves, later."""
    if not changed:
        return
    try:
        pipeline = client().pipeline(transaction=False)
        for feed in changed:
            pipeline.publish(bell_of(feed), b"")
        pipeline.execute()
    except RedisError as error:
        log.warning("feeds are pushed late: %s", error)
