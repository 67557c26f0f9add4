"""Cancellations as rows, and the runs that they stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store import batches
from notify_workers.store.session import Transaction, as_json, sql
from workflows.recipients import Reference

if TYPE_CHECKING:
    from notify_workers.cancellations import CancellationKey

_LOCK = sql(
    "select pg_advisory_xact_lock(lock) from (select unnest(cast(:locks as bigint[])) as lock order by 1) as ordered"
)


def lock(tx: Transaction, locks: Sequence[int]) -> None:
    """Holds the locks of cancellation keys until the transaction ends; taken in one order, so nobody deadlocks."""
    tx.rows(_LOCK, locks=sorted(set(locks)))


_LOCK_SHARED = sql("select pg_advisory_xact_lock_shared(:lock)")


def lock_shared(tx: Transaction, lock: int) -> None:
    """Waits for a cancellation of that key that is under way; the next one waits for this transaction."""
    tx.rows(_LOCK_SHARED, lock=lock)


_INSERT = sql("""
    insert into cancellations (environment_id, workflow_key, cancellation_key, collection, recipient_id, sequence, at)
    select :environment, :workflow, :key, collection, id, :sequence, engine_now()
    from jsonb_to_recordset(:recipients) as named (collection text, id text)
""")


def insert(
    tx: Transaction, environment: UUID, workflow: str, key: str, recipients: Sequence[Reference], sequence: int
) -> None:
    """One row for each recipient, or one row without a recipient for everybody."""
    values = {"environment": environment, "workflow": workflow, "key": key, "sequence": sequence}
    tx.run(_INSERT, recipients=as_json(_as_rows(recipients) or [{}]), **values)


def _as_rows(recipients: Sequence[Reference]) -> list[dict[str, str]]:
    return [{"collection": each.collection, "id": each.id} for each in recipients]


# A delivery in hand (leased) is left alone: it has started. Whoever holds it, or takes it over, deletes its row.
_STOP_RUNS = sql("""
    with stopping as (
        select r.id from triggers t join recipient_runs r on r.trigger_id = t.id
        where t.environment_id = :environment and t.workflow_key = :workflow and t.cancellation_key = :key
            and coalesce(r.sequence, t.sequence) < :sequence and r.cancelled_at is null
            and (not :scoped or (r.collection, r.recipient_id) in
                (select collection, id from jsonb_to_recordset(:recipients) as named (collection text, id text)))
            and exists (select from due where due.run_id = r.id)
            and not exists (select from batch_windows w where w.carrier_run = r.id and w.closed_at is null)
    ), owed as (
        select d.id, d.message_id from due d join stopping on stopping.id = d.run_id
        where d.leased_until is null
        order by d.id for update of d skip locked
    ), gone as (
        delete from due using owed where due.id = owed.id
    ), stopped as (
        update recipient_runs r set status = 'cancelled', paused_until = null,
            cancelled_at = engine_now(), updated_at = engine_now()
        from stopping where r.id = stopping.id and r.cancelled_at is null
        returning r.id
    ), logged as (
        insert into run_log (run_id, attempt, entries, at)
        select id, 1, jsonb_build_array(jsonb_build_object('event', 'run_cancelled', 'status', 'ok', 'data',
            jsonb_build_object('cancellation_key', cast(:key as text), 'sequence', cast(:sequence as bigint)))), engine_now()
        from stopped
    ), unsent as (
        update messages m set status = 'not_sent', updated_at = engine_now()
        from owed where m.id = owed.message_id
        returning m.id
    ), told as (
        insert into message_events (id, message_id, type, data, at)
        select substr(m.id, 1, 9) || substr(md5(m.id || 'not_sent'), 1, 18), m.id, 'message.not_sent',
            jsonb_build_object('reason', 'cancelled', 'cancellation_key', cast(:key as text)), engine_now()
        from unsent m
    )
    select count(*) as stopped,
        exists (
            select from triggers t join due d on d.trigger_id = t.id and d.kind = 'fan_out'
            where t.environment_id = :environment and t.workflow_key = :workflow and t.cancellation_key = :key
                and t.sequence < :sequence
        ) as fanning_out
    from stopped
""")


def stop_runs(
    tx: Transaction, environment: UUID, workflow: str, key: str, recipients: Sequence[Reference], sequence: int
) -> tuple[int, bool]:
    """Marks every run that still owes something and takes activities out of open batches. How many of both, and whether
    more runs are still being made. A run that carries an open batch goes on, without its own activity.
    """
    removed = batches.remove_activities(tx, environment, workflow, key, _as_rows(recipients), sequence)
    row = tx.one(
        _STOP_RUNS,
        environment=environment,
        workflow=workflow,
        key=key,
        sequence=sequence,
        scoped=bool(recipients),
        recipients=as_json(_as_rows(recipients)),
    )
    return row.stopped + removed, row.fanning_out


_LATER = sql("""
    select given.id, c.collection, c.recipient_id
    from jsonb_to_recordset(:triggers) as given (id uuid, environment_id uuid, workflow_key text, key text, sequence bigint)
    join cancellations c on c.environment_id = given.environment_id and c.workflow_key = given.workflow_key
        and c.cancellation_key = given.key and c.sequence > given.sequence
""").bindparams(bindparam("triggers", type_=JSONB))


def later_than(
    tx: Transaction, triggers: Mapping[UUID, tuple[CancellationKey, int]]
) -> Iterator[tuple[UUID, Reference | None]]:
    """Cancellations made after triggers: the trigger, and the one recipient it is about or None for everybody."""
    given = [
        {
            "id": each,
            "environment_id": key.environment_id,
            "workflow_key": key.workflow_key,
            "key": key.key,
            "sequence": sequence,
        }
        for each, (key, sequence) in triggers.items()
    ]
    for row in tx.rows(_LATER, triggers=given):
        yield row.id, Reference(row.collection, row.recipient_id) if row.recipient_id is not None else None


_NEWEST = sql("""
    select coalesce(max(sequence), 0) from cancellations
    where environment_id = :environment and workflow_key = :workflow and cancellation_key = :key
        and (recipient_id is null or (collection = :collection and recipient_id = :recipient))
""")


def newest(tx: Transaction, environment: UUID, workflow: str, key: str, recipient: Reference) -> int:
    """The highest sequence that cancels that recipient, 0 when none does."""
    return int(
        tx.scalar(
            _NEWEST,
            environment=environment,
            workflow=workflow,
            key=key,
            collection=recipient.collection,
            recipient=recipient.id,
        )
    )
