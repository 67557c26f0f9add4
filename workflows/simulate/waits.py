"""Runs that wait for an event, and the events that happen to their recipients (contract: semantics §9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.effects import Signal
from workflows.model import AwaitedEvent
from workflows.recipients import Reference
from workflows.simulate.world import Message, Run, World


def wait(world: World, run: Run, event: AwaitedEvent) -> None:
    """From now on events of the recipient are kept for the run."""
    world.put(world.waits, run.id, event)
    known = world.waiting.get(run.recipient, ())
    if run.id not in known:
        world.put(world.waiting, run.recipient, (*known, run.id))


def take(world: World, run: Run) -> list[Signal]:
    """The events kept for a run, oldest first; they are kept no longer."""
    found = list(world.signals.get(run.id, ()))
    world.drop(world.signals, run.id)
    return found


def forget(world: World, run: Run) -> None:
    world.drop(world.waits, run.id)
    world.drop(world.signals, run.id)
    world.put(
        world.waiting, run.recipient, tuple(each for each in world.waiting.get(run.recipient, ()) if each != run.id)
    )


def signal(
    world: World, recipient: Reference, kind: str, key: str, source: str | None, event: Mapping[str, Any]
) -> None:
    """Keeps an event for everybody who waits for it, and wakes them."""
    for run in world.waiting.get(recipient, ()):
        awaited = world.waits.get(run)
        if awaited is None or (awaited.type, awaited.key) != (kind, key) or awaited.source not in (None, source):
            continue
        if run in world.due_steps:
            world.wake(run, world.now)
            world.put(world.signals, run, (*world.signals.get(run, ()), Signal(world.now, event)))


def signal_message(world: World, message: Message, event_type: str, detail: Mapping[str, Any]) -> None:
    """`event_type` is the wire's, such as `message.seen`."""
    run = world.runs[message.run]
    if run.recipient not in world.waiting:
        return
    event = {
        "message_id": message.id,
        "event_type": event_type,
        "channel_id": message.channel.id,
        "channel_type": message.channel.type,
        "channel_provider": message.channel.provider,
        "tenant_id": run.trigger.tenant,
        "step_ref": message.step,
        "recipient": run.recipient.as_wire(),
        "inserted_at": world.now.isoformat(),
        "exec_mode": "live",
        "workflow_run_id": str(run.trigger.id),
        "source": {"type": "workflow", "key": run.trigger.workflow_key},
        "data": dict(detail),
    }
    signal(world, run.recipient, "message", event_type.removeprefix("message."), run.trigger.workflow_key, event)


def signal_run(world: World, run: Run, what: str) -> None:
    """`what` is started or completed."""
    if run.recipient not in world.waiting:
        return
    event = {
        "workflow_key": run.trigger.workflow_key,
        "workflow_run_id": str(run.trigger.id),
        "status": run.status,
        "recipient": run.recipient.as_wire(),
        "tenant_id": run.trigger.tenant,
        "notify_data": run.known_data,
        "exec_mode": "live",
        "inserted_at": world.now.isoformat(),
    }
    signal(world, run.recipient, "workflow", what, run.trigger.workflow_key, event)


def signal_recipient(world: World, recipient: Reference) -> None:
    """Something of what is known of a recipient has changed."""
    known = world.recipients[recipient]
    event = {
        "recipient": recipient.as_wire(),
        "event_type": "updated",
        "timestamp": world.now.isoformat(),
        "properties": known.properties,
        "preferences": known.preferences,
        "channel_data": known.channel_data,
    }
    signal(world, recipient, "recipient", "updated", None, event)


def signal_audience(world: World, recipient: Reference, audience: str, what: str) -> None:
    """`what` is enter or exit."""
    event = {
        "audience_id": audience,
        "transition": what,
        "happened_at": world.now.isoformat(),
        "recipient": recipient.as_wire(),
    }
    signal(world, recipient, "audience", what, audience, event)
