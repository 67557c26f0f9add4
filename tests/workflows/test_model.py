from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.model import AnyStep, Branch, BranchStep, DelayStep, Duration, Workflow


def delay(ref: str) -> DelayStep:
    return DelayStep(ref=ref, type="delay", delay_for=Duration(1, "days"))


def branch(ref: str, *ways: list[AnyStep], terminates: tuple[int, ...] = ()) -> BranchStep:
    branches = tuple(
        Branch(str(number), tuple(steps), terminates=number in terminates) for number, steps in enumerate(ways)
    )
    return BranchStep(ref=ref, type="branch", branches=branches)


def flow(*steps: AnyStep) -> Workflow:
    return Workflow("welcome", "Welcome", steps)


def test_a_branch_leads_through_its_steps_and_back() -> None:
    workflow = flow(branch("b", [delay("x"), delay("y")], []), delay("z"))
    assert [workflow.inside("b", 0), workflow.after("x"), workflow.after("y"), workflow.after("z")] == [
        "x",
        "y",
        "z",
        None,
    ]
    assert workflow.inside("b", 1) == "z"


def test_a_branch_that_terminates_ends_the_run_behind_its_last_step() -> None:
    workflow = flow(branch("b", [delay("x"), delay("y")], [], [delay("w")], terminates=(0, 1)), delay("z"))
    assert [workflow.inside("b", 0), workflow.after("x"), workflow.after("y")] == ["x", "y", None]
    assert (workflow.inside("b", 1), workflow.after("w")) == (None, "z")


def test_a_branch_at_the_end_ends_the_run() -> None:
    workflow = flow(branch("b", [delay("x")], []))
    assert (workflow.after("x"), workflow.inside("b", 1)) == (None, None)


def test_only_the_branch_that_terminates_ends_the_run_not_those_inside_of_it() -> None:
    inner = branch("inner", [delay("x")], [])
    workflow = flow(branch("outer", [inner, delay("y")], [], terminates=(0,)), delay("z"))
    assert [workflow.after("x"), workflow.inside("inner", 1), workflow.after("y")] == ["y", "y", None]


def test_the_end_of_a_branch_five_deep_leads_to_the_outermost_next_step() -> None:
    innermost: list[AnyStep] = [delay("x")]
    for depth in range(5, 0, -1):
        innermost = [branch(f"b{depth}", innermost, [])]
    workflow = flow(*innermost, delay("z"))
    assert workflow.after("x") == "z"
    assert [each.ref for each in workflow] == ["b1", "b2", "b3", "b4", "b5", "x", "z"]


def test_steps_are_known_by_their_reference() -> None:
    workflow = flow(delay("a"), delay("b"))
    assert (workflow.first(), workflow.step("b").ref) == ("a", "b")
    assert "b" in workflow
    assert "c" not in workflow
    with pytest.raises(KeyError):
        workflow.step("c")


def test_a_workflow_without_steps_has_no_first_one() -> None:
    assert flow().first() is None


@st.composite
def workflows(draw: Any) -> Workflow:
    numbers = iter(range(1000))

    def steps(depth: int) -> list[AnyStep]:
        return [step(depth) for _ in range(draw(st.integers(0, 3)))]

    def step(depth: int) -> AnyStep:
        if depth == 5 or draw(st.booleans()):
            return delay(f"d{next(numbers)}")
        ways = [steps(depth + 1) for _ in range(draw(st.integers(1, 3)))]
        ends = tuple(index for index in range(len(ways)) if draw(st.booleans()))
        return branch(f"b{next(numbers)}", *ways, terminates=ends)

    return flow(*steps(1))


@given(workflows(), st.lists(st.integers(0, 2), min_size=40))
def test_every_way_through_a_workflow_ends_and_passes_no_step_twice(workflow: Workflow, choices: list[int]) -> None:
    passed: list[str] = []
    ref, chosen = workflow.first(), iter(choices)
    while ref is not None:
        assert ref not in passed
        passed.append(ref)
        step = workflow.step(ref)
        if isinstance(step, BranchStep):
            ref = workflow.inside(ref, next(chosen, 0) % len(step.branches))
        else:
            ref = workflow.after(ref)
    order = [each.ref for each in workflow]
    assert passed == sorted(passed, key=order.index)
