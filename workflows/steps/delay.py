"""The delay step: fixed, until a time in the run's data, or an offset from such a time (contract: semantics §5)."""

from __future__ import annotations

from workflows.effects import Record
from workflows.model import DelayStep
from workflows.moments import resolve, shown
from workflows.outcomes import Continue, Pause, Skip, Steps
from workflows.scope import StepContext
from workflows.steps import handles


@handles(DelayStep)
def delay(step: DelayStep, context: StepContext) -> Steps:
    """A value that gives no time to wait for is recorded as an error, and the run goes on without waiting."""
    if context.paused_until:
        return Continue(f"waited until {context.paused_until.isoformat()}")
    if context.skip_delay:
        return Skip("the trigger skips delays")
    due = resolve(step.delay_for, step.until_path, context)
    if isinstance(due, str):
        yield Record("delay_invalid", {"path": step.until_path, "value": shown(step.until_path, context)}, error=True)
        return Skip(due)
    return Pause(due, f"waiting until {due.isoformat()}")
