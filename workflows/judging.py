"""Evaluating conditions inside of a step: what they need to know is asked for, what they saw is recorded."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from workflows.conditions import Group, required
from workflows.effects import Effect, Memberships, MessageStatuses, Record
from workflows.evaluation import Facts, Verdict, evaluate
from workflows.liquid.lookups import rendering
from workflows.scope import StepContext
from workflows.statuses import MessageStatus


def judge(
    group: Group, context: StepContext, about: str, event: Mapping[str, Any] | None = None
) -> Generator[Effect, Any, Verdict]:
    """Whether the conditions hold. `about` is whose they are, for the run log; `event` is what `event.*` means."""
    facts = yield from gather(group, context, event)
    verdict: Verdict = yield from rendering(context, lambda: evaluate(group, facts))
    what = "conditions_evaluated" if event is None else "wait_conditions_evaluated"
    yield Record(what, {"of": about, **verdict.as_json()})
    return verdict


def gather(
    group: Group | None, context: StepContext, event: Mapping[str, Any] | None = None
) -> Generator[Effect, Any, Facts]:
    """What the conditions may look at. Asks only for what they read."""
    statuses: Mapping[str, tuple[MessageStatus, ...]] = {}
    audiences: frozenset[str] = frozenset()
    if group is not None:
        needed = required(group)
        statuses = (yield MessageStatuses(needed.refs)) if needed.refs else {}
        audiences = (yield Memberships(needed.audiences)) if needed.audiences else frozenset()
    return Facts(
        lookup=context.scope.lookup,
        now=context.now,
        statuses=statuses,
        audiences=audiences,
        render=lambda source: text_of(source, context, "conditions"),
        event=event,
    )


def text_of(source: str, context: StepContext, name: str, *, strict: bool = False) -> str:
    """A text template of a step, rendered. May raise `EntityNeeded`."""
    return context.program.template(name, source, strict=strict).render(context.variables)
