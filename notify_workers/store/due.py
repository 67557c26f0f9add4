"""What is owed: one row for each step to run, message to deliver and fan-out to finish. Outbox, timer and claim in one.

`due_at` is on the engine's clock, and so is `publish_at`, the time from which the timer process rings for the row.
`leased_until` is real time: a delivery in hand is not to be taken over because somebody moved the engine's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.queue import Bell
from notify_workers.settings import settings
from notify_workers.store.session import Transaction, sql

SUBJECT_TASKS = {
    "schedule": "run_schedule",
    "bulk": "run_bulk_operation",
    "webhook": "deliver_event",
    "purge": "purge_recipient",
}
"""Kinds that belong to a row of another table (`subject`), and the task that each is for (notify_workers/store/subjects.py)."""

KINDS = ("fan_out", "step", "delivery", *SUBJECT_TASKS)


def step_bell(due_id: int, run_id: UUID | str, step: str, countdown: float = 0.0) -> Bell:
    return Bell("run_step", (due_id,), countdown, f"('{run_id}', '{step}')")


def delivery_bell(due_id: int, message_id: str, attempt: int = 1, countdown: float = 0.0) -> Bell:
    return Bell("deliver", (due_id,), countdown, f"('{message_id}', attempt {attempt})")


def fan_out_bell(due_id: int, trigger_id: UUID | str) -> Bell:
    return Bell("fan_out", (due_id,), 0.0, f"('{trigger_id}',)")


def subject_bell(kind: str, due_id: int, subject: UUID | str, countdown: float = 0.0) -> Bell:
    return Bell(SUBJECT_TASKS[kind], (due_id,), countdown, f"('{subject}',)")


def within_horizon(seconds: float) -> bool:
    """Whether something due in that many seconds may enter the broker as a countdown."""
    return seconds <= settings().horizon


# Materialized: a plan may execute a sub-select once for each row it is joined with, and each time locks the next `limit`.
_TAKE = sql("""
    with next as materialized (
        select id from due where publish_at <= (select engine_now()) and (:far or due_at <= (select engine_now()))
        order by publish_at limit :limit for update skip locked
    )
    update due d set tries = tries + 1,
        publish_at = greatest(d.due_at, engine_now())
            + make_interval(secs => power(2, least(d.tries, 6))
                * case when d.kind = 'delivery' then :delivery_lease else :lease end)
    from next where d.id = next.id
    returning d.id, d.kind, d.subject, d.trigger_id, d.run_id, d.step, d.message_id, d.attempt,
        greatest(0, extract(epoch from d.due_at - engine_now()))::float8 as countdown
""")


def take_publishable(tx: Transaction, limit: int, *, far: bool) -> list[Bell]:
    """Bells for rows whose time to be published has come, each row's next one moved on by its lease.

    `far` False takes only what is due already and leaves what lies within the horizon.
    """
    rows = tx.rows(_TAKE, limit=limit, far=far, lease=settings().step_lease, delivery_lease=settings().delivery_lease)
    return [_bell(row) for row in rows]


def _bell(row: object) -> Bell:
    match row.kind:  # type: ignore[attr-defined]
        case "step":
            return step_bell(row.id, row.run_id, row.step, row.countdown)  # type: ignore[attr-defined]
        case "delivery":
            return delivery_bell(row.id, row.message_id, row.attempt, row.countdown)  # type: ignore[attr-defined]
        case "fan_out":
            return fan_out_bell(row.id, row.trigger_id)  # type: ignore[attr-defined]
        case kind if kind in SUBJECT_TASKS:
            return subject_bell(kind, row.id, row.subject, row.countdown)  # type: ignore[attr-defined]
        case kind:
            raise AssertionError(f"a due row of kind {kind!r}")


@dataclass(frozen=True, slots=True)
class FanOutClaim:
    """`place` is whose subscribers are still to be reached (notify_workers/fanout.py)."""

    due_id: int
    trigger_id: UUID
    cursor: int
    place: Sequence[Sequence[Any]] | None


_CLAIM_FAN_OUT = sql("""
    select id, trigger_id, cursor, place from due where id = :id and kind = 'fan_out' for update skip locked
""")


def claim_fan_out(tx: Transaction, due_id: int) -> FanOutClaim | None:
    row = tx.first(_CLAIM_FAN_OUT, id=due_id)
    return FanOutClaim(row.id, row.trigger_id, row.cursor, row.place) if row else None


_OWE_FAN_OUT = sql("""
    insert into due (kind, environment_id, trigger_id, cursor, place, due_at, publish_at)
    values ('fan_out', :environment, :trigger, :cursor, :place, engine_now(), engine_now() + make_interval(secs => :lease))
    returning id
""").bindparams(bindparam("place", type_=JSONB(none_as_null=True)))


def owe_fan_out(
    tx: Transaction, environment: UUID, trigger: UUID, cursor: int, place: Sequence[Sequence[Any]] | None = None
) -> int:
    lease = settings().step_lease
    return int(
        tx.scalar(_OWE_FAN_OUT, environment=environment, trigger=trigger, cursor=cursor, place=place, lease=lease)
    )


_MOVE_FAN_OUT = sql("""
    update due set cursor = :cursor, place = :place, tries = 0, publish_at = engine_now() + make_interval(secs => :lease)
    where id = :id
""").bindparams(bindparam("place", type_=JSONB(none_as_null=True)))


def move_fan_out(tx: Transaction, due_id: int, cursor: int, place: Sequence[Sequence[Any]] | None = None) -> None:
    tx.run(_MOVE_FAN_OUT, id=due_id, cursor=cursor, place=place, lease=settings().step_lease)


_REARM = sql("""
    update due set tries = 0, publish_at = due_at - make_interval(secs => :horizon) where id = :id and leased_until is null
""")


def rearm(tx: Transaction, due_id: int) -> None:
    """A bell came before its time: owe the row again at its time, unless its time has come and somebody has it in hand."""
    tx.run(_REARM, id=due_id, horizon=settings().horizon)


_SETTLE = sql("delete from due where id = :id")


def settle(tx: Transaction, due_id: int) -> None:
    """Nothing is owed any more."""
    tx.run(_SETTLE, id=due_id)
