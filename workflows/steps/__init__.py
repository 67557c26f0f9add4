"""Step handlers, one file per step type. Adding a file to this package registers its handlers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from workflows.model import AnyStep, Step
from workflows.outcomes import Steps
from workflows.scope import StepContext

S = TypeVar("S", bound=Step)
Handler = Callable[[S, StepContext], Steps]

_HANDLERS: dict[type[Step], Handler[Any]] = {}


def handles(step_class: type[S]) -> Callable[[Handler[S]], Handler[S]]:
    """Makes the decorated generator function the handler of that class of step."""

    def register(handler: Handler[S]) -> Handler[S]:
        if step_class in _HANDLERS:
            raise TypeError(f"{step_class.__name__} has a handler already")
        _HANDLERS[step_class] = handler
        return handler

    return register


def handler_for(step: AnyStep) -> Handler[Any]:
    """The generator function to call with the step and its context."""
    return _HANDLERS[type(step)]


for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
