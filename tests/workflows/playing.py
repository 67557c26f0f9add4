"""A step driven by a script: what it asks for is kept, and answered as the test says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workflows.effects import Effect, Enqueue, Memberships, MessageStatuses, NameMessage, Record
from workflows.model import AnyStep
from workflows.outcomes import StepOutcome
from workflows.run import drive
from workflows.scope import StepContext
from workflows.steps import execute

Answers = Mapping[Any, Any]
"""By class of effect: the answer, or a function that makes it of the effect."""


@dataclass
class Played:
    """How a step ended, and what it has asked for on the way."""

    outcome: StepOutcome
    effects: list[Effect] = field(default_factory=list)

    def asked(self, kind: type[Any]) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def only(self, kind: type[Any]) -> Any:
        (effect,) = self.asked(kind)
        return effect

    @property
    def events(self) -> list[str]:
        return [record.event for record in self.asked(Record)]

    @property
    def errors(self) -> list[str]:
        return [record.event for record in self.asked(Record) if record.error]

    def detail(self, event: str) -> Mapping[str, Any]:
        (record,) = (each for each in self.asked(Record) if each.event == event)
        detail: Mapping[str, Any] = record.detail
        return detail


def play(step: AnyStep, context: StepContext, answers: Answers | None = None) -> Played:
    """The step from its conditions to its end."""
    played: list[Effect] = []
    numbers = iter(range(1, 100))
    usual: dict[type, Any] = {
        Record: None,
        NameMessage: lambda effect: f"message_{next(numbers)}",
        Enqueue: None,
        MessageStatuses: lambda effect: {},
        Memberships: frozenset(),
    }
    known = {**usual, **(answers or {})}

    def answer(effect: Effect) -> Any:
        played.append(effect)
        given = known[type(effect)]
        return given(effect) if isinstance(given, Callable) else given  # type: ignore[arg-type]

    steps, reply = execute(step, context), None
    while not isinstance(end := drive(steps, answer, reply), StepOutcome):
        reply = answer(end)
    return Played(end, played)
