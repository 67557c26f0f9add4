"""The ledger of sends: an intent is committed before a provider is called, its outcome after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.routing import Tried
from notify_workers.store.session import Transaction, sql
from workflows.recipients import Reference


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A delivery in hand. `intended` False: an attempt of that number exists already, and nobody knows its outcome."""

    due_id: int
    attempt: int
    intended: bool
    seconds_early: float
    catalog_number: int
    environment_id: UUID
    message_id: str
    channel_id: UUID
    channel_type: str
    content: Mapping[str, Any]
    recipient: Reference
    workflow_key: str
    cancellation_key: str | None
    sequence: int
    cancelled: bool
    tenant: str | None
    tried: Sequence[Tried]


# The row is leased and the intent written by one statement. A row that is early or cancelled gets neither.
_CLAIM = sql("""
    with clock as materialized (
        select engine_now() as now
    ), owed as (
        select d.id, d.attempt, d.message_id, d.run_id, d.trigger_id, clock.now, r.sequence,
            extract(epoch from d.due_at - clock.now)::float8 as seconds_early, r.cancelled_at is not null as cancelled
        from clock, due d join recipient_runs r on r.id = d.run_id
        where d.id = :id and d.kind = 'delivery' and (d.leased_until is null or d.leased_until < clock_timestamp())
        for update of d skip locked
    ), startable as (
        select * from owed where seconds_early <= :slack and not cancelled
    ), leased as (
        update due set leased_until = clock_timestamp() + make_interval(secs => :lease),
            publish_at = startable.now + make_interval(secs => :lease + 1)
        from startable where due.id = startable.id
    ), intent as (
        insert into delivery_attempts (id, message_id, attempt, provider, idempotency_key, started_at)
        select :attempt_id, message_id, attempt, '', message_id, now from startable
        on conflict (message_id, attempt) do nothing
        returning attempt
    )
    select owed.id as due_id, owed.attempt, exists (select from intent) as intended, owed.seconds_early, owed.cancelled,
        (select number from catalog) as catalog_number, m.environment_id, m.id as message_id, m.channel_id, m.channel_type,
        m.content, m.collection, m.recipient_id, m.workflow_key, t.cancellation_key,
        coalesce(owed.sequence, t.sequence) as sequence, m.tenant, (
            select coalesce(jsonb_agg(jsonb_build_array(a.route, a.outcome) order by a.attempt), '[]')
            from delivery_attempts a where a.message_id = m.id and a.outcome is not null
        ) as tried
    from owed join messages m on m.id = owed.message_id join triggers t on t.id = owed.trigger_id
""")


def claim_delivery(
    tx: Transaction, due_id: int, *, attempt_id: str, lease: float, slack: float
) -> DeliveryClaim | None:
    """Takes a delivery and writes its intent. None: it is done, or in somebody's hand."""
    row = tx.first(_CLAIM, id=due_id, attempt_id=attempt_id, lease=lease, slack=slack)
    if row is None:
        return None
    values = dict(row._mapping)
    recipient, tried = Reference(values.pop("collection"), values.pop("recipient_id")), values.pop("tried")
    return DeliveryClaim(recipient=recipient, tried=[Tried(*each) for each in tried], **values)


_ROUTE = sql("update delivery_attempts set route = :route where message_id = :message_id and attempt = :attempt")


def note_route(tx: Transaction, claim: DeliveryClaim, position: int) -> None:
    """Says who is asked, before they are: when the outcome is lost, nobody else is."""
    tx.run(_ROUTE, message_id=claim.message_id, attempt=claim.attempt, route=position)


_DEFER = sql("""
    with withdrawn as (
        delete from delivery_attempts where message_id = :message_id and attempt = :attempt and outcome is null returning attempt
    )
    update due set leased_until = null, tries = 0, due_at = engine_now() + make_interval(secs => :seconds),
        publish_at = engine_now() + make_interval(secs => case when :seconds > :horizon then :seconds - :horizon
            else :seconds + :lease end)
    from withdrawn where due.id = :due_id and due.attempt = withdrawn.attempt
""")


def defer(tx: Transaction, claim: DeliveryClaim, seconds: float, *, horizon: float, lease: float) -> bool:
    """Gives a delivery back, as if it had not been begun, to be made later. Whether it was still in hand."""
    return (
        tx.run(
            _DEFER,
            message_id=claim.message_id,
            attempt=claim.attempt,
            due_id=claim.due_id,
            seconds=seconds,
            horizon=horizon,
            lease=lease,
        )
        == 1
    )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an attempt came to. `status` None leaves the message's as it is; `retry_after` (seconds) owes another attempt.

    `dead_token` is one that the recipient's channel data is to lose.
    """

    outcome: str
    reason: str
    status: str | None
    event: str | None
    event_data: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    retry_after: float | None = None
    dead_token: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the provider has the message."""
        return self.status in ("sent", "delivered")


# An attempt that was called unknown may still report. The ledger keeps the truth that comes late; the message hears of it
# only when it is a success, and then nothing more is owed, unless somebody has begun another attempt.
_SETTLE = sql("""
    with told_to as materialized (
        select cast(:retry_after as double precision) as retry_after, cast(:event as text) as event,
            cast(:accepted as boolean) as accepted, engine_now() as now
    ), owed as materialized (
        select d.id, d.attempt = :attempt as mine, retry_after is not null and r.cancelled_at is not null as stopped
        from told_to, due d join recipient_runs r on r.id = d.run_id
        where d.id = :due_id and (d.attempt = :attempt or (accepted and d.leased_until is null)) for update of d
    ), attempted as (
        update delivery_attempts set
            outcome = :outcome, reason = :reason, provider = :provider, exchanges = exchanges || :exchanges,
            finished_at = now, external_id = coalesce(:metadata ->> 'external_id', external_id)
        from told_to where message_id = :message_id and attempt = :attempt and (outcome is null or outcome = 'unknown')
        returning attempt
    ), retried as (
        update due set attempt = attempt + 1, tries = 0, leased_until = null,
            due_at = now + make_interval(secs => retry_after),
            publish_at = now + make_interval(secs => case when retry_after > :horizon then retry_after - :horizon
                else retry_after + :lease end)
        from owed, told_to where due.id = owed.id and mine and retry_after is not null and not stopped
        returning due.id
    ), settled as (
        delete from due using owed, told_to where due.id = owed.id and (retry_after is null or stopped)
    ), heard as (
        select coalesce(bool_or(stopped), false) as stopped from owed
        having bool_or(mine) or ((select accepted from told_to) and exists (select from attempted))
    ), known as (
        update messages set status = case when stopped then 'not_sent' else coalesce(:status, status) end,
            metadata = metadata || :metadata, updated_at = now
        from heard, told_to where id = :message_id
    ), told as (
        insert into message_events (id, message_id, type, data, at)
        select :event_id, :message_id, case when stopped then 'message.not_sent' else event end,
            case when stopped then '{"reason": "cancelled"}' else :event_data end, now
        from heard, told_to where event is not null
    )
    select exists (select from retried) as retried
""").bindparams(
    bindparam("status", type_=Text),
    bindparam("event_data", type_=JSONB(none_as_null=True)),
    bindparam("metadata", type_=JSONB),
    bindparam("exchanges", type_=JSONB),
)


def settle_delivery(
    tx: Transaction,
    claim: DeliveryClaim,
    to: Settlement,
    *,
    provider: str,
    exchanges: list[Mapping[str, Any]],
    event_id: str,
    horizon: float,
    lease: float,
) -> bool:
    """Writes an attempt's outcome and what follows from it. Whether another attempt is owed."""
    return bool(
        tx.scalar(
            _SETTLE,
            due_id=claim.due_id,
            attempt=claim.attempt,
            message_id=claim.message_id,
            outcome=to.outcome,
            reason=to.reason,
            provider=provider,
            exchanges=exchanges,
            retry_after=to.retry_after,
            accepted=to.accepted,
            horizon=horizon,
            lease=lease,
            status=to.status,
            metadata=dict(to.metadata or {}),
            event=to.event,
            event_id=event_id,
            event_data=to.event_data,
        )
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a message's ledger."""

    id: str
    message_id: str
    attempt: int
    provider: str
    outcome: str | None
    reason: str | None
    exchanges: list[Mapping[str, Any]]
    started_at: datetime
    finished_at: datetime | None


_ATTEMPTS = sql("""
    select id, message_id, attempt, provider, outcome, reason, exchanges, started_at, finished_at
    from delivery_attempts where message_id = :message_id order by attempt
""")


def attempts(tx: Transaction, message_id: str) -> list[Attempt]:
    return [Attempt(**row._mapping) for row in tx.rows(_ATTEMPTS, message_id=message_id)]
