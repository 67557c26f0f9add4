"""The door to schedules: triggers that are owed at times (contract: semantics §14).

The next occurrence is a row that is owed. Who runs it makes the trigger, whose id is derived from the schedule and the time,
and owes the one after it, all in one transaction. Occurrences that were missed while nothing ran are made up for by one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from notify_workers import triggers
from notify_workers.errors import InvalidParams
from notify_workers.settings import settings
from notify_workers.store import due, session, subjects
from notify_workers.store import schedules as rows
from notify_workers.store.recipients import Recipient, identify
from notify_workers.store.schedules import Schedule
from notify_workers.store.session import Transaction, transaction
from workflows.errors import StepFailed
from workflows.recipients import TENANTS, Identity, Reference, identity, reference
from workflows.schedules import Recurrence, Rule

log = logging.getLogger(__name__)

KIND = "schedule"

EARLY = 0.05
"""Seconds before its time that an occurrence is made: clocks of machines differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRequest:
    """What a request says. Recipients, actor and tenant are as on the wire: ids or inline entities, checked."""

    workflow: str
    recipients: Sequence[str | Mapping[str, Any]]
    actor: str | Mapping[str, Any] | None = None
    tenant: str | Mapping[str, Any] | None = None
    data: Mapping[str, Any] | None = None
    repeats: Sequence[Mapping[str, Any]] = ()
    scheduled_at: datetime | None = None
    ending_at: datetime | None = None
    id: UUID | None = None
    """Of a schedule for one recipient: it is made once, however often it is asked for."""

    def identities(self) -> list[Identity]:
        return _identities([*self.recipients, self.actor], self.tenant)


def _identities(entities: Sequence[Any], tenant: Any) -> list[Identity]:
    """What a request says of anybody. A tenant that is only named is made, as a stub (contract: semantics §1)."""
    found = [identity(each) for each in entities if isinstance(each, Mapping) and _says_something(each)]
    if tenant is not None:
        found.append(identity({**(tenant if isinstance(tenant, Mapping) else {"id": tenant}), "collection": TENANTS}))
    return found


def _says_something(entity: Mapping[str, Any]) -> bool:
    return bool(entity.keys() - {"id", "collection", "$trigger_data"}) or not entity.get("collection")


def create(tx: Transaction, environment: UUID, request: ScheduleRequest) -> list[Schedule]:
    """One schedule for each recipient. Raises `InvalidParams` for times that cannot be."""
    identify(tx, [(environment, each) for each in request.identities()])
    now = session.now(tx)
    check_times(request.scheduled_at, request.ending_at, now)
    starts_at = request.scheduled_at or now
    recurrence = Recurrence(
        tuple(Rule.of(each) for each in request.repeats), request.scheduled_at, starts_at, request.ending_at
    )
    named = list(dict.fromkeys(reference(each) for each in request.recipients))
    zones = rows.zones(tx, environment, named)
    made = [
        _row(environment, request, each, starts_at, recurrence.next(now, zones.get(each) or settings().timezone))
        for each in named
    ]
    fresh = rows.insert(tx, made)
    for each in made:
        if each["id"] in fresh and each["next_occurrence_at"] is not None:
            subjects.owe(tx, KIND, environment, each["id"], each["next_occurrence_at"])
    return rows.get_schedules(tx, environment, [each["id"] for each in made])


def _row(
    environment: UUID, request: ScheduleRequest, recipient: Reference, starts_at: datetime, following: datetime | None
) -> dict[str, Any]:
    actor = reference(request.actor) if request.actor is not None else None
    return {
        "id": request.id or uuid4(),
        "environment_id": environment,
        "workflow_key": request.workflow,
        "collection": recipient.collection,
        "recipient_id": recipient.id,
        "actor_collection": actor.collection if actor else None,
        "actor_id": actor.id if actor else None,
        "tenant": _tenant_id(request.tenant),
        "data": request.data,
        "repeats": list(request.repeats),
        "scheduled_at": request.scheduled_at,
        "starts_at": starts_at,
        "ending_at": request.ending_at,
        "next_occurrence_at": following,
    }


def _tenant_id(tenant: str | Mapping[str, Any] | None) -> str | None:
    return str(tenant["id"]) if isinstance(tenant, Mapping) else tenant


def check_times(scheduled_at: datetime | None, ending_at: datetime | None, now: datetime, *, place: str = "") -> None:
    """Raises `InvalidParams` when a schedule would end before it begins. `place` is where it is told."""
    if ending_at is not None and ending_at < (scheduled_at or now):
        raise _problem(f"{place}ending_at", "must not be before the schedule begins", "value_error")


def _problem(name: str, message: str, kind: str) -> InvalidParams:
    return InvalidParams(f"{name} {message}", errors=[{"field": name, "message": message, "type": kind}])


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """What a request changes: `fields` holds only what it names. Actor and tenant are as on the wire, times aware."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def times(self) -> bool:
        return bool(self.fields.keys() & {"repeats", "scheduled_at", "ending_at"})

    def identities(self) -> list[Identity]:
        return _identities([self.fields.get("actor")], self.fields.get("tenant"))


def update(tx: Transaction, environment: UUID, ids: Sequence[UUID], change: ScheduleChange) -> list[Schedule]:
    """Changes schedules, all or none. Raises `InvalidParams` when one of them is unknown, or would end too early."""
    found = rows.lock(tx, environment, ids)  # before the tenant, as whoever runs a schedule does it
    _check_known(ids, found)
    identify(tx, [(environment, each) for each in change.identities()])
    now = session.now(tx)
    for schedule in found:
        changed = _timed(_changed(schedule, change, now), change, now)
        rows.update(tx, changed)
        if changed.next_occurrence_at is None:
            subjects.settle(tx, KIND, schedule.id)
        elif changed.next_occurrence_at != schedule.next_occurrence_at:
            subjects.owe(tx, KIND, environment, schedule.id, changed.next_occurrence_at)
    return rows.get_schedules(tx, environment, ids)


def _check_known(ids: Sequence[UUID], found: Sequence[Schedule]) -> None:
    known = {each.id for each in found}
    errors = [
        {"field": f"schedule_ids[{index}]", "message": f"there is no schedule {each}", "type": "resource_missing"}
        for index, each in enumerate(ids)
        if each not in known
    ]
    if errors:
        raise InvalidParams("There is no such schedule: " + ", ".join(each["field"] for each in errors), errors=errors)


def _changed(schedule: Schedule, change: ScheduleChange, now: datetime) -> Schedule:
    values = dict(change.fields)
    if "actor" in values:
        actor = values["actor"]
        values["actor"] = Recipient(reference(actor), {}, None, now) if actor is not None else None
    if "tenant" in values:
        values["tenant"] = _tenant_id(values["tenant"])
    if values.keys() & {"repeats", "scheduled_at"}:
        begins = values.get("scheduled_at", schedule.scheduled_at)
        values["starts_at"] = begins if begins is not None and ("scheduled_at" in values or begins > now) else now
    return replace(schedule, **values)


def _timed(schedule: Schedule, change: ScheduleChange, now: datetime) -> Schedule:
    """With the next occurrence. One that is due and not made yet is not passed over because something else changes."""
    if change.times:
        check_times(schedule.scheduled_at, schedule.ending_at, schedule.inserted_at)
    elif schedule.next_occurrence_at is None or schedule.next_occurrence_at <= now:
        return schedule
    return replace(schedule, next_occurrence_at=_next(schedule, now))


def _next(schedule: Schedule, now: datetime) -> datetime | None:
    own = schedule.recipient.properties.get("timezone")
    zone = own if isinstance(own, str) and own else settings().timezone
    return schedule.recurrence.next(now, zone, schedule.last_occurrence_at)


def delete(tx: Transaction, environment: UUID, ids: Sequence[UUID]) -> list[Schedule]:
    """Forgets schedules, all or none; those that were there. Raises `InvalidParams` when one of them is unknown."""
    found = rows.lock(tx, environment, ids)
    _check_known(ids, found)
    rows.delete(tx, ids)
    for each in found:
        subjects.settle(tx, KIND, each.id)
    return found


def create_one(tx: Transaction, environment: UUID, _: Mapping[str, Any], item: Mapping[str, Any]) -> None:
    """An item of the bulk operation `schedules.create`: a schedule for one recipient, with the id that it is to have."""
    if not item["recipients"]:
        raise _problem("recipient", "is missing", "missing")
    times = {name: datetime.fromisoformat(item[name]) for name in ("scheduled_at", "ending_at") if item.get(name)}
    create(tx, environment, ScheduleRequest(**{**item, "id": UUID(item["id"]), **times}))


def name_of(_: Mapping[str, Any], item: Mapping[str, Any]) -> tuple[str | None, str]:
    if not item["recipients"]:
        return None, ""
    recipient = reference(item["recipients"][0])
    return (None if recipient.is_user else recipient.collection), recipient.id


def run(due_id: int) -> None:
    """Makes an occurrence that is due, and owes the one after it."""
    with transaction() as tx:
        claim = subjects.claim(tx, KIND, due_id)
        if claim is None:
            return
        if claim.seconds_early > EARLY:
            due.rearm(tx, due_id)
            return
        schedule = rows.hold(tx, claim.environment_id, claim.subject)
        if schedule is None:
            if not rows.exists(tx, claim.subject):  # otherwise somebody changes it, and it is rung for again
                subjects.settle(tx, KIND, claim.subject)
            return
        if schedule.next_occurrence_at is None:
            subjects.settle(tx, KIND, claim.subject)
            return
        _trigger(tx, schedule, schedule.next_occurrence_at)
        now = max(claim.now, schedule.next_occurrence_at)
        following = replace(schedule, last_occurrence_at=schedule.next_occurrence_at)
        upcoming = _next(following, now)
        rows.occurred(tx, schedule.id, upcoming)
        if upcoming is None:
            subjects.settle(tx, KIND, schedule.id)
        else:
            subjects.move(tx, KIND, claim, at=upcoming)


def _trigger(tx: Transaction, schedule: Schedule, at: datetime) -> None:
    """An occurrence whose workflow is not active, or does not take the data, starts nothing; the schedule goes on."""
    trigger_id = uuid5(schedule.id, at.isoformat())
    recipient, actor = schedule.recipient.reference, schedule.actor
    payload = {
        "environment_id": str(schedule.environment_id),
        "workflow": schedule.workflow_key,
        "recipients": [{"collection": recipient.collection, "id": recipient.id}],
        "data": dict(schedule.data or {}),
        "actor": {"collection": actor.reference.collection, "id": actor.reference.id} if actor else None,
        "tenant": schedule.tenant,
        "source": {"type": "schedule", "schedule_id": str(schedule.id)},
    }
    try:
        started = triggers.trigger_within(tx, trigger_id, payload)
    except StepFailed:
        log.warning(
            "schedule %s: the occurrence of %s starts nothing: the workflow does not take its data", schedule.id, at
        )
        return
    if not started:
        log.warning("schedule %s: the occurrence of %s starts nothing: no such active workflow", schedule.id, at)
