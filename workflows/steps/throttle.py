"""The throttle step: so many executions in a window, and no more (contract: semantics §7)."""

from __future__ import annotations

from workflows.effects import Counted, CountExecution, Record
from workflows.keys import resolve_key
from workflows.model import ThrottleStep
from workflows.moments import resolve, shown
from workflows.outcomes import Continue, Halt, Skip, Steps
from workflows.scope import StepContext
from workflows.steps import handles

MOST_DAYS = 31
"""Of a window (contract: semantics §7)."""


@handles(ThrottleStep)
def throttle(step: ThrottleStep, context: StepContext) -> Steps:
    """A key that gives nothing, or a window that is none, is recorded as an error, and the step is skipped."""
    key = yield from resolve_key(step.throttle_key, context, f"{step.ref}/throttle_key")
    if step.throttle_key and not key:
        yield Record("throttle_invalid", {"key": step.throttle_key}, error=True)
        return Skip(f"the throttle key `{step.throttle_key}` gives nothing")
    closes_at = resolve(step.window, step.until_path, context, most_days=MOST_DAYS)
    if isinstance(closes_at, str):
        yield Record(
            "throttle_invalid", {"path": step.until_path, "value": shown(step.until_path, context)}, error=True
        )
        return Skip(closes_at)
    counted: Counted = yield CountExecution(key, closes_at)
    seen = {"number": counted.number, "limit": step.limit, "key": key, "closes_at": counted.closes_at.isoformat()}
    yield Record("throttle_counted", seen)
    if counted.number > step.limit:
        return Halt(f"execution {counted.number} of at most {step.limit} until {counted.closes_at.isoformat()}")
    return Continue(f"execution {counted.number} of at most {step.limit}")
