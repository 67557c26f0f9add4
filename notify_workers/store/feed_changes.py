"""Settling feeds: what changed in messages gets its number, its place and its count.

The database notes every change of a message that a feed shows, in the same transaction. `settle` makes of these notes what
readers want: each change gets the next number of its feed's sequence, under the feed's lock, so that whoever has seen a number
has seen all below it. It looks at what is so now, so that it may run twice, late, or by several at once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notify_workers.store.session import Transaction, as_json, sql

AT_ONCE = 5000
"""Changes that are numbered in one statement: a second's work at most."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What one user sees of one channel."""

    environment_id: UUID
    channel_id: UUID
    user_id: str

    @property
    def row(self) -> dict[str, str]:
        return {
            "environment_id": str(self.environment_id),
            "channel_id": str(self.channel_id),
            "recipient_id": self.user_id,
        }


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed's row: the number of its last change, and whether something is noted that has no number yet."""

    id: int
    sequence: int
    is_behind: bool = False


# A sequence begins with the time, so that numbers of a feed that was forgotten are not used again.
_FEEDS = """
    select * from jsonb_to_recordset(:feeds) as w (environment_id uuid, channel_id uuid, recipient_id text)
"""
_MAKE = sql(f"""
    insert into feeds (environment_id, channel_id, recipient_id, sequence)
    select w.environment_id, w.channel_id, w.recipient_id, floor(extract(epoch from clock_timestamp()) * 1000)
    from ({_FEEDS}) w
    where not exists (select from feeds f where f.environment_id = w.environment_id and f.channel_id = w.channel_id
        and f.recipient_id = w.recipient_id)
    order by 1, 2, 3 on conflict do nothing
""")
_LOCK = """
    select f.id from feeds f join ({feeds}) w on f.environment_id = w.environment_id and f.channel_id = w.channel_id
        and f.recipient_id = w.recipient_id
    order by f.id for update of f {wait}
"""
_HOLD = sql(_LOCK.format(feeds=_FEEDS, wait=""))
_TAKE = sql(_LOCK.format(feeds=_FEEDS, wait="skip locked"))

_STATES = sql(f"""
    select w.environment_id, w.channel_id, w.recipient_id, f.id, f.sequence, exists (
        select from feed_changes c where c.environment_id = w.environment_id and c.channel_id = w.channel_id
            and c.recipient_id = w.recipient_id) as noted
    from ({_FEEDS}) w left join feeds f on f.environment_id = w.environment_id and f.channel_id = w.channel_id
        and f.recipient_id = w.recipient_id
""")

_SETTLE = sql("""
    with feed as materialized (
        select id, environment_id, channel_id, recipient_id, sequence from feeds where id = any(:feeds)
    ), noted as (
        delete from feed_changes c using feed where c.environment_id = feed.environment_id
            and c.channel_id = feed.channel_id and c.recipient_id = feed.recipient_id
            and c.id <= (select max(id) from (
                select c.id from feed join feed_changes c on c.environment_id = feed.environment_id
                    and c.channel_id = feed.channel_id and c.recipient_id = feed.recipient_id
                order by c.id limit :limit
            ) oldest)
        returning feed.id as feed_id, c.message_id
    ), touched as (
        select n.feed_id, feed.sequence, n.message_id,
            e.message_id is not null and e.gone_at is null as was, m.id is not null as "is",
            case when m.id is null then e.tenant else m.tenant end as tenant, e.tenant as old_tenant,
            coalesce(m.workflow_key, e.workflow_key) as workflow_key, e.workflow_key as old_workflow_key,
            coalesce(m.categories, e.categories) as categories, e.categories as old_categories,
            case when m.id is null then e.archived else m.archived_at is not null end as archived, e.archived as old_archived,
            case when m.id is null then e.read else m.read_at is not null end as read, e.read as old_read,
            case when m.id is null then e.seen else m.seen_at is not null end as seen, e.seen as old_seen,
            coalesce(m.inserted_at, e.inserted_at) as inserted_at
        from (select distinct feed_id, message_id from noted) n join feed on feed.id = n.feed_id
        left join feed_entries e on e.feed_id = n.feed_id and e.message_id = n.message_id
        left join messages m on m.id = n.message_id and m.environment_id = feed.environment_id
            and m.channel_id = feed.channel_id and m.collection = '$users' and m.recipient_id = feed.recipient_id
            and m.channel_type = 'in_app_feed' and m.status in ('sent', 'delivered')
    ), numbered as (
        select *, sequence + row_number() over (partition by feed_id order by inserted_at, message_id) as number
        from touched where was or "is"
    ), written as (
        insert into feed_entries (feed_id, message_id, number, changed, tenant, workflow_key, categories, archived, read, seen,
            inserted_at, arrived_at, gone_at)
        select feed_id, message_id, number, number, tenant, workflow_key, categories, archived, read, seen, inserted_at,
            clock_timestamp(), case when not "is" then engine_now() end
        from numbered
        on conflict (feed_id, message_id) do update set changed = excluded.changed, tenant = excluded.tenant,
            number = case when feed_entries.gone_at is null then feed_entries.number else excluded.number end,
            arrived_at = case when feed_entries.gone_at is null then feed_entries.arrived_at else excluded.arrived_at end,
            workflow_key = excluded.workflow_key, categories = excluded.categories, archived = excluded.archived,
            read = excluded.read, seen = excluded.seen, inserted_at = excluded.inserted_at, gone_at = excluded.gone_at
    ), counted as (
        insert into feed_counts (feed_id, tenant, workflow_key, categories, archived, total, unread, unseen)
        select feed_id, tenant, workflow_key, categories, archived, sum(one), sum(case when read then 0 else one end),
            sum(case when seen then 0 else one end)
        from (
            select feed_id, tenant, workflow_key, categories, archived, read, seen, 1 as one from numbered where "is"
            union all
            select feed_id, old_tenant, old_workflow_key, old_categories, old_archived, old_read, old_seen, -1
            from numbered where was
        ) each
        group by feed_id, tenant, workflow_key, categories, archived
        on conflict (feed_id, md5(coalesce(tenant, '')), md5(workflow_key), md5(categories::text), archived) do update
            set total = feed_counts.total + excluded.total, unread = feed_counts.unread + excluded.unread,
                unseen = feed_counts.unseen + excluded.unseen
    ), moved as (
        update feeds set sequence = feeds.sequence + n.changes
        from (select feed_id, count(*) as changes from numbered group by feed_id) n where feeds.id = n.feed_id
        returning feeds.id
    )
    select count(*) from noted
""")

# What is known of these tables' sizes is mostly from a time when they were empty, and then a plan reads them whole for each row.
_BY_INDEX = sql("set local enable_seqscan = off")

_NOTED = sql("""
    select distinct environment_id, channel_id, recipient_id from (
        select environment_id, channel_id, recipient_id from feed_changes order by id limit :limit
    ) oldest
""")


def states(tx: Transaction, feeds: Collection[Feed]) -> dict[Feed, FeedState]:
    """Of the feeds that ever had an item."""
    rows = tx.rows(_STATES, feeds=_rows(feeds))
    return {_feed(row): FeedState(row.id, row.sequence, row.noted) for row in rows if row.id is not None}


def behind(tx: Transaction, feeds: Collection[Feed]) -> list[Feed]:
    """Those of which something is noted that has no number yet. For a transaction of its own."""
    tx.run(_BY_INDEX)
    return [_feed(row) for row in tx.rows(_STATES, feeds=_rows(feeds)) if row.noted]


def settle(tx: Transaction, feeds: Collection[Feed], *, wait: bool = True, limit: int = AT_ONCE) -> bool:
    """Numbers what has changed, at most `limit` changes. Whether there may be more.

    Feeds that another transaction settles are waited for, or passed over.
    """
    tx.run(_BY_INDEX)
    tx.run(_MAKE, feeds=_rows(feeds))
    held = [row.id for row in tx.rows(_HOLD if wait else _TAKE, feeds=_rows(feeds))]
    return bool(held) and int(tx.scalar(_SETTLE, feeds=held, limit=limit)) == limit


def _rows(feeds: Collection[Feed]) -> Any:
    return as_json([each.row for each in feeds])


def _feed(row: Any) -> Feed:
    return Feed(row.environment_id, row.channel_id, row.recipient_id)


def noted(tx: Transaction, limit: int) -> list[Feed]:
    """The feeds of the oldest changes that have no number yet."""
    return [_feed(row) for row in tx.rows(_NOTED, limit=limit)]


_FORGET = sql("""
    with old as materialized (
        select feed_id, message_id from feed_entries where gone_at < engine_now() - make_interval(secs => :age)
        order by gone_at limit :limit for update skip locked
    )
    delete from feed_entries e using old where e.feed_id = old.feed_id and e.message_id = old.message_id and e.gone_at is not null
    returning e.feed_id
""")
_HOLD_EMPTY = sql("""
    select id from feeds f where id = any(:feeds) and not exists (select from feed_entries e where e.feed_id = f.id)
    order by id for update skip locked
""")
_DROP_EMPTY = sql("""
    with gone as (
        delete from feeds f where id = any(:feeds) and not exists (select from feed_entries e where e.feed_id = f.id) returning id
    )
    delete from feed_counts c using gone where c.feed_id = gone.id
""")


def forget_gone(tx: Transaction, age: float, limit: int) -> None:
    """Removes the traces of items that were deleted more than `age` seconds ago, and feeds that have nothing else."""
    touched = [row.feed_id for row in tx.rows(_FORGET, age=age, limit=limit)]
    empty = [row.id for row in tx.rows(_HOLD_EMPTY, feeds=touched)] if touched else []
    if empty:
        tx.run(_DROP_EMPTY, feeds=empty)
