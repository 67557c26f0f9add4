"""Step handlers, one file per step type. Adding a file to this package registers its handlers."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from workflows.judging import judge
from workflows.model import AnyStep, ChannelStep, Step
from workflows.outcomes import Halt, Skip, Steps
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


def execute(step: AnyStep, context: StepContext) -> Steps:
    """A step from its conditions to its outcome; the workflow's own conditions come before the run's first step.

    A step that is resumed has been judged before. Sandboxed channel steps are not judged (contract: semantics §3).
    """
    workflow = context.program.workflow
    if context.is_first and workflow.conditions is not None:
        verdict = yield from judge(workflow.conditions, context, "workflow")
        if not verdict.passed:
            return Halt("the workflow's conditions are not met")
    sandboxed = context.sandbox_mode and isinstance(step, ChannelStep)
    if step.conditions is not None and context.paused_until is None and not sandboxed:
        verdict = yield from judge(step.conditions, context, "step")
        if not verdict.passed:
            return Skip("the step's conditions are not met")
    return (yield from handler_for(step)(step, context))


for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
