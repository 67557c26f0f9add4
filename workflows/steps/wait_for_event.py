"""The step that waits until something happens to the recipient (contract: workflow-schema §3.9, semantics §9)."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

from workflows.effects import Await, Effect, Record, Signal, TakeEvents
from workflows.judging import judge
from workflows.model import WaitForEventStep
from workflows.outcomes import Continue, Halt, Pause, StepOutcome, Steps
from workflows.scope import StepContext
from workflows.steps import handles
from workflows.windows import add_duration


@handles(WaitForEventStep)
def wait_for_event(step: WaitForEventStep, context: StepContext) -> Steps:
    """The first event that satisfies the conditions ends the wait, at the latest its time does.

    What comes after that time counts no more, even when nobody has looked before.
    """
    if context.paused_until is None:
        expires = add_duration(context.now, step.expires_after)
        yield Await(step.event)
        return _pause(step, expires)
    expires = datetime.fromisoformat(context.memory["expires"])
    signals: list[Signal] = yield TakeEvents()
    for signal in signals:
        if signal.at <= expires and (yield from _matches(step, context, signal)):
            yield Record("wait_matched", {"event_type": step.event.type, "event_key": step.event.key})
            return _matched(step, signal)
    if context.now < expires:
        return _pause(step, expires)
    yield Record("wait_expired", {"expired_at": expires.isoformat()})
    if step.halts_on_timeout:
        return Halt(f"nothing matched until {expires.isoformat()}")
    return Continue(f"nothing matched until {expires.isoformat()}", output={"matched": False, "signal_variables": {}})


def _pause(step: WaitForEventStep, expires: datetime) -> Pause:
    event = f"{step.event.type}.{step.event.key}"
    return Pause(expires, f"waiting for {event} until {expires.isoformat()}", {"expires": expires.isoformat()})


def _matched(step: WaitForEventStep, signal: Signal) -> StepOutcome:
    if step.halts_on_match:
        return Halt(f"{step.event.type}.{step.event.key} happened at {signal.at.isoformat()}")
    output = {"matched": True, "signal_variables": dict(signal.event)}
    return Continue(f"{step.event.type}.{step.event.key} happened at {signal.at.isoformat()}", output=output)


def _matches(step: WaitForEventStep, context: StepContext, signal: Signal) -> Generator[Effect, Any, bool]:
    """Any of the groups; without groups every event matches."""
    for group in step.matches:
        verdict = yield from judge(group, context, "wait", signal.event)
        if verdict.passed:
            return True
    return not step.matches
