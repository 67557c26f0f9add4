"""Accepting triggers: from the payload that Redis holds to rows, with the first runs (hop 2)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

from pydantic_core import from_json

from notify_workers import fanout, pending
from notify_workers.cancellations import CancellationKey
from notify_workers.catalog import catalog
from notify_workers.errors import DoorbellError, StoreUnavailable, kind_and_place
from notify_workers.pending import Pending
from notify_workers.settings import settings
from notify_workers.store import cancellations as cancellation_rows
from notify_workers.store import purges, resources, triggers
from notify_workers.store.purges import Departure
from notify_workers.store.recipients import identify
from notify_workers.store.resources import WorkflowStatus
from notify_workers.store.runs import StepClaim
from notify_workers.store.session import Transaction, transact
from workflows.effects import TriggerWorkflow
from workflows.errors import StepFailed
from workflows.recipients import TENANTS, Identity, Reference, identity, reference

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TriggerRequest:
    """A trigger as the shim enqueued it: recipients, actor and tenant as on the wire, ids or inline entities."""

    id: UUID
    sequence: int
    payload: dict[str, Any]
    departed: Mapping[Reference, Departure] = field(default_factory=dict)
    """Who was deleted after the trigger was made, before it was accepted."""

    @property
    def environment_id(self) -> UUID:
        return UUID(self.payload["environment_id"])

    @property
    def workflow_key(self) -> str:
        return str(self.payload["workflow"])

    @property
    def cancellation(self) -> CancellationKey | None:
        key = self.payload.get("cancellation_key")
        return CancellationKey(self.environment_id, self.workflow_key, key) if key else None

    @cached_property
    def recipients(self) -> list[tuple[Reference, dict[str, Any] | None]]:
        """Each once, in the order given, with the data that is only for them; not those who have departed."""
        found: dict[Reference, dict[str, Any] | None] = {}
        for entity in self.payload["recipients"]:
            reached = self._reached(reference(entity))
            if reached is not None:
                found.setdefault(reached, _trigger_data(entity))
        return list(found.items())

    def _reached(self, named: Reference) -> Reference | None:
        """Whom somebody was merged into, and so on, from merge to later merge: two may have been merged to and fro."""
        at, reached = self.sequence, named
        while (gone := self.departed.get(reached)) and gone.sequence > at:
            if gone.into is None:
                return None
            at, reached = gone.sequence, gone.into
        return reached

    @property
    def named(self) -> set[Reference]:
        """Everybody whom the request is about."""
        tenant = [Reference(TENANTS, self.tenant)] if self.tenant else []
        actor = [self.actor] if self.actor else []
        return {*(each for each, _ in self.recipients), *actor, *tenant}

    @property
    def actor(self) -> Reference | None:
        actor = self.payload.get("actor")
        return reference(actor) if actor else None

    @property
    def tenant(self) -> str | None:
        tenant = self.payload.get("tenant")
        return tenant["id"] if isinstance(tenant, dict) else tenant

    def identities(self) -> Iterable[Identity]:
        """What the request says of anybody who has not departed."""
        return (each for each in self._identities() if each.reference not in self.departed)

    def _identities(self) -> Iterable[Identity]:
        """A tenant that is only named is made, as a stub (contract: semantics §1)."""
        entities = [*self.payload["recipients"], self.payload.get("actor")]
        yield from (identity(entity) for entity in entities if isinstance(entity, dict) and _says_something(entity))
        tenant = self.payload.get("tenant")
        if tenant:
            entity = tenant if isinstance(tenant, dict) else {"id": tenant}
            yield identity({**entity, "collection": TENANTS})


def _says_something(entity: dict[str, Any]) -> bool:
    return bool(entity.keys() - {"id", "collection", "$trigger_data"}) or not entity.get("collection")


def _trigger_data(entity: str | dict[str, Any]) -> dict[str, Any] | None:
    return entity.get("$trigger_data") if isinstance(entity, dict) else None


class Departed(DoorbellError):
    """Triggers name somebody who was deleted after them."""

    code = "departed"
    type = "api_error"

    def __init__(self, who: Mapping[UUID, Mapping[Reference, Departure]]) -> None:
        super().__init__("Somebody was deleted after the trigger was made")
        self.who = who


def accept(trigger_ids: Sequence[UUID]) -> None:
    """Moves waiting triggers into PostgreSQL and starts fanning them out. Those accepted already are passed over.

    Accepted together, because a burst comes in together; when one cannot be accepted, each is tried alone, so that the
    others do not wait for it.
    """
    waiting = pending.load(trigger_ids)
    if not waiting:
        return
    try:
        _accept(waiting)
        accepted = waiting
    except StoreUnavailable:
        raise
    except Exception:
        accepted = [each for each in waiting if _accepted_alone(each)]
    pending.remove([each.trigger_id for each in accepted])


def _accepted_alone(waiting: Pending) -> bool:
    try:
        _accept([waiting])
    except StoreUnavailable:
        raise
    except Exception as error:
        reason = kind_and_place(error)
        log.error("trigger %s cannot be accepted; it stays and is tried again: %s", waiting.trigger_id, reason)
        return False
    return True


def _request(tx: Transaction, waiting: Pending) -> TriggerRequest | None:
    """None when a large payload is gone: the transaction that accepts it forgets it, so somebody has accepted it."""
    payload = waiting.payload or triggers.get_payload(tx, waiting.trigger_id)
    return TriggerRequest(waiting.trigger_id, waiting.sequence, from_json(payload)) if payload else None


def _accept(waiting: Sequence[Pending]) -> None:
    """A deletion wins over a trigger that was made before it: nobody is made anew, or told anything, by what is late."""
    departed: Mapping[UUID, Mapping[Reference, Departure]] = {}
    while True:
        try:
            return _accept_but(waiting, departed)
        except Departed as found:
            departed = {**departed, **found.who}


def _accept_but(waiting: Sequence[Pending], departed: Mapping[UUID, Mapping[Reference, Departure]]) -> None:
    def start(tx: Transaction) -> None:
        requests = [request for each in waiting if (request := _request(tx, each))]
        _start(tx, [replace(each, departed=departed.get(each.id, {})) for each in requests])
        triggers.forget_payloads(tx, [each.trigger_id for each in waiting if not each.payload])

    transact(start)


def _start(tx: Transaction, requests: Sequence[TriggerRequest]) -> list[TriggerRequest]:
    """Writes triggers and makes their first runs. Those whose workflow is active."""
    statuses = resources.workflow_statuses(tx, [(each.environment_id, each.workflow_key) for each in requests])
    runnable = [each for each in requests if _runnable(each, statuses)]
    identify(tx, ((each.environment_id, identity) for each in runnable for identity in each.identities()))
    rows = [_row(each, statuses[each.environment_id, each.workflow_key].version_id) for each in runnable]
    fresh, anybody_deleted = triggers.insert_triggers(tx, rows)
    if anybody_deleted:
        _check_departures(tx, [each for each in runnable if each.id in fresh])
    cancellation_rows.lock(tx, [each.cancellation.lock for each in runnable if each.cancellation])
    fanout.start(tx, [_trigger(row) for row in rows if row["id"] in fresh])
    return runnable


def _check_departures(tx: Transaction, requests: Sequence[TriggerRequest]) -> None:
    """Raises `Departed`. Whoever is identified is held by now, so a deletion that is under way has ended."""
    named = {(each.environment_id, who) for each in requests for who in each.named}
    left = purges.departures(tx, named)
    found: dict[UUID, dict[Reference, Departure]] = {}
    for each in requests:
        late = {
            who: gone
            for who in each.named
            if (gone := left.get((each.environment_id, who))) and gone.sequence > each.sequence
        }
        if any(each.departed.get(who) != gone for who, gone in late.items()):
            found[each.id] = {**each.departed, **late}
    if found:
        raise Departed(found)


def trigger_from_step(tx: Transaction, claim: StepClaim, asked: TriggerWorkflow) -> str | None:
    """Triggers a workflow for a step, in the step's own transaction: the same trigger however often the step is repeated.

    The trigger's id; None when there is no such active workflow. Raises `StepFailed` for data that the workflow's schema
    refuses and for workflows that trigger each other without end.
    """
    depth = int(claim.source.get("depth", 0)) + 1
    if depth > settings().max_nesting:
        raise StepFailed(f"workflows trigger each other {depth} deep; DOORBELL_MAX_NESTING allows {depth - 1}")
    payload = {
        "environment_id": str(claim.environment_id),
        "workflow": asked.workflow_key,
        "recipients": list(asked.recipients),
        "data": dict(asked.data),
        "actor": asked.actor,
        "tenant": asked.tenant,
        "cancellation_key": asked.cancellation_key,
        "settings": dict(claim.settings),
        "source": {"type": "workflow_step", "depth": depth, "run_id": str(claim.run_id), "step_ref": claim.step},
    }
    request = TriggerRequest(uuid5(claim.run_id, claim.step), pending.next_sequence(), payload)
    if len(request.recipients) > settings().max_recipients:
        allowed = f"DOORBELL_MAX_RECIPIENTS allows {settings().max_recipients} for one trigger"
        raise StepFailed(f"{len(request.recipients)} recipients; {allowed}")
    _check_data(tx, request)
    return str(request.id) if _start(tx, [request]) else None


def trigger_within(tx: Transaction, trigger_id: UUID, payload: dict[str, Any]) -> bool:
    """Triggers a workflow in somebody's own transaction: the same trigger however often it is asked for. `payload` is a request's.

    False when there is no such active workflow. Raises `StepFailed` for data that the workflow's schema refuses.
    """
    request = TriggerRequest(trigger_id, pending.next_sequence(), payload)
    _check_data(tx, request)
    return bool(_start(tx, [request]))


def _check_data(tx: Transaction, request: TriggerRequest) -> None:
    """What the shim does for an application's triggers."""
    current = resources.get_resource(tx, request.environment_id, resources.WORKFLOW, request.workflow_key)
    if current is None:
        return
    program = catalog(resources.catalog_number(tx)).program(tx, request.environment_id, current.version_id)
    if problem := program.data_problem(request.payload["data"]):
        raise StepFailed(f"workflow `{request.workflow_key}` does not take {problem}")


def _runnable(request: TriggerRequest, statuses: dict[tuple[UUID, str], WorkflowStatus]) -> bool:
    status = statuses.get((request.environment_id, request.workflow_key))
    if status is None or not status.active:
        log.warning("trigger %s starts nothing: workflow %s is not active", request.id, request.workflow_key)
        return False
    return True


def _row(request: TriggerRequest, version_id: UUID) -> dict[str, Any]:
    actor = request.actor
    return {
        "id": request.id,
        "environment_id": request.environment_id,
        "workflow_key": request.workflow_key,
        "version_id": version_id,
        "sequence": request.sequence,
        "recipients": [[each.collection, each.id, data] for each, data in request.recipients],
        "data": request.payload.get("data") or {},
        "actor_collection": actor.collection if actor else None,
        "actor_id": actor.id if actor else None,
        "tenant": request.tenant,
        "cancellation_key": request.payload.get("cancellation_key"),
        "settings": request.payload.get("settings") or {},
        "source": request.payload.get("source") or {"type": "api"},
    }


def _trigger(row: dict[str, Any]) -> triggers.Trigger:
    names = (
        "id",
        "environment_id",
        "workflow_key",
        "version_id",
        "sequence",
        "tenant",
        "cancellation_key",
        "recipients",
        "data",
        "source",
    )
    actor = Reference(row["actor_collection"], row["actor_id"]) if row["actor_id"] else None
    return triggers.Trigger(actor=actor, **{name: row[name] for name in names})
