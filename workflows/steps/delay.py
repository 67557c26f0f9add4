"""The delay step: fixed, until a time in the run's data, or an offset from such a time (contract: semantics §5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from workflows.effects import Record
from workflows.model import DelayStep, Duration
from workflows.outcomes import Continue, Pause, Skip, Steps
from workflows.scope import StepContext
from workflows.steps import handles
from workflows.windows import add_duration, resolve_moment


@handles(DelayStep)
def delay(step: DelayStep, context: StepContext) -> Steps:
    """A value that gives no time to wait for is recorded as an error, and the run goes on without waiting."""
    if context.paused_until:
        return Continue(f"waited until {context.paused_until.isoformat()}")
    if context.skip_delay:
        return Skip("the trigger skips delays")
    due = _due(step, context)
    reason = _refusal(step, due, context.now)
    if due is None or reason:
        yield Record("delay_invalid", {"path": step.until_path, "value": _shown(step, context)}, error=True)
        return Skip(reason)
    return Pause(due, f"waiting until {due.isoformat()}")


def _due(step: DelayStep, context: StepContext) -> datetime | None:
    start: datetime | None = context.now
    if step.until_path is not None:
        start = resolve_moment(context.scope.lookup(step.until_path), context.now, context.timezone)
    return add_duration(start, step.delay_for) if start and step.delay_for else start


def _refusal(step: DelayStep, due: datetime | None, now: datetime) -> str:
    if due is None:
        return f"`{step.until_path}` is no timestamp, duration or window rule"
    if due <= now:
        return f"{due.isoformat()} is not in the future"
    return f"{due.isoformat()} is more than 365 days away" if due > _furthest(now) else ""


def _furthest(now: datetime) -> datetime:
    """365 days, or the twelve months that a leap year makes a day longer."""
    return max(now + timedelta(days=365), add_duration(now, Duration(12, "months")))


def _shown(step: DelayStep, context: StepContext) -> str:
    """The offending value for the run log, shortened; never that of a variable, which may be a secret."""
    if step.until_path is None or step.until_path.startswith("vars."):
        return "(not shown)"
    return repr(context.scope.lookup(step.until_path))[:200]
