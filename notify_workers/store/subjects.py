"""What is owed for a row of a table of its own: a schedule's next occurrence, a bulk operation, an event for a webhook.

One due row for each subject and kind, which exists as long as something is owed. Who works on it claims it for the
transaction, and moves it on or settles it in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import TIMESTAMP

from notify_workers.settings import settings
from notify_workers.store import due
from notify_workers.store.session import Transaction, sql

_AT = bindparam("at", type_=TIMESTAMP(timezone=True))

_OWE = sql("""
    insert into due (kind, environment_id, subject, due_at, publish_at)
    values (:kind, :environment, :subject, coalesce(:at, engine_now()),
        case when :at > engine_now() + make_interval(secs => :horizon) then :at - make_interval(secs => :horizon)
            else coalesce(:at, engine_now()) + make_interval(secs => :lease) end)
    on conflict (subject, kind) where subject is not null do update set
        due_at = excluded.due_at, publish_at = excluded.publish_at, tries = 0, attempt = 1, leased_until = null
    returning id, greatest(0, extract(epoch from due_at - engine_now()))::float8 as countdown
""").bindparams(_AT)


def owe(tx: Transaction, kind: str, environment: UUID, subject: UUID, at: datetime | None = None) -> None:
    """From now on something is owed for the subject, at a time (UTC; None: now), instead of at the time it was owed before.

    Rings when the transaction has committed, if the time is within the horizon.
    """
    row = tx.one(
        _OWE,
        kind=kind,
        environment=environment,
        subject=subject,
        at=at,
        horizon=settings().horizon,
        lease=settings().step_lease,
    )
    if due.within_horizon(row.countdown):
        tx.ring(due.subject_bell(kind, row.id, subject, row.countdown))


@dataclass(frozen=True, slots=True)
class SubjectClaim:
    """A due row in hand. `attempt` counts from 1; `cursor` is the worker's own place in its work."""

    due_id: int
    environment_id: UUID
    subject: UUID
    attempt: int
    cursor: int
    due_at: datetime
    now: datetime

    @property
    def seconds_early(self) -> float:
        return (self.due_at - self.now).total_seconds()


_CLAIM = sql("""
    select id as due_id, environment_id, subject, attempt, cursor, due_at, engine_now() as now
    from due where id = :id and kind = :kind and (leased_until is null or leased_until < clock_timestamp())
    for update skip locked
""")


def claim(tx: Transaction, kind: str, due_id: int) -> SubjectClaim | None:
    """Takes the row until the transaction ends. None: it is done, or in somebody's hand."""
    row = tx.first(_CLAIM, id=due_id, kind=kind)
    return SubjectClaim(**row._mapping) if row else None


_MOVE = sql("""
    update due set attempt = :attempt, cursor = :cursor, tries = 0, leased_until = null, due_at = coalesce(:at, engine_now()),
        publish_at = case when :at > engine_now() + make_interval(secs => :horizon) then :at - make_interval(secs => :horizon)
            else coalesce(:at, engine_now()) + make_interval(secs => :lease) end
    where id = :id
    returning greatest(0, extract(epoch from due_at - engine_now()))::float8 as countdown
""").bindparams(_AT)


def move(
    tx: Transaction, kind: str, claim: SubjectClaim, *, at: datetime | None = None, cursor: int = 0, attempt: int = 1
) -> None:
    """Owes the subject's next piece at a time (UTC; None: now), and rings when the transaction has committed."""
    countdown = tx.scalar(
        _MOVE,
        id=claim.due_id,
        at=at,
        cursor=cursor,
        attempt=attempt,
        horizon=settings().horizon,
        lease=settings().step_lease,
    )
    if due.within_horizon(countdown):
        tx.ring(due.subject_bell(kind, claim.due_id, claim.subject, countdown))


_LEASE = sql("""
    update due set leased_until = clock_timestamp() + make_interval(secs => :seconds),
        publish_at = engine_now() + make_interval(secs => :seconds + 1)
    where id = :id
""")


def lease(tx: Transaction, claim: SubjectClaim, seconds: float) -> None:
    """Keeps the row in hand beyond the transaction, for a call to another machine; after that time it may be claimed anew."""
    tx.run(_LEASE, id=claim.due_id, seconds=seconds)


_SETTLE = sql("delete from due where subject = :subject and kind = :kind")


def settle(tx: Transaction, kind: str, subject: UUID) -> None:
    """Nothing is owed for the subject any more."""
    tx.run(_SETTLE, kind=kind, subject=subject)
