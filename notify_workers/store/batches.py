"""Batch windows and their activities as rows: what decides which activity is in which batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from notify_workers.queue import Bell
from notify_workers.settings import settings
from notify_workers.store import due
from notify_workers.store.session import Transaction, sql
from workflows.recipients import Reference

_TIME = TIMESTAMP(timezone=True)


@dataclass(frozen=True, slots=True)
class Window:
    """An open window, locked. `carrier_run` None: its leader went on alone, and nobody waits for it yet."""

    id: UUID
    carrier_run: UUID | None
    closes_at: datetime
    latest_close: datetime | None
    is_sliding: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class NewWindow:
    """`carrier_run` None makes a window that nobody waits for yet."""

    id: UUID
    key: str
    environment_id: UUID
    workflow_key: str
    step_ref: str
    carrier_run: UUID | None
    closes_at: datetime
    latest_close: datetime | None
    is_sliding: bool
    max_items: int | None


_OPEN = sql("""
    insert into batch_windows (id, key, environment_id, workflow_key, step_ref, carrier_run, opened_at, closes_at, latest_close,
        is_sliding, max_items)
    values (:id, :key, :environment_id, :workflow_key, :step_ref, :carrier_run, :now, :closes_at, :latest_close, :is_sliding,
        :max_items)
    on conflict do nothing
    returning id
""").bindparams(
    bindparam("carrier_run", type_=Uuid),
    bindparam("latest_close", type_=_TIME),
    bindparam("max_items", type_=Integer),
)


def open_window(tx: Transaction, window: NewWindow, now: datetime) -> bool:
    """False: there is an open window of that key already."""
    values = {name: getattr(window, name) for name in NewWindow.__slots__}
    return tx.first(_OPEN, **values, now=now) is not None


# A lock that is shared cannot be made exclusive later: two who hold it would wait for each other for ever. Which one a
# window needs is in its row, and once it needs no exclusive one it never will again.
_LOCK_OPEN = sql("""
    with known as materialized (
        select id, carrier_run is null or max_items is not null as alone from batch_windows
        where key = :key and closed_at is null and not sealed
    ), shared as materialized (
        select id, carrier_run, closes_at, latest_close, is_sliding, closes_at <= :now as is_over from batch_windows
        where id = (select id from known where not alone) and closed_at is null and not sealed for share
    ), exclusive as materialized (
        select id, carrier_run, closes_at, latest_close, is_sliding, closes_at <= :now as is_over from batch_windows
        where id = (select id from known where alone) and closed_at is null and not sealed for update
    )
    select * from shared union all select * from exclusive
""").bindparams(bindparam("now", type_=_TIME))


def lock_open_window(tx: Transaction, key: str, now: datetime) -> Window | None:
    """The open window of that key, kept open until the transaction ends. None: there is none, or not any more.

    Those who only add an activity share the lock; whoever counts them, or takes the window over, has it alone.
    """
    row = tx.first(_LOCK_OPEN, key=key, now=now)
    return Window(**row._mapping) if row else None


_CARRY = sql("update batch_windows set carrier_run = :run where id = :id and carrier_run is null returning closes_at")


def carry(tx: Transaction, window_id: UUID, run_id: UUID) -> bool:
    """Makes a run the window's carrier. False: it has one."""
    return tx.first(_CARRY, id=window_id, run=run_id) is not None


_APPEND = sql("""
    with appended as (
        insert into batch_items (window_id, run_id, step_ref, data, closes_at, at)
        values (:window_id, :run_id, :step_ref, :data, :closes_at, :now)
        returning window_id
    )
    update batch_windows w set items = items + 1, sealed = items + 1 >= max_items
    from appended where w.id = appended.window_id and w.max_items is not null
    returning w.sealed
""").bindparams(bindparam("data", type_=JSONB(none_as_null=True)))


def append(
    tx: Transaction,
    window_id: UUID,
    run_id: UUID,
    step_ref: str,
    *,
    data: Mapping[str, Any] | None,
    closes_at: datetime,
    now: datetime,
) -> bool:
    """Adds a run's activity, with which a sliding window closes at `closes_at`. Whether the window is full with it, and takes
    no more.
    """
    row = tx.first(
        _APPEND, window_id=window_id, run_id=run_id, step_ref=step_ref, data=data, closes_at=closes_at, now=now
    )
    return bool(row and row.sealed)


# Nobody waits for a row in hand: its holder may be waiting for this window, and then reads what has become of it. The bell
# is for the one that is not, such as the timer process.
_HURRY = sql("""
    with carrier as materialized (
        select id, run_id, step from due where run_id = :run and kind = 'step' and due_at > :at
    ), free as (
        select id from due where id in (select id from carrier) for update skip locked
    ), moved as (
        update due set due_at = :at, tries = 0, publish_at = case when :at > :now + make_interval(secs => :horizon)
            then :at - make_interval(secs => :horizon) else :at + make_interval(secs => :lease) end
        from free where due.id = free.id and due.due_at > :at
    )
    select id, run_id, step, greatest(0, extract(epoch from :at - :now))::float8 as countdown from carrier
""").bindparams(bindparam("at", type_=_TIME), bindparam("now", type_=_TIME))


def hurry(tx: Transaction, run_id: UUID, at: datetime, now: datetime) -> list[Bell]:
    """Lets the carrier wake at a time that is earlier than it was told; nothing when that is not earlier."""
    values = {"horizon": settings().horizon, "lease": settings().step_lease}
    found = tx.rows(_HURRY, run=run_id, at=at, now=now, **values)
    near = (row for row in found if due.within_horizon(row.countdown))
    return [due.step_bell(row.id, row.run_id, row.step, row.countdown) for row in near]


# A statement of its own takes the lock: one that waits for it would see the activities as they were before it waited.
_LOCK_ALONE = sql("select from batch_windows where id = :id for update")
_CARRIED = sql("""
    select w.sealed, w.is_sliding, w.closes_at,
        (select i.closes_at from batch_items i where i.window_id = w.id order by i.number desc limit 1) as newest
    from batch_windows w where w.id = :id
""")


def lock_carried(tx: Transaction, window_id: UUID) -> datetime | None:
    """Locks the window alone and tells when it closes: a full one at once (None), a sliding one by its newest activity."""
    tx.run(_LOCK_ALONE, id=window_id)
    row = tx.one(_CARRIED, id=window_id)
    if row.sealed:
        return None
    closes_at: datetime = row.closes_at
    return row.newest if row.is_sliding and row.newest is not None else closes_at


_CLOSE = sql("""
    update batch_windows w set closed_at = :now, total_activities = counted.activities, total_actors = counted.actors,
        render_limit = :limit, renders_last = :last
    from (
        select count(i.number) as activities,
            count(distinct (t.actor_collection, t.actor_id)) filter (where t.actor_id is not null) as actors
        from batch_items i join recipient_runs r on r.id = i.run_id join triggers t on t.id = r.trigger_id
        where i.window_id = :id and i.cancelled_at is null
    ) counted
    where w.id = :id
    returning w.key
""")


def close_window(tx: Transaction, window_id: UUID, now: datetime, *, limit: int = 0, last: bool = False) -> str:
    """The window takes no more, and what is in it is final: templates are shown `limit` activities, the first or the last.

    Its key.
    """
    return str(tx.scalar(_CLOSE, id=window_id, now=now, limit=limit, last=last))


@dataclass(frozen=True, slots=True)
class Activity:
    trigger_id: UUID
    data: Mapping[str, Any]
    actor: Reference | None
    actor_properties: Mapping[str, Any] | None
    triggered_at: datetime


@dataclass(frozen=True, slots=True)
class ClosedWindow:
    """What a run that goes on with a batch is shown of it; activities oldest first, without those that were cancelled.

    `first` is the data of the oldest one, shown or not; empty when every activity was cancelled.
    """

    total_activities: int
    total_actors: int
    activities: tuple[Activity, ...]
    first: Mapping[str, Any]


# Triggers are in the order in which they came; their runs may have reached the batch in another one.
_ACTIVITIES = sql("""
    select shown.trigger_id, shown.data, shown.actor_collection, shown.actor_id, a.properties as actor_properties,
        shown.triggered_at
    from (
        select t.id as trigger_id, coalesce(i.data, r.data, t.data) as data, t.actor_collection, t.actor_id,
            t.inserted_at as triggered_at, t.sequence, r.environment_id
        from batch_windows w
        join batch_items i on i.window_id = w.id
        join recipient_runs r on r.id = i.run_id
        join triggers t on t.id = r.trigger_id
        where w.id = :window and i.cancelled_at is null
        order by case when w.renders_last then -t.sequence else t.sequence end
        limit (select render_limit from batch_windows where id = :window)
    ) shown
    left join recipients a on a.environment_id = shown.environment_id and a.collection = shown.actor_collection
        and a.id = shown.actor_id
    order by shown.sequence
""")
_TOTALS = sql("""
    select total_activities, total_actors, (
            select coalesce(i.data, r.data, t.data)
            from batch_items i join recipient_runs r on r.id = i.run_id join triggers t on t.id = r.trigger_id
            where i.window_id = w.id and i.cancelled_at is null
            order by t.sequence limit 1
        ) as first
    from batch_windows w where id = :window
""")


def closed_window(tx: Transaction, window_id: UUID) -> ClosedWindow:
    totals = tx.one(_TOTALS, window=window_id)
    found = tuple(_activity(row._mapping) for row in tx.rows(_ACTIVITIES, window=window_id))
    return ClosedWindow(totals.total_activities, totals.total_actors, found, totals.first or {})


def _activity(values: Mapping[str, Any] | Any) -> Activity:
    row = dict(values)
    collection, identifier = row.pop("actor_collection"), row.pop("actor_id")
    return Activity(actor=Reference(collection, identifier) if identifier else None, **row)


_REMOVE = sql("""
    with matching as (
        select r.id as run_id, w.id as window_id, w.carrier_run
        from triggers t
        join recipient_runs r on r.trigger_id = t.id
        join batch_items i on i.run_id = r.id
        join batch_windows w on w.id = i.window_id
        where t.environment_id = :environment and t.workflow_key = :workflow and t.cancellation_key = :key
            and t.sequence < :sequence and w.closed_at is null
            and (not :scoped or (r.collection, r.recipient_id) in
                (select collection, id from jsonb_to_recordset(:recipients) as named (collection text, id text)))
        order by w.id for update of w
    ), removed as (
        update batch_items i set cancelled_at = engine_now()
        from matching m where i.run_id = m.run_id and i.window_id = m.window_id and i.cancelled_at is null
        returning i.run_id, i.window_id
    ), lessened as (
        update batch_windows w set items = items - gone.number
        from (select window_id, count(*) as number from removed group by 1) gone
        where w.id = gone.window_id and w.max_items is not null
    ), carried as (
        update recipient_runs r set sequence = greatest(r.sequence, :sequence)
        from matching m where r.id = m.run_id and m.carrier_run = r.id
        returning r.id
    ), logged as (
        insert into run_log (run_id, attempt, entries, at)
        select run_id, 1, jsonb_build_array(jsonb_build_object('event', 'activity_cancelled', 'status', 'ok', 'data',
            jsonb_build_object('cancellation_key', cast(:key as text), 'sequence', cast(:sequence as bigint)))), engine_now()
        from removed
    )
    select count(*) from removed
""").bindparams(bindparam("recipients", type_=JSONB))


def remove_activities(
    tx: Transaction, environment: UUID, workflow: str, key: str, recipients: Sequence[Mapping[str, str]], sequence: int
) -> int:
    """Takes cancelled activities out of windows that are still open; the windows stay, and so do the runs that carry them.

    How many. A carrier is from then on stopped only by a later cancellation (contract: semantics §4).
    """
    return int(
        tx.scalar(
            _REMOVE,
            environment=environment,
            workflow=workflow,
            key=key,
            sequence=sequence,
            scoped=bool(recipients),
            recipients=list(recipients),
        )
    )


_LEAVE = sql("""
    with left_out as (
        update batch_items set cancelled_at = engine_now()
        where run_id = :run and window_id = :window and cancelled_at is null
        returning run_id
    ), carried as (
        update recipient_runs set sequence = greatest(sequence, :sequence) where id = :run
    )
    insert into run_log (run_id, attempt, entries, at)
    select run_id, 1, jsonb_build_array(jsonb_build_object('event', 'activity_cancelled', 'status', 'ok', 'data',
        jsonb_build_object('sequence', cast(:sequence as bigint)))), engine_now()
    from left_out
""")


def leave(tx: Transaction, window_id: UUID, run_id: UUID, sequence: int) -> None:
    """Takes the carrier's own activity out of its window, which the caller holds: a cancellation of that sequence is under
    way that has not written its rows.
    """
    tx.run(_LEAVE, window=window_id, run=run_id, sequence=sequence)


_FORGET = sql("delete from batch_windows where id = :id")


def forget_window(tx: Transaction, window_id: UUID) -> None:
    """Removes a window that nobody waits for, and that nobody is in. The caller holds it alone."""
    tx.run(_FORGET, id=window_id)


_FORGET_UNFOLLOWED = sql("""
    with unfollowed as materialized (
        select id from batch_windows where closed_at is null and carrier_run is null and closes_at < engine_now()
        limit :limit for update skip locked)
    delete from batch_windows where id in (select id from unfollowed)
""")


def forget_unfollowed(tx: Transaction, limit: int) -> int:
    """Removes windows that a leading run opened and that nobody followed until they ended. How many."""
    return tx.run(_FORGET_UNFOLLOWED, limit=limit)
