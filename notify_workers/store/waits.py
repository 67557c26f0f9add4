"""Runs that wait for an event, and the events that came. The database's own triggers write the events (migration 0002).

An event is written without touching the runs that wait for it: those are woken by the timer process, which passes over a run
that somebody has in hand and comes back to it.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Text, bindparam

from notify_workers.store.session import Transaction, sql
from workflows.effects import Signal
from workflows.model import AwaitedEvent
from workflows.recipients import Reference

_WAIT = sql("""
    insert into waits (run_id, step_ref, environment_id, collection, recipient_id, event_type, event_key, source)
    values (:run, :step, :environment, :collection, :id, :type, :key, :source)
""").bindparams(bindparam("source", type_=Text))


def wait(
    tx: Transaction, run_id: UUID, step: str, environment: UUID, recipient: Reference, event: AwaitedEvent
) -> None:
    """From now on events of the recipient are kept for the run. A run waits for one thing at a time."""
    tx.run(
        _WAIT,
        run=run_id,
        step=step,
        environment=environment,
        collection=recipient.collection,
        id=recipient.id,
        type=event.type,
        key=event.key,
        source=event.source,
    )


_TAKE = sql("delete from signals where run_id = :run returning number, at, event")


def take(tx: Transaction, run_id: UUID) -> list[Signal]:
    """The events kept for a run, oldest first; they are kept no longer."""
    rows = sorted(tx.rows(_TAKE, run=run_id), key=lambda row: row.number)
    return [Signal(row.at, row.event) for row in rows]


# The step is compared again when a row has changed since it was found: a run that has moved on is not woken in its next step.
_WAKE = sql("""
    with ready as materialized (
        select d.id, d.run_id from due d join waits w on w.run_id = d.run_id
        where d.kind = 'step' and d.step = w.step_ref and d.run_id in (select run_id from signals where not told)
        for update of d skip locked
    ), woken as (
        update due set due_at = least(due_at, engine_now()), publish_at = least(publish_at, engine_now()), tries = 0
        from ready where due.id = ready.id
    ), told as (
        update signals s set told = true from ready where s.run_id = ready.run_id and not s.told
    )
    delete from signals s where not s.told and not exists (select from waits w where w.run_id = s.run_id)
""")


def wake(tx: Transaction) -> None:
    """Makes runs due for which something has happened since they looked last; what came for runs that wait no more goes."""
    tx.run(_WAKE)


_FORGET = sql("""
    with forgotten as (delete from waits where run_id = :run)
    delete from signals where run_id = :run
""")


def forget(tx: Transaction, run_id: UUID) -> None:
    """The run waits no more."""
    tx.run(_FORGET, run=run_id)
