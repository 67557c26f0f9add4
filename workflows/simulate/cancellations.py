"""Cancellations: which runs stop, and which activities leave their batch (contract: semantics §4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from workflows.recipients import Reference
from workflows.simulate import batches
from workflows.simulate.deliveries import tell
from workflows.simulate.world import Run, World


def cancel(world: World, workflow: str, key: str, recipients: Collection[Reference] = ()) -> int:
    """Stops every run of that key that still owes something, or only those of the recipients. How many runs and activities."""
    sequence = world.next_number()
    said = {"cancellation_key": key}
    named = list(_named(world, workflow, key, recipients))
    carrying = {run.id for run in named if batches.is_carried_by(world, run)}
    removed = sum(batches.remove_activity(world, run, sequence, said) for run in named if run.sequence < sequence)
    stopping = [run for run in named if run.id not in carrying and not run.is_cancelled and _owes(world, run)]
    for run in stopping:
        _stop(world, world.runs[run.id], said)
    return removed + len(stopping)


def _named(world: World, workflow: str, key: str, recipients: Collection[Reference]) -> Iterable[Run]:
    runs = (world.runs[each] for each in world.runs_by_key.get((workflow, key), ()))
    return (run for run in runs if not recipients or run.recipient in recipients)


def _owes(world: World, run: Run) -> bool:
    return run.id in world.due_steps or any(each in world.due_deliveries for each in world.messages_of.get(run.id, ()))


def _stop(world: World, run: Run, said: dict[str, Any]) -> None:
    """Nothing of it happens any more: no step, and no delivery of a message that is still waiting."""
    world.drop(world.due_steps, run.id)
    world.change(run, status="cancelled", paused_until=None)
    world.tell(run, None, "run_cancelled", said)
    for message_id in world.messages_of.get(run.id, ()):
        if message_id in world.due_deliveries:
            world.drop(world.due_deliveries, message_id)
            tell(world, message_id, "not_sent", {"reason": "cancelled", **said})


def forget_recipient(world: World, recipient: Reference) -> None:
    """The recipient is deleted; its runs stop (contract: semantics §1). It may enter what everybody enters once again."""
    world.drop(world.recipients, recipient)
    for entry in [each for each in world.entered if each[1] == recipient]:
        world.drop(world.entered, entry)
    for member in [each for each in world.members if each[1] == recipient]:
        world.drop(world.members, member)
    for run in [run for each in world.due_steps if (run := world.runs[each]).recipient == recipient]:
        world.drop(world.due_steps, run.id)
        world.change(run, status="cancelled", paused_until=None)
        world.tell(run, None, "run_cancelled", {"reason": "the recipient was deleted"})
        batches.abandon(world, run)
