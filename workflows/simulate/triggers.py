"""Triggers: accepted, and fanned out to one run for each recipient (contract: semantics §1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

from workflows.effects import TriggerWorkflow
from workflows.errors import StepFailed
from workflows.recipients import TENANTS, Identity, Reference, deep_merge, identity, reference
from workflows.simulate.environment import Version
from workflows.simulate.recipients import stored
from workflows.simulate.waits import signal_recipient, signal_run
from workflows.simulate.world import Run, Trigger, World

Wire = str | Mapping[str, Any]
"""A recipient, actor or tenant as on the wire: an id or an inline entity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A trigger as an application makes it. `depth` counts the workflows that triggered each other before it."""

    id: UUID
    workflow: str
    recipients: tuple[Wire, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    actor: Wire | None = None
    tenant: Wire | None = None
    cancellation_key: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0


def refusal(world: World, request: Request) -> str:
    """Why the API would refuse the trigger; empty when it would not."""
    version = world.environment.current(request.workflow)
    if version is None:
        return f"there is no workflow `{request.workflow}`"
    if not world.environment.is_active(request.workflow):
        return f"workflow `{request.workflow}` is not active"
    problem = version.program.data_problem(request.data)
    return f"workflow `{request.workflow}` does not take {problem}" if problem else ""


def accept(world: World, request: Request) -> bool:
    """Makes the trigger's runs. False: there is no such active workflow."""
    version = world.environment.current(request.workflow)
    if version is None or not world.environment.is_active(request.workflow):
        return False
    for changed in world.identify(_identities(request)):
        signal_recipient(world, changed)
    trigger = _trigger(world, request, version)
    world.put(world.triggers, trigger.id, trigger)
    runs = [run for who, only in trigger.recipients if (run := _run(world, trigger, who, only)) is not None]
    for run in runs:
        signal_run(world, run, "started")
    return True


def trigger_from_step(world: World, run: Run, asked: TriggerWorkflow) -> str | None:
    """The trigger's id; None when there is no such active workflow. Raises `StepFailed` as the engine does."""
    depth, most = run.trigger.depth + 1, world.environment.settings.max_nesting
    if depth > most:
        raise StepFailed(f"workflows trigger each other {depth} deep; DOORBELL_MAX_NESTING allows {depth - 1}")
    version = world.environment.current(asked.workflow_key)
    if version is not None and (problem := version.program.data_problem(asked.data)):
        raise StepFailed(f"workflow `{asked.workflow_key}` does not take {problem}")
    request = Request(
        id=uuid5(run.id, str(run.step)),
        workflow=asked.workflow_key,
        recipients=asked.recipients,
        data=asked.data,
        actor=asked.actor,
        tenant=asked.tenant,
        cancellation_key=asked.cancellation_key,
        settings=run.trigger.settings,
        depth=depth,
    )
    return str(request.id) if accept(world, request) else None


def _identities(request: Request) -> list[Identity]:
    """What the request says of anybody. A tenant that is only named is made, as a stub."""
    entities = [*request.recipients, request.actor]
    found = [identity(each) for each in entities if isinstance(each, Mapping) and _says_something(each)]
    if request.tenant:
        tenant = request.tenant if isinstance(request.tenant, Mapping) else {"id": request.tenant}
        found.append(identity({**tenant, "collection": TENANTS}))
    return found


def _says_something(entity: Mapping[str, Any]) -> bool:
    return bool(entity.keys() - {"id", "collection", "$trigger_data"}) or not entity.get("collection")


def _trigger(world: World, request: Request, version: Version) -> Trigger:
    recipients: dict[Reference, Mapping[str, Any] | None] = {}
    for each in request.recipients:
        recipients.setdefault(reference(each), each.get("$trigger_data") if isinstance(each, Mapping) else None)
    tenant = request.tenant
    return Trigger(
        id=request.id,
        sequence=world.next_number(),
        version=version,
        recipients=tuple(recipients.items()),
        data=stored(request.data),
        actor=reference(request.actor) if request.actor else None,
        tenant=tenant["id"] if isinstance(tenant, Mapping) else tenant or None,
        cancellation_key=request.cancellation_key or None,
        settings=request.settings,
        depth=request.depth,
        at=world.now,
    )


def _run(world: World, trigger: Trigger, recipient: Reference, only: Mapping[str, Any] | None) -> Run | None:
    """None: the recipient enters the workflow once, and has."""
    workflow = trigger.version.program.workflow
    run_id = uuid5(trigger.id, f"{recipient.collection}\0{recipient.id}")
    once = workflow.entered_once_for(trigger.tenant)
    if once is not None:
        entry = (workflow.key, recipient, once)
        if entry in world.entered:
            return None
        world.put(world.entered, entry, run_id)
    first = workflow.first()
    run = Run(
        id=run_id,
        number=world.next_number(),
        trigger=trigger,
        version=trigger.version,
        recipient=recipient,
        status="queued" if first else "completed",
        step=first,
        sequence=trigger.sequence,
        data=stored(deep_merge(trigger.data, only)) if only else None,
    )
    world.put(world.runs, run.id, run)
    if trigger.cancellation_key is not None:
        key = (workflow.key, trigger.cancellation_key)
        world.put(world.runs_by_key, key, (*world.runs_by_key.get(key, ()), run.id))
    if first:
        world.owe_step(run, world.now)
    return run
