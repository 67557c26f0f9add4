"""Branch and experiment: which way the run goes (contract: semantics §8)."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from workflows.cohorts import bucket
from workflows.effects import Record
from workflows.judging import judge
from workflows.keys import resolve_key
from workflows.model import BranchStep, CohortStep
from workflows.outcomes import Enter, Steps
from workflows.scope import StepContext
from workflows.steps import handles


@handles(BranchStep)
def branch(step: BranchStep, context: StepContext) -> Steps:
    """The first branch whose conditions are met, otherwise the default, which stands last."""
    default = len(step.branches) - 1
    for index, way in enumerate(step.branches[:default]):
        if way.conditions is None:
            continue
        verdict = yield from judge(way.conditions, context, f"branch `{way.name}`")
        if verdict.passed:
            return Enter(index, f"branch `{way.name}`")
    return Enter(default, f"branch `{step.branches[default].name}` (the default)")


@handles(CohortStep)
def random_cohort(step: CohortStep, context: StepContext) -> Steps:
    """The same key goes the same way, in this step, for as long as the percentages stay."""
    key = yield from resolve_key(step.cohort_key, context, f"{step.ref}/cohort_key")
    place = bucket(key or str(context.scope.recipient["id"]), f"{context.program.workflow.key}/{step.ref}")
    bounds = list(accumulate((cohort.percentage for cohort in step.branches), initial=Decimal(0)))[1:]
    index = next((number for number, bound in enumerate(bounds) if place < bound), len(bounds) - 1)
    yield Record("cohort_assigned", {"cohort": step.branches[index].name, "bucket": str(place)})
    return Enter(index, f"cohort `{step.branches[index].name}`")
