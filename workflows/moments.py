"""When a delay, a batch window or a throttle window ends: fixed, dynamic, or a dynamic time with an offset."""

from __future__ import annotations

from datetime import datetime, timedelta

from workflows.model import Duration
from workflows.scope import StepContext
from workflows.windows import add_duration, resolve_moment

YEAR = 365


def resolve(fixed: Duration | None, path: str | None, context: StepContext, *, most_days: int = YEAR) -> datetime | str:
    """The moment, in the future and at most that many days away; or what is wrong with the setting, in words."""
    start: datetime | None = context.now
    if path is not None:
        start = resolve_moment(context.scope.lookup(path), context.now, context.timezone)
    moment = add_duration(start, fixed) if start and fixed else start
    if moment is None or (fixed is None and path is None):
        return f"`{path}` is no timestamp, duration or window rule"
    if moment <= context.now:
        return f"{moment.isoformat()} is not in the future"
    is_far = moment > _furthest(context.now, most_days)
    return f"{moment.isoformat()} is more than {most_days} days away" if is_far else moment


def _furthest(now: datetime, days: int) -> datetime:
    """Of a year: 365 days, or the twelve months that a leap year makes a day longer."""
    furthest = now + timedelta(days=days)
    return max(furthest, add_duration(now, Duration(12, "months"))) if days == YEAR else furthest


def shown(path: str | None, context: StepContext) -> str:
    """The offending value for the run log, shortened; never that of a variable, which may be a secret."""
    if path is None or path.startswith("vars."):
        return "(not shown)"
    return repr(context.scope.lookup(path))[:200]
