"""The batch step: triggers of one recipient are collected, and one run goes on with all of them (semantics §6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.effects import CloseBatch, Closed, JoinBatch, Joined, Open, Record
from workflows.keys import resolve_key
from workflows.model import BatchStep
from workflows.moments import resolve, shown
from workflows.outcomes import Continue, Halt, Pause, Skip, Steps
from workflows.scope import StepContext
from workflows.steps import handles
from workflows.windows import add_duration


@handles(BatchStep)
def batch(step: BatchStep, context: StepContext) -> Steps:
    """The first run opens a window and carries it: it waits, and goes on with every activity when the window closes.

    Later runs add their activity and end.
    """
    if window_id := context.memory.get("window_id"):
        return (yield from _close(step, window_id))
    key = yield from resolve_key(step.batch_key, context, f"{step.ref}/batch_key")
    closes_at = resolve(step.window, step.until_path, context)
    if isinstance(closes_at, str):
        yield Record("batch_invalid", {"path": step.until_path, "value": shown(step.until_path, context)}, error=True)
        return Skip(closes_at)
    latest = add_duration(context.now, step.extension_limit) if step.extension_limit else None
    asked = JoinBatch(key, closes_at, step.is_sliding, latest, step.max_items, step.flush_leading, step.is_latest)
    joined: Joined = yield asked
    seen = {"window_id": joined.window_id, "closes_at": joined.closes_at.isoformat(), "key": key}
    yield Record(f"batch_{'opened' if joined.role != 'item' else 'joined'}", {**seen, "role": joined.role})
    match joined.role:
        case "carrier":
            return Pause(joined.closes_at, f"collecting until {joined.closes_at.isoformat()}", seen)
        case "leader":
            return Continue("first of its window, which goes on without it")
        case "item":
            return Halt(f"its activity is part of the batch that closes at {joined.closes_at.isoformat()}")


def _close(step: BatchStep, window_id: str) -> Steps:
    answer: Open | Closed = yield CloseBatch(window_id, step.render_limit, step.order)
    if isinstance(answer, Open):
        return Pause(answer.closes_at, f"collecting until {answer.closes_at.isoformat()}", {"window_id": window_id})
    yield Record("batch_closed", {"window_id": window_id, "total_activities": answer.total_activities})
    if not answer.total_activities:
        return Halt("every activity of the batch was cancelled")
    return Continue(f"a batch of {answer.total_activities}", data=_merged(answer.data), on_latest=step.is_latest)


def _merged(activities: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """The activities' data in the order of their arrival, the last one wins.

    Lists and maps stay whole; Knock keeps scalars only, cut to 256 characters (docs/deviations.md).
    """
    merged: dict[str, Any] = {}
    for data in activities:
        merged |= data
    return merged
