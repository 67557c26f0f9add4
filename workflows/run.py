"""The pure state machine: where a run is, and how its step ended, give what happens next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from workflows.effects import Effect
from workflows.model import Workflow
from workflows.outcomes import Continue, Halt, Pause, Skip, StepOutcome, Steps


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
            following = workflow.after(ref)
            return Finish("the last step is done") if following is None else Go(following)
        case Pause(until=until):
            return Wait(ref, until)
        case Halt(reason=reason):
            return Finish(reason)
        case _:
            assert_never(outcome)


def drive(steps: Steps, answer: Callable[[Effect], Any]) -> StepOutcome:
    """Executes a handler to its end: `answer` does what an effect asks for and gives the handler its answer.

    What the handler or `answer` raises goes through; the handler is then closed.
    """
    reply: Any = None
    try:
        while True:
            try:
                effect = steps.send(reply)
            except StopIteration as end:
                outcome: StepOutcome = end.value
                return outcome
            reply = answer(effect)
    finally:
        steps.close()
