"""Deleting a recipient: what goes at once, and what it has left behind, which goes in chunks (contract: semantics §16).

Rows are locked in the engine's order: what is owed, batch windows, runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row

from notify_workers.store import recipients, subjects
from notify_workers.store.session import Transaction, sql
from workflows.recipients import Reference

KIND = "purge"

LAST_LOOK = timedelta(minutes=10)
"""After the deletion. The contract allows as much (api-endpoints §3, 13)."""

_DELETE = sql("delete from recipients where environment_id = :environment and collection = :collection and id = :id")

# Windows before runs: the order in which a cancellation locks them.
_HOLD_WINDOWS = sql("""
    select w.id from recipient_runs r join batch_windows w on w.carrier_run = r.id and w.closed_at is null
    where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id
    order by w.id for update of w
""")
_STOP_RUNS = sql("""
    with owed as materialized (
        select d.id, d.run_id from due d join recipient_runs r on r.id = d.run_id
        where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id and d.kind = 'step'
        for update of d, r skip locked
    ), gone as (
        delete from due using owed where due.id = owed.id
    ), stopped as (
        update recipient_runs r set status = 'cancelled', paused_until = null,
            cancelled_at = engine_now(), updated_at = engine_now()
        from owed where r.id = owed.run_id and r.cancelled_at is null
        returning r.id
    ), abandoned as (
        update batch_windows w set closed_at = engine_now() from stopped where w.carrier_run = stopped.id and w.closed_at is null
    )
    insert into run_log (run_id, attempt, entries, at)
    select id, 1, jsonb_build_array(jsonb_build_object('event', 'run_cancelled', 'status', 'ok', 'data',
        jsonb_build_object('reason', 'the recipient was deleted'))), engine_now()
    from stopped
""")
_DROP_DELIVERIES = sql("""
    with owed as materialized (
        select d.id, d.message_id from due d join recipient_runs r on r.id = d.run_id
        where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id
            and d.kind = 'delivery' and d.leased_until is null
        for update of d skip locked
    ), gone as (
        delete from due using owed where due.id = owed.id
    ), unsent as (
        update messages m set status = 'not_sent', updated_at = engine_now()
        from owed where m.id = owed.message_id
        returning m.id
    )
    insert into message_events (id, message_id, type, data, at)
    select substr(m.id, 1, 9) || substr(md5(m.id || 'not_sent'), 1, 18), m.id, 'message.not_sent',
        jsonb_build_object('reason', 'the recipient was deleted'), engine_now()
    from unsent m
""")

OWNED = ("subscriptions", "audience_members", "entries", "guide_engagements")
"""Tables whose rows go with the recipient at once."""

_DELETE_OWNED = tuple(
    sql(f"delete from {each} where environment_id = :environment and collection = :collection and recipient_id = :id")
    for each in OWNED
)
# What is owed before what it is owed for, as whoever runs a schedule locks them.
_DELETE_SCHEDULES = (
    sql("""
        delete from due d using schedules s where d.subject = s.id and d.kind = 'schedule'
            and s.environment_id = :environment and s.collection = :collection and s.recipient_id = :id
    """),
    sql(
        "delete from schedules where environment_id = :environment and collection = :collection and recipient_id = :id"
    ),
)
_HOLD_SCHEDULES = (
    sql("""
        select d.id from due d join schedules s on s.id = d.subject and d.kind = 'schedule'
        where s.environment_id = :environment and s.collection = :collection and s.recipient_id = :id
        order by d.subject for update of d
    """),
    sql("""
        select id from schedules where environment_id = :environment and collection = :collection and recipient_id = :id
        order by id for update
    """),
)
_UNSUBSCRIBE = sql("""
    delete from subscriptions where environment_id = :environment and object_collection = :collection and object_id = :id
""")

_START = sql("""
    insert into purges (id, environment_id, collection, recipient_id, before, sequence, into_id)
    values (:purge, :environment, :collection, :id, engine_now(), :sequence, :into)
    on conflict (id) do update set before = excluded.before, sequence = greatest(purges.sequence, excluded.sequence),
        into_id = excluded.into_id
    returning id, environment_id, collection, recipient_id, before, sequence, into_id
""")


def values_of(environment: UUID, reference: Reference) -> dict[str, Any]:
    return {"environment": environment, "collection": reference.collection, "id": reference.id}


def hold_schedules(tx: Transaction, environment: UUID, reference: Reference) -> None:
    """Locks the recipient's schedules, before anything that an occurrence in hand may want to lock."""
    for statement in _HOLD_SCHEDULES:
        tx.rows(statement, **values_of(environment, reference))


def stop_runs(tx: Transaction, environment: UUID, reference: Reference) -> None:
    """Stops the recipient's runs that wait; those in hand are passed over."""
    values = values_of(environment, reference)
    tx.rows(_HOLD_WINDOWS, **values)
    tx.run(_STOP_RUNS, **values)


def delete_recipient(
    tx: Transaction, environment: UUID, reference: Reference, sequence: int = 0, into: str | None = None
) -> Purge:
    """Forgets a recipient: runs stop, nothing is sent any more, and a purge of what they have left behind is owed.

    `into` is whom they are merged into: what is queued is sent, and moves. Triggers of a sequence below `sequence` that are
    accepted later do not reach them, but `into`. Deleting an unknown one changes nothing, but purges what somebody who was
    never identified has left behind.
    """
    values = values_of(environment, reference)
    hold_schedules(tx, environment, reference)
    for statement in _DELETE_SCHEDULES:
        tx.run(statement, **values)
    recipients.lock(tx, [(environment, reference)])  # an unknown one too: whoever makes them meanwhile waits
    tx.run(_DELETE, **values)
    stop_runs(tx, environment, reference)
    if into is None:
        tx.run(_DROP_DELIVERIES, **values)
    for statement in (*_DELETE_OWNED, _UNSUBSCRIBE):
        tx.run(statement, **values)
    purge = id_of(environment, reference)
    subjects.owe(tx, KIND, environment, purge)
    return _purge(tx.one(_START, purge=purge, sequence=sequence, into=into, **values))


def id_of(environment: UUID, reference: Reference) -> UUID:
    """Of the purge."""
    return uuid5(environment, f"{reference.collection}\0{reference.id}")


@dataclass(frozen=True, slots=True)
class Departure:
    """Somebody was deleted. `into` is whom they were merged into, if they were."""

    sequence: int
    into: Reference | None


_DEPARTED = sql("select id, collection, sequence, into_id from purges where id = any(:ids)")


def departures(tx: Transaction, named: Collection[tuple[UUID, Reference]]) -> dict[tuple[UUID, Reference], Departure]:
    """Who of those recipients (of environments) was deleted lately."""
    ids = {id_of(*each): each for each in named}
    return {
        ids[row.id]: Departure(row.sequence, Reference(row.collection, row.into_id) if row.into_id else None)
        for row in tx.rows(_DEPARTED, ids=list(ids))
    }


@dataclass(frozen=True, slots=True)
class Purge:
    """A deleted recipient. What is newer than `before` belongs to another one of the same id, unless a trigger of a sequence
    below `sequence` made it.
    """

    id: UUID
    environment: UUID
    collection: str
    recipient_id: str
    before: datetime
    sequence: int
    into: str | None

    @property
    def values(self) -> dict[str, Any]:
        return {**values_of(self.environment, Reference(self.collection, self.recipient_id)), "before": self.before}


_GET = sql("select id, environment_id, collection, recipient_id, before, sequence, into_id from purges where id = :id")


def get_purge(tx: Transaction, purge_id: UUID) -> Purge | None:
    row = tx.first(_GET, id=purge_id)
    return _purge(row) if row else None


def _purge(row: Row[Any]) -> Purge:
    return Purge(row.id, row.environment_id, row.collection, row.recipient_id, row.before, row.sequence, row.into_id)


# A run whose step or delivery is in hand is left for later: it is about to write.
_TAKE_RUNS = sql("""
    with mine as materialized (
        select r.id from recipient_runs r
        where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id
            and (r.inserted_at <= :before or exists (
                select from triggers t where t.id = r.trigger_id and t.sequence < :sequence))
            and not exists (select from due d where d.run_id = r.id and d.leased_until >= clock_timestamp())
        limit :limit
    ), held as materialized (
        select d.run_id from due d where d.run_id in (select id from mine) for update skip locked
    )
    select id from mine
    where (select count(*) from due d where d.run_id = mine.id) = (select count(*) from held where held.run_id = mine.id)
""")
_TAKE_MESSAGES = sql("""
    select id from messages
    where environment_id = :environment and collection = :collection and recipient_id = :id and run_id is null
        and inserted_at <= :before
    limit :limit
""")
_DELETE_LOGS = tuple(
    sql(f"""
        with old as materialized (
            select id from {table}
            where environment_id = :environment and collection = :collection and recipient_id = :id and {time} <= :before
            limit :limit for update
        )
        delete from {table} l using old where l.id = old.id
    """)
    for table, time in (("webhook_deliveries", "created_at"), ("source_events", "received_at"))
)
_LEFT = sql("""
    select exists (
        select from recipient_runs where environment_id = :environment and collection = :collection and recipient_id = :id
            and inserted_at <= :before
    )
""")


def purge_chunk(tx: Transaction, purge: Purge, limit: int) -> bool:
    """Deletes what at most `limit` runs have left, and as many messages without one and logged events. Whether it found any."""
    runs = [row.id for row in tx.rows(_TAKE_RUNS, limit=limit, sequence=purge.sequence, **purge.values)]
    if runs:
        _forget_triggers(tx, purge, _forget_runs(tx, runs))
    alone = [] if runs else [row.id for row in tx.rows(_TAKE_MESSAGES, limit=limit, **purge.values)]
    if alone:
        _forget_messages(tx, alone)
    logged = sum(tx.run(statement, limit=limit, **purge.values) for statement in _DELETE_LOGS)
    return bool(runs or alone or logged)


def is_anything_left(tx: Transaction, purge: Purge) -> bool:
    """Whether some run is still in hand."""
    return bool(tx.scalar(_LEFT, **purge.values))


_OWED = sql("delete from due where run_id = any(:runs)")
_CLOSE_WINDOWS = sql(
    "update batch_windows set closed_at = engine_now() where carrier_run = any(:runs) and closed_at is null"
)
_MESSAGES = sql("select id from messages where run_id = any(:runs)")
_ITEMS = sql("delete from batch_items where run_id = any(:runs) returning window_id")
_OF_RUNS = tuple(sql(f"delete from {each} where run_id = any(:runs)") for each in ("waits", "signals", "run_log"))
_RUNS = sql("delete from recipient_runs where id = any(:runs) returning trigger_id")
_WINDOWS = sql("""
    delete from batch_windows w where id = any(:windows) and closed_at is not null
        and not exists (select from batch_items i where i.window_id = w.id)
""")


def _forget_runs(tx: Transaction, runs: Sequence[UUID]) -> set[UUID]:
    """Deletes runs whose due rows the caller holds; the triggers that they came from."""
    tx.run(_OWED, runs=runs)
    tx.run(_CLOSE_WINDOWS, runs=runs)
    _forget_messages(tx, [row.id for row in tx.rows(_MESSAGES, runs=runs)])
    for statement in _OF_RUNS:
        tx.run(statement, runs=runs)
    windows = {row.window_id for row in tx.rows(_ITEMS, runs=runs)}
    triggers = {row.trigger_id for row in tx.rows(_RUNS, runs=runs)}
    tx.run(_WINDOWS, windows=list(windows))
    return triggers


_OF_MESSAGES = tuple(
    sql(f"delete from {each} where message_id = any(:messages)")
    for each in ("message_events", "delivery_attempts", "outbox")
)
_DELETE_MESSAGES = sql("delete from messages where id = any(:messages)")


def _forget_messages(tx: Transaction, messages: Sequence[str]) -> None:
    for statement in (*_OF_MESSAGES, _DELETE_MESSAGES):
        tx.run(statement, messages=messages)


_FORGET_TRIGGERS = sql("""
    delete from triggers t where id = any(:triggers) and inserted_at <= :until
        and not exists (select from recipient_runs r where r.trigger_id = t.id)
        and not exists (select from messages m where m.trigger_id = t.id)
        and not exists (select from due d where d.trigger_id = t.id and d.kind = 'fan_out')
""")
_REMEMBER = sql("""
    update purges set triggers = triggers || (
        select coalesce(jsonb_agg(id), '[]') from triggers where id = any(:triggers) and inserted_at > :until)
    where id = :purge
""")
_REMEMBERED = sql("select jsonb_array_elements_text(triggers)::uuid as id from purges where id = :purge")


def _forget_triggers(tx: Transaction, purge: Purge, triggers: set[UUID]) -> None:
    """Those that nobody else's run came from. Young ones go when the purge ends: whoever accepts one of them a second time
    must find it until then."""
    values = {"triggers": sorted(triggers), "until": purge.before - LAST_LOOK}
    tx.run(_FORGET_TRIGGERS, **values)
    tx.run(_REMEMBER, purge=purge.id, **values)


_FORGET_CANCELLATIONS = sql("""
    delete from cancellations
    where environment_id = :environment and collection = :collection and recipient_id = :id and at <= :before
""")
_END = sql("delete from purges where id = :purge")


def end(tx: Transaction, purge: Purge) -> None:
    """Forgets what had to be known until now: triggers that nobody else's run came from, cancellations, and the purge."""
    triggers = [row.id for row in tx.rows(_REMEMBERED, purge=purge.id)]
    tx.run(_FORGET_TRIGGERS, triggers=triggers, until=purge.before)
    tx.run(_FORGET_CANCELLATIONS, **purge.values)
    tx.run(_END, purge=purge.id)
