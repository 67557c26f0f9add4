"""The pure state machine: where a run is, and how its step ended, give what happens next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from workflows.effects import OUTWARD, AskModel, Effect, HttpCall
from workflows.model import Workflow
from workflows.outcomes import Continue, Enter, Halt, Pause, Skip, StepOutcome, Steps


@dataclass(frozen=True, slots=True)
class Go:
    """Execute that step now."""

    ref: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Execute that same step again at `until` (aware, UTC)."""

    ref: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is completed."""

    reason: str


Next = Go | Wait | Finish


def advance(workflow: Workflow, ref: str, outcome: StepOutcome) -> Next:
    """What follows the step. `KeyError` when the workflow has no such step."""
    match outcome:
        case Continue() | Skip():
            return _go(workflow.after(ref))
        case Enter(branch=index):
            return _go(workflow.inside(ref, index))
        case Pause(until=until):
            return Wait(ref, until)
        case Halt(reason=reason):
            return Finish(reason)
        case _:
            assert_never(outcome)


def _go(ref: str | None) -> Next:
    return Finish("the last step is done") if ref is None else Go(ref)


def drive(steps: Steps, answer: Callable[[Effect], Any], reply: Any = None) -> StepOutcome | HttpCall | AskModel:
    """Executes a handler to its end, or to the next effect that calls another machine: drive on with that call's reply.

    `answer` does what any other effect asks for and gives the handler its answer. What the handler or `answer` raises goes
    through; the handler is then closed.
    """
    try:
        while True:
            try:
                effect = steps.send(reply)
            except StopIteration as end:
                outcome: StepOutcome = end.value
                return outcome
            if isinstance(effect, OUTWARD):
                return effect
            reply = answer(effect)
    except BaseException:
        steps.close()
        raise
