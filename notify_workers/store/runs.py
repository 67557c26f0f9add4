"""Recipient runs: made by a fan-out, claimed by a step, moved on by its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from notify_workers.queue import Bell
from notify_workers.settings import settings
from notify_workers.store import due
from notify_workers.store.recipients import Reference
from notify_workers.store.session import Transaction, as_json, sql

_INSERT = sql("""
    with given as (
        select * from jsonb_to_recordset(:runs) as given (
            id uuid, environment_id uuid, trigger_id uuid, workflow_key text, version_id uuid, collection text,
            recipient_id text, tenant text, status text, data jsonb, step text)
    ), fresh as (
        insert into recipient_runs (id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, tenant,
            status, data, cancelled_at, inserted_at, updated_at)
        select id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, tenant,
            status, data, case when status = 'cancelled' then engine_now() end, engine_now(), engine_now()
        from given
        on conflict (id) do nothing
        returning id
    )
    insert into due (kind, environment_id, trigger_id, run_id, step, due_at, publish_at)
    select 'step', environment_id, trigger_id, id, step, engine_now(), engine_now() + make_interval(secs => :lease)
    from given join fresh using (id) where status = 'queued'
    returning id, run_id, step
""")


def insert_runs(tx: Transaction, runs: Sequence[Mapping[str, Any]]) -> list[Bell]:
    """Makes runs that do not exist yet, and owes the first step of those that are queued. The bells for them."""
    if not runs:
        return []
    rows = tx.rows(_INSERT, runs=as_json(runs), lease=settings().step_lease)
    return [due.step_bell(row.id, row.run_id, row.step) for row in rows]


@dataclass(frozen=True, slots=True)
class StepClaim:
    """A step in hand, with everything its execution needs, read in one statement."""

    due_id: int
    step: str
    attempt: int
    seconds_early: float
    now: datetime
    catalog_number: int
    environment_id: UUID
    run_id: UUID
    trigger_id: UUID
    workflow_key: str
    version_id: UUID
    active: bool
    recipient: Reference
    recipient_properties: Mapping[str, Any] | None
    actor: Reference | None
    actor_properties: Mapping[str, Any] | None
    tenant: str | None
    tenant_properties: Mapping[str, Any] | None
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    cancellation_key: str | None
    sequence: int
    cancelled: bool
    paused_until: datetime | None
    triggered_at: datetime

    @property
    def place(self) -> tuple[str, int, datetime | None]:
        """The same as long as nobody else has executed the step meanwhile."""
        return self.step, self.attempt, self.paused_until


_CLAIM_STEP = sql("""
    with clock as materialized (select engine_now() as now)
    select d.id as due_id, d.step, d.attempt, extract(epoch from d.due_at - clock.now)::float8 as seconds_early,
        clock.now, (select number from catalog) as catalog_number,
        r.environment_id, r.id as run_id, r.trigger_id, r.workflow_key, r.version_id, coalesce(w.active, false) as active,
        r.collection, r.recipient_id, p.properties as recipient_properties,
        t.actor_collection, t.actor_id, a.properties as actor_properties,
        r.tenant, n.properties as tenant_properties,
        coalesce(r.data, t.data) as data, t.settings, t.cancellation_key, t.sequence,
        r.cancelled_at is not null as cancelled, r.paused_until, t.inserted_at as triggered_at
    from clock, due d
    join recipient_runs r on r.id = d.run_id
    join triggers t on t.id = r.trigger_id
    left join resources w on w.environment_id = r.environment_id and w.kind = 'workflow' and w.key = r.workflow_key
    left join recipients p on p.environment_id = r.environment_id and p.collection = r.collection and p.id = r.recipient_id
    left join recipients a on a.environment_id = r.environment_id and a.collection = t.actor_collection and a.id = t.actor_id
    left join recipients n on n.environment_id = r.environment_id and n.collection = '$tenants' and n.id = r.tenant
    where d.id = :id and d.kind = 'step'
    for update of d skip locked
""")


def claim_step(tx: Transaction, due_id: int) -> StepClaim | None:
    """Takes the row of a step. None: it is done, or in somebody's hand."""
    row = tx.first(_CLAIM_STEP, id=due_id)
    if row is None:
        return None
    values = dict(row._mapping)
    recipient = Reference(values.pop("collection"), values.pop("recipient_id"))
    collection, identifier = values.pop("actor_collection"), values.pop("actor_id")
    return StepClaim(recipient=recipient, actor=Reference(collection, identifier) if identifier else None, **values)


@dataclass(frozen=True, slots=True)
class Move:
    """Where a run goes from here. `step` None ends it; `wait` is the time of its next step, None for now."""

    status: str
    step: str | None
    attempt: int = 1
    wait: datetime | None = None
    paused_until: datetime | None = None
    data: Mapping[str, Any] | None = None
    errors: int = 0


_MOVE = sql("""
    with moved as (
        update recipient_runs set status = :status, paused_until = :paused_until, data = coalesce(:data, data),
            error_count = error_count + :errors, updated_at = :now
        where id = :run_id and cancelled_at is null
        returning *
    ), logged as (
        insert into run_log (run_id, step_ref, step_type, attempt, entries, at)
        select id, :step_ref, :step_type, :attempt, :entries, :now from moved
    ), given as materialized (
        select given.* from moved, jsonb_to_recordset(:messages) as given (
            id text, channel_id uuid, channel_type text, snapshot jsonb, content jsonb, status text, categories jsonb,
            actors jsonb, created_event text, queued_event text)
    ), created as (
        insert into messages (id, environment_id, run_id, trigger_id, version_id, workflow_key, categories, step_ref, channel_id,
            channel_type, collection, recipient_id, tenant, actors, recipient_snapshot, content, status, inserted_at, updated_at)
        select given.id, r.environment_id, r.id, r.trigger_id, r.version_id, r.workflow_key, given.categories, :step_ref,
            given.channel_id, given.channel_type, r.collection, r.recipient_id, r.tenant, given.actors, given.snapshot,
            given.content, given.status, :now, :now
        from given, moved r
    ), told as (
        insert into message_events (id, message_id, type, at)
        select created_event, id, 'message.created', :now from given
        union all
        select queued_event, id, 'message.' || status, :now from given
    ), next as (
        update due set step = :next, attempt = :next_attempt, tries = 0, due_at = coalesce(:wait, :now),
            publish_at = case when :wait > :now + make_interval(secs => :horizon)
                then :wait - make_interval(secs => :horizon)
                else coalesce(:wait, :now) + make_interval(secs => :lease) end
        from moved where due.id = :due_id and :next is not null
        returning due.id, due.step, null as message_id, extract(epoch from due.due_at - :now)::float8 as countdown
    ), settled as (
        delete from due using moved where due.id = :due_id and :next is null
    ), owed as (
        insert into due (kind, environment_id, trigger_id, run_id, message_id, due_at, publish_at)
        select 'delivery', r.environment_id, r.trigger_id, r.id, given.id, :now,
            :now + make_interval(secs => :lease)
        from given, moved r where given.status = 'queued'
        returning id, null as step, message_id, 0::float8 as countdown
    )
    select id, step, message_id, countdown from next
    union all select id, step, message_id, countdown from owed
    union all select null, null, null, null from moved
""").bindparams(
    bindparam("next", type_=Text),
    bindparam("now", type_=TIMESTAMP(timezone=True)),
    bindparam("wait", type_=TIMESTAMP(timezone=True)),
    bindparam("paused_until", type_=TIMESTAMP(timezone=True)),
    bindparam("data", type_=JSONB(none_as_null=True)),
    bindparam("entries", type_=JSONB),
    bindparam("messages", type_=JSONB),
)


def move(
    tx: Transaction, claim: StepClaim, step_type: str | None, to: Move, entries: list[Any], messages: list[Any]
) -> list[Bell] | None:
    """Writes the outcome of a step: log, messages, what is owed next. One statement, so that all of it happens or nothing.

    The bells to ring; None when the run was cancelled meanwhile, and then nothing was written.
    """
    rows = tx.rows(
        _MOVE,
        due_id=claim.due_id,
        run_id=claim.run_id,
        step_ref=claim.step,
        step_type=step_type,
        attempt=claim.attempt,
        status=to.status,
        next=to.step,
        next_attempt=to.attempt,
        wait=to.wait,
        paused_until=to.paused_until,
        data=to.data,
        errors=to.errors,
        entries=entries,
        messages=messages,
        now=claim.now,
        horizon=settings().horizon,
        lease=settings().step_lease,
    )
    if not rows:
        return None
    return [bell for row in rows if row.id is not None and (bell := _bell(claim.run_id, row)) is not None]


def _bell(run_id: UUID, row: Any) -> Bell | None:
    if row.message_id is not None:
        return due.delivery_bell(row.id, row.message_id)
    if due.within_horizon(row.countdown):
        return due.step_bell(row.id, run_id, row.step, max(0.0, row.countdown))
    return None


_END = sql("""
    with ended as (
        update recipient_runs set status = 'cancelled', cancelled_at = coalesce(cancelled_at, engine_now()), paused_until = null,
            updated_at = engine_now()
        where id = :run_id returning id
    ), settled as (
        delete from due where id = :due_id
    )
    insert into run_log (run_id, step_ref, attempt, entries, at)
    select id, :step, 1, :entries, engine_now() from ended
""").bindparams(bindparam("entries", type_=JSONB))


def stop(tx: Transaction, claim: StepClaim, entries: list[Any]) -> None:
    """The run does not go on: it is cancelled, and nothing is owed for its next step."""
    tx.run(_END, run_id=claim.run_id, due_id=claim.due_id, step=claim.step, entries=entries)
