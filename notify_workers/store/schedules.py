"""Schedules: one row for each recipient, with the time of the next occurrence, which is owed (notify_workers/store/subjects.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import recipients, schedules
from workflows.recipients import Reference
from workflows.schedules import Recurrence, Rule


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as stored. `number` orders lists; `repeats` are rules as on the wire."""

    id: UUID
    number: int
    environment_id: UUID
    workflow_key: str
    recipient: Recipient
    actor: Recipient | None
    tenant: str | None
    data: Mapping[str, Any] | None
    repeats: Sequence[Mapping[str, Any]]
    scheduled_at: datetime | None
    starts_at: datetime
    ending_at: datetime | None
    next_occurrence_at: datetime | None
    last_occurrence_at: datetime | None
    inserted_at: datetime
    updated_at: datetime

    @property
    def recurrence(self) -> Recurrence:
        return Recurrence(
            tuple(Rule.of(each) for each in self.repeats), self.scheduled_at, self.starts_at, self.ending_at
        )


_OF, _BY = recipients.alias("recipient"), recipients.alias("actor")

_SELECT = (
    select(
        schedules,
        *(_OF.c[name].label(f"recipient_{name}") for name in ("properties", "created_at", "updated_at")),
        *(_BY.c[name].label(f"actor_{name}") for name in ("properties", "created_at", "updated_at")),
    )
    .select_from(schedules)
    .outerjoin(
        _OF,
        and_(
            _OF.c.environment_id == schedules.c.environment_id,
            _OF.c.collection == schedules.c.collection,
            _OF.c.id == schedules.c.recipient_id,
        ),
    )
    .outerjoin(
        _BY,
        and_(
            _BY.c.environment_id == schedules.c.environment_id,
            _BY.c.collection == schedules.c.actor_collection,
            _BY.c.id == schedules.c.actor_id,
        ),
    )
)

_OWN = (
    *("id", "number", "environment_id", "workflow_key", "tenant", "data", "repeats", "scheduled_at", "starts_at"),
    *("ending_at", "next_occurrence_at", "last_occurrence_at", "inserted_at", "updated_at"),
)


def _schedule(row: Row[Any]) -> Schedule:
    values = row._mapping
    return Schedule(
        **{name: values[name] for name in _OWN},
        recipient=_recipient(values, "recipient", Reference(values["collection"], values["recipient_id"])),
        actor=_recipient(values, "actor", Reference(values["actor_collection"], values["actor_id"]))
        if values["actor_id"]
        else None,
    )


def _recipient(values: Mapping[Any, Any], prefix: str, reference: Reference) -> Recipient:
    """Somebody whom nobody has identified has an id and nothing else."""
    return Recipient(
        reference,
        values[f"{prefix}_properties"] or {},
        values[f"{prefix}_created_at"],
        values[f"{prefix}_updated_at"] or values["updated_at"],
    )


_INSERT = sql("""
    insert into schedules (id, environment_id, workflow_key, collection, recipient_id, actor_collection, actor_id, tenant, data,
        repeats, scheduled_at, starts_at, ending_at, next_occurrence_at, inserted_at, updated_at)
    select id, environment_id, workflow_key, collection, recipient_id, actor_collection, actor_id, tenant, data,
        repeats, scheduled_at, starts_at, ending_at, next_occurrence_at, engine_now(), engine_now()
    from jsonb_to_recordset(:rows) as given (id uuid, environment_id uuid, workflow_key text, collection text,
        recipient_id text, actor_collection text, actor_id text, tenant text, data jsonb, repeats jsonb,
        scheduled_at timestamptz, starts_at timestamptz, ending_at timestamptz, next_occurrence_at timestamptz, place bigint)
    order by place
    on conflict (id) do nothing
    returning id
""")


def insert(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Writes schedules. The ids of those that were not there yet."""
    placed = [{**row, "place": place} for place, row in enumerate(rows)]
    return {row.id for row in tx.rows(_INSERT, rows=as_json(placed))}


def get_schedules(tx: Transaction, environment: UUID, ids: Sequence[UUID]) -> list[Schedule]:
    """Those of the schedules that exist, in the order in which they were made."""
    query = _SELECT.where(schedules.c.id.in_(ids), schedules.c.environment_id == environment)
    return [_schedule(row) for row in tx.rows(query.order_by(schedules.c.number))]


# What is owed first: the order in which the deletion of a recipient locks them.
_LOCK_DUE = sql("""
    select id from due where environment_id = :environment and subject = any(:ids) and kind = 'schedule' order by subject for update
""")
_LOCK = sql("""
    select id from schedules where environment_id = :environment and id = any(:ids) order by id for update
""")


def lock(tx: Transaction, environment: UUID, ids: Sequence[UUID]) -> list[Schedule]:
    """The same, held until the transaction ends."""
    tx.rows(_LOCK_DUE, environment=environment, ids=list(ids))
    tx.rows(_LOCK, environment=environment, ids=list(ids))
    return get_schedules(tx, environment, ids)


_ZONES = sql("""
    select r.collection, r.id, r.properties ->> 'timezone' as zone
    from jsonb_to_recordset(:named) as given (collection text, id text)
    join recipients r on r.environment_id = :environment and r.collection = given.collection and r.id = given.id
    where jsonb_typeof(r.properties -> 'timezone') = 'string'
""")


def zones(tx: Transaction, environment: UUID, named: Sequence[Reference]) -> dict[Reference, str]:
    """The time zones of those who have one."""
    given = [{"collection": each.collection, "id": each.id} for each in named]
    found = tx.rows(_ZONES, environment=environment, named=as_json(given))
    return {Reference(row.collection, row.id): row.zone for row in found}


_UPDATE = sql("""
    update schedules set actor_collection = :actor_collection, actor_id = :actor_id, tenant = :tenant, data = :data,
        repeats = :repeats, scheduled_at = :scheduled_at, starts_at = :starts_at, ending_at = :ending_at,
        next_occurrence_at = :next_occurrence_at, updated_at = engine_now()
    where id = :id
""").bindparams(bindparam("data", type_=JSONB(none_as_null=True)), bindparam("repeats", type_=JSONB))


def update(tx: Transaction, schedule: Schedule) -> None:
    """Writes what a request may change."""
    actor = schedule.actor.reference if schedule.actor else None
    tx.run(
        _UPDATE,
        id=schedule.id,
        actor_collection=actor.collection if actor else None,
        actor_id=actor.id if actor else None,
        tenant=schedule.tenant,
        data=schedule.data,
        repeats=list(schedule.repeats),
        scheduled_at=schedule.scheduled_at,
        starts_at=schedule.starts_at,
        ending_at=schedule.ending_at,
        next_occurrence_at=schedule.next_occurrence_at,
    )


_DELETE = sql("delete from schedules where id = any(:ids)")


def delete(tx: Transaction, ids: Sequence[UUID]) -> None:
    tx.run(_DELETE, ids=list(ids))


_HOLD = sql("select id from schedules where id = :id for update skip locked")
_EXISTS = sql("select 1 from schedules where id = :id")


def hold(tx: Transaction, environment: UUID, schedule_id: UUID) -> Schedule | None:
    """The schedule, held until the transaction ends; None when it is gone or in somebody's hand."""
    if tx.first(_HOLD, id=schedule_id) is None:
        return None
    return next(iter(get_schedules(tx, environment, [schedule_id])), None)


def exists(tx: Transaction, schedule_id: UUID) -> bool:
    return tx.first(_EXISTS, id=schedule_id) is not None


_OCCURRED = sql("""
    update schedules set last_occurrence_at = next_occurrence_at, next_occurrence_at = cast(:next as timestamptz) where id = :id
""")


def occurred(tx: Transaction, schedule_id: UUID, following: datetime | None) -> None:
    """The occurrence that was next was the last; None follows when there is no other."""
    tx.run(_OCCURRED, id=schedule_id, next=following)


@dataclass(frozen=True, slots=True)
class ScheduleFilter:
    """What a list is limited to; either a workflow or recipients are named."""

    workflow: str | None = None
    recipients: Sequence[Reference] = ()
    tenant: str | None = None


def page_of_schedules(
    tx: Transaction, environment: UUID, wanted: ScheduleFilter, *, after: int | None, before: int | None, limit: int
) -> list[Schedule]:
    """Schedules in the order in which they were made, at most `limit`; with `before`, those that end just before it."""
    query = _wanted(_SELECT.where(schedules.c.environment_id == environment), wanted)
    if before is not None:
        query = query.where(schedules.c.number < before).order_by(schedules.c.number.desc())
    else:
        query = query.where(schedules.c.number > (after or 0)).order_by(schedules.c.number)
    found = [_schedule(row) for row in tx.rows(query.limit(limit))]
    return found[::-1] if before is not None else found


def _wanted(query: Select[Any], wanted: ScheduleFilter) -> Select[Any]:
    if wanted.workflow is not None:
        query = query.where(schedules.c.workflow_key == wanted.workflow)
    if wanted.tenant is not None:
        query = query.where(schedules.c.tenant == wanted.tenant)
    if len(wanted.recipients) == 1:
        (only,) = wanted.recipients
        return query.where(schedules.c.collection == only.collection, schedules.c.recipient_id == only.id)
    if wanted.recipients:
        named = [(each.collection, each.id) for each in wanted.recipients]
        query = query.where(tuple_(schedules.c.collection, schedules.c.recipient_id).in_(named))
    return query
