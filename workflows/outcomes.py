"""How a step can end: a closed list. Failing is raising. Only `workflows/run.py` makes an outcome the next step."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from workflows.effects import Effect


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the next step. `data`, when given, replaces the run's data from here on.

    `output` is what later steps see as `refs.<ref>`. `on_latest`: go on, on the newest version that still has this step.
    """

    reason: str = ""
    data: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None
    on_latest: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """This step does nothing; go on with the next one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Execute this same step again at `until` (aware, UTC); it then finds the time in `context.paused_until`, and
    `memory` (a JSON object) in `context.memory`."""

    until: datetime
    reason: str
    memory: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Go on inside of the branch of that index, and after it behind this step."""

    branch: int
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """The run ends here, quietly."""

    reason: str


StepOutcome = Continue | Skip | Pause | Enter | Halt


def told(outcome: StepOutcome) -> tuple[str, dict[str, str]]:
    """An outcome as the run log tells it: an event and its detail."""
    match outcome:
        case Continue(reason):
            return "step_completed", {"reason": reason} if reason else {}
        case Enter(_, reason):
            return "branch_entered", {"reason": reason}
        case Skip(reason):
            return "step_skipped", {"reason": reason}
        case Pause(until, reason):
            return "step_paused", {"reason": reason, "until": until.isoformat()}
        case Halt(reason):
            return "run_halted", {"reason": reason}
        case _:
            assert_never(outcome)


Steps = Generator[Effect, Any, StepOutcome]
"""What a step handler is: a generator of effects that returns an outcome."""
