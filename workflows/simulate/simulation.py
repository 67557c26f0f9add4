"""The simulator's loop: time jumps from one thing that is due or happens to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from workflows.preference_sets import merge_sets
from workflows.simulate import audiences, cancellations, deliveries, triggers
from workflows.simulate.environment import Environment
from workflows.simulate.happenings import (
    Activated,
    AudienceChanged,
    Cancelled,
    Deleted,
    Engaged,
    Happening,
    Identified,
    PreferencesSet,
    Published,
    Triggered,
    What,
)
from workflows.simulate.recipients import Known, stored
from workflows.simulate.replies import Replies, Response
from workflows.simulate.runner import run_step
from workflows.simulate.waits import signal_recipient
from workflows.simulate.world import Message, Refusal, World


def simulate(
    environment: Environment,
    happenings: Iterable[Happening],
    *,
    start: datetime,
    until: datetime,
    responses: Sequence[Response] = (),
) -> World:
    """The world at `until`, with all that was decided on the way in its logs. `environment` is left as it is.

    Happenings are taken in the order of their times; those of one time in the order given.
    """
    simulation = Simulation(environment.copy(), start, responses)
    for each in sorted(happenings, key=lambda each: each.at):
        if each.at > until:
            break
        simulation.happen(each)
    simulation.pass_time(until)
    return simulation.world


class Simulation:
    """A world, and what moves it."""

    def __init__(self, environment: Environment, start: datetime, responses: Sequence[Response] = ()) -> None:
        self.world = World(environment, start)
        self._replies = Replies(responses)

    def pass_time(self, until: datetime) -> None:
        """Everything that is due happens at its time."""
        world = self.world
        while (due := world.next_due(until)) is not None:
            world.now = max(world.now, due.at)
            if isinstance(due.what, UUID):
                run_step(world, world.runs[due.what], lambda call: self._replies.answer(call, world.now))
            else:
                deliveries.deliver(world, due.what)
        world.now = max(world.now, until)

    def happen(self, happening: Happening) -> None:
        """Time passes to that moment; what is due then goes first."""
        self.pass_time(happening.at)
        if reason := _happen(self.world, happening.what):
            self.world.refusals.append(Refusal(self.world.now, happening.line, reason))


def _happen(world: World, what: What) -> str:
    """Why it comes to nothing; empty when it does not."""
    match what:
        case Triggered(request):
            reason = triggers.refusal(world, request)
            if not reason:
                triggers.accept(world, request)
            return reason
        case Cancelled(workflow, key, recipients):
            stopped = cancellations.cancel(world, workflow, key, recipients)
            return "" if stopped else f"no run of `{workflow}` with the cancellation key `{key}` is waiting"
        case Engaged():
            return _engage(world, what)
        case Published(workflow, document):
            world.environment.publish(workflow, document)
        case Activated(workflow, active):
            world.environment.set_active(workflow, active=active)
        case _:
            _learn(world, what)
    return ""


def _learn(world: World, what: Identified | PreferencesSet | Deleted | AudienceChanged) -> None:
    """Something is said of a recipient."""
    match what:
        case Identified(identity):
            for changed in world.identify([identity]):
                signal_recipient(world, changed)
        case PreferencesSet():
            _set_preferences(world, what)
        case Deleted(recipient):
            cancellations.forget_recipient(world, recipient)
        case AudienceChanged(audience, recipient, tenant, adds):
            audiences.change(world, audience, recipient, tenant, adds=adds)
        case _:
            assert_never(what)


def _engage(world: World, engaged: Engaged) -> str:
    to_them = (world.messages[each] for each in world.messages_to.get(engaged.recipient, ()))
    found = [message for message in to_them if _fits(world, message, engaged)]
    nth = len(found) if engaged.nth is None else engaged.nth
    if not 1 <= nth <= len(found):
        wanted = [f"workflow `{engaged.workflow}`"] if engaged.workflow else []
        wanted += [f"step `{engaged.step}`"] if engaged.step else []
        wanted += [f"number {engaged.nth}"] if engaged.nth else []
        return f"there is no message to {engaged.recipient} yet that it could be about ({', '.join(wanted) or 'any'})"
    deliveries.tell(world, found[nth - 1].id, engaged.status, engaged.detail)
    return ""


def _fits(world: World, message: Message, engaged: Engaged) -> bool:
    workflow = world.runs[message.run].trigger.workflow_key
    return engaged.workflow in (None, workflow) and engaged.step in (None, message.step)


def _set_preferences(world: World, change: PreferencesSet) -> None:
    known = world.recipients.get(change.recipient) or Known({}, {}, {}, world.now)
    written = merge_sets(known.preferences.get(change.set_id), change.preferences)
    preferences = stored({**known.preferences, change.set_id: written})
    is_new = change.recipient not in world.recipients
    world.put(world.recipients, change.recipient, replace(known, preferences=preferences, updated_at=world.now))
    if not is_new and preferences != known.preferences:
        signal_recipient(world, change.recipient)
