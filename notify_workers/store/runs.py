"""Recipient runs: made by a fan-out, claimed by a step, moved on by its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from notify_workers.queue import Bell
from notify_workers.settings import settings
from notify_workers.store import due
from notify_workers.store.session import Transaction, as_json, sql
from workflows.recipients import Reference

_INSERT = sql("""
    with given as (
        select * from jsonb_to_recordset(:runs) as given (
            id uuid, environment_id uuid, trigger_id uuid, workflow_key text, version_id uuid, collection text,
            recipient_id text, tenant text, status text, data jsonb, step text, once text, subscription jsonb)
    ), entered as (
        insert into entries (environment_id, workflow_key, collection, recipient_id, tenant, run_id)
        select environment_id, workflow_key, collection, recipient_id, once, id from given where once is not null
        order by 1, 2, 3, 4, 5
        on conflict do nothing
        returning run_id
    ), fresh as (
        insert into recipient_runs (id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, tenant,
            status, data, subscription, cancelled_at, inserted_at, updated_at)
        select id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, tenant,
            status, data, subscription, case when status = 'cancelled' then engine_now() end, engine_now(), engine_now()
        from given where once is null or id in (select run_id from entered)
        on conflict (id) do nothing
        returning id
    )
    insert into due (kind, environment_id, trigger_id, run_id, step, due_at, publish_at)
    select 'step', environment_id, trigger_id, id, step, engine_now(), engine_now() + make_interval(secs => :lease)
    from given join fresh using (id) where status = 'queued'
    returning id, run_id, step
""")


def insert_runs(tx: Transaction, runs: Sequence[Mapping[str, Any]]) -> list[Bell]:
    """Makes runs that do not exist yet, and owes the first step of those that are queued. The bells for them.

    `once` is the tenant (or an empty text) for which a recipient enters the workflow once; None when that does not matter.
    `subscription` is `{object: {collection, id}, properties}` of who was reached by one.
    """
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
    status: str
    recipient: Reference
    recipient_properties: Mapping[str, Any] | None
    recipient_preferences: Mapping[str, Any] | None
    channel_data: Mapping[str, Any] | None
    actor: Reference | None
    actor_properties: Mapping[str, Any] | None
    tenant: str | None
    tenant_properties: Mapping[str, Any] | None
    tenant_channel_data: Mapping[str, Any] | None
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    source: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    memory: Mapping[str, Any] | None
    subscription: Mapping[str, Any] | None
    window_id: UUID | None
    cancellation_key: str | None
    sequence: int
    cancelled: bool
    paused_until: datetime | None
    triggered_at: datetime

    @property
    def place(self) -> tuple[str, int, datetime | None]:
        """The same as long as nobody else has executed the step meanwhile."""
        return self.step, self.attempt, self.paused_until

    @property
    def carries_batch(self) -> bool:
        """Whether the run waits for an open batch window. It then goes on whatever becomes of its own activity."""
        return bool(self.memory and "window_id" in self.memory)


# A statement that began before somebody moved the step, and locks its row after, is given the new row beside the run as it
# was: a batch of many would go on as the one activity that opened it. `seen` stays what the statement saw, and does not match.
_CLAIM_STEP = sql("""
    with clock as materialized (select engine_now() as now)
    select d.id as due_id, d.step, d.attempt, extract(epoch from d.due_at - clock.now)::float8 as seconds_early,
        clock.now, (select number from catalog) as catalog_number,
        r.environment_id, r.id as run_id, r.trigger_id, r.workflow_key, r.version_id, coalesce(w.active, false) as active,
        r.status, r.collection, r.recipient_id, p.properties as recipient_properties, p.preferences as recipient_preferences,
        p.channel_data, t.actor_collection, t.actor_id, a.properties as actor_properties,
        r.tenant, n.properties as tenant_properties, n.channel_data as tenant_channel_data,
        coalesce(r.data, t.data) as data, t.settings, t.source, r.outputs, r.memory, r.subscription, r.window_id,
        t.cancellation_key, coalesce(r.sequence, t.sequence) as sequence,
        r.cancelled_at is not null as cancelled, r.paused_until, t.inserted_at as triggered_at
    from clock, due d
    join due seen on seen.id = d.id and seen.xmin = d.xmin
    join recipient_runs r on r.id = d.run_id
    join triggers t on t.id = r.trigger_id
    left join resources w on w.environment_id = r.environment_id and w.kind = 'workflow' and w.key = r.workflow_key
    left join recipients p on p.environment_id = r.environment_id and p.collection = r.collection and p.id = r.recipient_id
    left join recipients a on a.environment_id = r.environment_id and a.collection = t.actor_collection and a.id = t.actor_id
    left join recipients n on n.environment_id = r.environment_id and n.collection = '$tenants' and n.id = r.tenant
    where d.id = :id and d.kind = 'step'
        and (d.leased_until is null or d.leased_until < clock_timestamp() or d.leased_until = :lease)
    for update of d skip locked
""").bindparams(bindparam("lease", type_=TIMESTAMP(timezone=True)))


def claim_step(tx: Transaction, due_id: int, lease: datetime | None = None) -> StepClaim | None:
    """Takes the row of a step. None: it is done, or in somebody's hand, or was moved just now by somebody who rings for it.

    `lease` is the one that `lease_step` gave.
    """
    row = tx.first(_CLAIM_STEP, id=due_id, lease=lease)
    if row is None:
        return None
    values = dict(row._mapping)
    recipient = Reference(values.pop("collection"), values.pop("recipient_id"))
    collection, identifier = values.pop("actor_collection"), values.pop("actor_id")
    return StepClaim(recipient=recipient, actor=Reference(collection, identifier) if identifier else None, **values)


_LEASE_STEP = sql("""
    update due set leased_until = clock_timestamp() + make_interval(secs => :seconds),
        publish_at = engine_now() + make_interval(secs => :seconds + 1)
    where id = :id
    returning leased_until
""")


def lease_step(tx: Transaction, due_id: int, seconds: float) -> datetime:
    """Keeps a step in hand beyond the transaction, for a call to another machine. Who holds the lease may claim it again."""
    leased: datetime = tx.scalar(_LEASE_STEP, id=due_id, seconds=seconds)
    return leased


@dataclass(frozen=True, slots=True)
class Move:
    """Where a run goes from here. `step` None ends it; `wait` is the time of its next step, None for now.

    `memory` is what the step keeps while it is paused. `data`, `window_id` and `version_id` None leave what there is;
    `outputs` are added.
    """

    status: str
    step: str | None
    attempt: int = 1
    wait: datetime | None = None
    paused_until: datetime | None = None
    data: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None
    memory: Mapping[str, Any] | None = None
    window_id: UUID | None = None
    version_id: UUID | None = None
    errors: int = 0


# A window that ends with its carrier is locked before the run, in the order in which a cancellation locks them.
_MOVE = sql("""
    with held as materialized (
        select id from batch_windows where :next is null and carrier_run = :run_id and closed_at is null for update
    ), moved as (
        update recipient_runs set status = :status, paused_until = :paused_until, data = coalesce(:data, data),
            outputs = case when :outputs is null then outputs else coalesce(outputs, '{}') || :outputs end, memory = :memory,
            window_id = coalesce(:window_id, window_id), version_id = coalesce(:version_id, version_id),
            error_count = error_count + :errors, updated_at = :now
        where id = :run_id and cancelled_at is null and (select count(*) from held) >= 0
        returning *
    ), logged as (
        insert into run_log (run_id, step_ref, step_type, attempt, entries, at)
        select id, :step_ref, :step_type, :attempt, :entries, :now from moved
    ), given as materialized (
        select given.* from moved, jsonb_to_recordset(:messages) as given (
            id text, channel_id uuid, channel_type text, snapshot jsonb, content jsonb, status text, categories jsonb,
            actors jsonb, created_event text, queued_event text, queued_data jsonb, scheduled_at timestamptz)
    ), created as (
        insert into messages (id, environment_id, run_id, trigger_id, version_id, workflow_key, categories, step_ref, channel_id,
            channel_type, collection, recipient_id, tenant, actors, recipient_snapshot, content, status, scheduled_at,
            inserted_at, updated_at)
        select given.id, r.environment_id, r.id, r.trigger_id, r.version_id, r.workflow_key, given.categories, :step_ref,
            given.channel_id, given.channel_type, r.collection, r.recipient_id, r.tenant, given.actors, given.snapshot,
            given.content, given.status, given.scheduled_at, :now, :now
        from given, moved r
    ), told as (
        insert into message_events (id, message_id, type, data, at)
        select created_event, id, 'message.created', null, :now from given
        union all
        select queued_event, id, 'message.' || status, queued_data, :now from given
    ), next as (
        update due set step = :next, attempt = :next_attempt, tries = 0, leased_until = null, due_at = coalesce(:wait, :now),
            publish_at = case when :wait > :now + make_interval(secs => :horizon)
                then :wait - make_interval(secs => :horizon)
                else coalesce(:wait, :now) + make_interval(secs => :lease) end
        from moved where due.id = :due_id and :next is not null
        returning due.id, due.step, null as message_id, extract(epoch from due.due_at - :now)::float8 as countdown
    ), settled as (
        delete from due using moved where due.id = :due_id and :next is null
    ), abandoned as (
        update batch_windows w set closed_at = :now from held, moved where w.id = held.id
    ), owed as (
        insert into due (kind, environment_id, trigger_id, run_id, message_id, due_at, publish_at)
        select 'delivery', r.environment_id, r.trigger_id, r.id, given.id, coalesce(given.scheduled_at, :now),
            case when given.scheduled_at is null then :now + make_interval(secs => :lease)
                else given.scheduled_at - make_interval(secs => :horizon) end
        from given, moved r where given.status = 'queued'
        returning id, null as step, message_id, extract(epoch from due.due_at - :now)::float8 as countdown
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
    bindparam("outputs", type_=JSONB(none_as_null=True)),
    bindparam("memory", type_=JSONB(none_as_null=True)),
    bindparam("window_id", type_=Uuid),
    bindparam("version_id", type_=Uuid),
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
        outputs=to.outputs,
        memory=to.memory,
        window_id=to.window_id,
        version_id=to.version_id,
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
        return due.delivery_bell(row.id, row.message_id) if row.countdown <= 0 else None
    if due.within_horizon(row.countdown):
        return due.step_bell(row.id, run_id, row.step, max(0.0, row.countdown))
    return None


_END = sql("""
    with held as materialized (
        select id from batch_windows where carrier_run = :run_id and closed_at is null for update
    ), ended as (
        update recipient_runs set status = 'cancelled', cancelled_at = coalesce(cancelled_at, engine_now()), paused_until = null,
            memory = null, updated_at = engine_now()
        where id = :run_id and (select count(*) from held) >= 0
        returning id
    ), settled as (
        delete from due where id = :due_id
    ), abandoned as (
        update batch_windows w set closed_at = engine_now() from held where w.id = held.id
    )
    insert into run_log (run_id, step_ref, attempt, entries, at)
    select id, :step, 1, :entries, engine_now() from ended
""").bindparams(bindparam("entries", type_=JSONB))


def stop(tx: Transaction, claim: StepClaim, entries: list[Any]) -> None:
    """The run does not go on: it is cancelled, and nothing is owed for its next step."""
    tx.run(_END, run_id=claim.run_id, due_id=claim.due_id, step=claim.step, entries=entries)
