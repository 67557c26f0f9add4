"""Durations in settings: their bounds, and that a wait has one at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from workflows.checks.nodes import Place
from workflows.errors import Problem
from workflows.limits import longest
from workflows.model import DurationUnit
from workflows.shape import join

OFFSET = "a number greater than 0 (only an offset from {path} goes back)"


def wait_problems(settings: Place, fixed: str, path: str, days: int) -> Iterator[Problem]:
    """A fixed duration, a path to a moment, or both: then the duration is an offset and may go back."""
    if fixed not in settings.node and path not in settings.node:
        yield Problem(settings.path, dict(settings.node), f"{fixed} or {path}")
    offset = path in settings.node
    yield from duration_problems(settings, fixed, days, low=None if offset else OFFSET.format(path=path))


def duration_problems(
    settings: Place, name: str, days: int, low: str | None = "a number greater than 0"
) -> Iterator[Problem]:
    """`low` is what to expect of a value that is not positive; None allows it."""
    duration = settings.part(name)
    value, unit = duration.node.get("value"), duration.node.get("unit")
    if not isinstance(value, int | float) or unit not in get_args(DurationUnit):
        return
    most = longest(days, str(unit))
    if value <= 0 and low is not None:
        yield duration.problem("value", low)
    elif abs(value) > most:
        yield Problem(join(duration.path, "value"), value, f"at most {days} days, which is {most} {unit}")
