"""How a step can end: a closed list. Failing is raising. Only `workflows/run.py` makes an outcome the next step."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.effects import Effect


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the next step. `data`, when given, replaces the run's data from here on."""

    reason: str = ""
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """This step does nothing; go on with the next one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Execute this same step again at `until` (aware, UTC); it then finds the time in `context.paused_until`."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """The run ends here, quietly."""

    reason: str


StepOutcome = Continue | Skip | Pause | Halt
Steps = Generator[Effect, Any, StepOutcome]
"""What a step handler is: a generator of effects that returns an outcome."""
