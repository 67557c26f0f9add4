from datetime import UTC, datetime
from typing import Any

import pytest

from workflows.effects import AskModel, Effect, HttpCall, HttpReply, Record
from workflows.model import Branch, BranchStep, DelayStep, Duration, Workflow
from workflows.outcomes import Continue, Enter, Halt, Pause, Skip, StepOutcome, Steps
from workflows.run import Finish, Go, Next, Wait, advance, drive

DUE = datetime(2026, 3, 5, tzinfo=UTC)
STEPS = tuple(DelayStep(ref=ref, type="delay", delay_for=Duration(1, "days")) for ref in ("a", "b", "x"))
WAYS = (Branch("1", STEPS[2:]), Branch("2", terminates=True), Branch("3"))
BRANCH = BranchStep(ref="branch", type="branch", branches=WAYS)
WORKFLOW = Workflow("welcome", "Welcome", (BRANCH, *STEPS[:2]))


@pytest.mark.parametrize(
    ("ref", "outcome", "following"),
    [
        ("a", Continue(), Go("b")),
        ("a", Skip("no address"), Go("b")),
        ("b", Continue(), Finish("the last step is done")),
        ("b", Skip("no address"), Finish("the last step is done")),
        ("a", Pause(DUE, "waiting"), Wait("a", DUE)),
        ("b", Pause(DUE, "waiting"), Wait("b", DUE)),
        ("branch", Enter(0, "x"), Go("x")),
        ("branch", Enter(1, "x"), Finish("the last step is done")),
        ("branch", Enter(2, "x"), Go("a")),
        ("branch", Skip("x"), Go("a")),
        ("x", Continue(), Go("a")),
        ("x", Pause(DUE, "waiting"), Wait("x", DUE)),
        ("x", Halt("over the limit"), Finish("over the limit")),
        ("a", Halt("over the limit"), Finish("over the limit")),
    ],
)
def test_position_and_outcome_give_what_happens_next(ref: str, outcome: StepOutcome, following: Next) -> None:
    assert advance(WORKFLOW, ref, outcome) == following


def test_a_step_that_the_workflow_does_not_have_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        advance(WORKFLOW, "c", Continue())


def test_driving_gives_every_effect_its_answer() -> None:
    def handler() -> Steps:
        first = yield Record("first")
        second = yield Record("second", {"after": first})
        return Continue(f"{first} {second}")

    answers = {"first": 1, "second": 2}
    assert drive(handler(), lambda effect: answers[effect.event]) == Continue("1 2")  # type: ignore[union-attr, index]


def test_what_answering_raises_goes_through_and_closes_the_handler() -> None:
    closed: list[bool] = []

    def handler() -> Steps:
        try:
            yield Record("first")
        finally:
            closed.append(True)
        return Continue()

    def answer(effect: Effect) -> Any:
        raise StopIteration("the database is gone")

    with pytest.raises(StopIteration, match="the database is gone"):
        drive(handler(), answer)
    assert closed == [True]


def test_what_a_handler_raises_goes_through() -> None:
    def handler() -> Steps:
        yield Record("first")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        drive(handler(), lambda effect: None)


@pytest.mark.parametrize("call", [HttpCall("GET", "https://a.test"), AskModel("m", "Hello")])
def test_a_call_to_another_machine_comes_out_and_its_reply_goes_in(call: HttpCall | AskModel) -> None:
    answered: list[Effect] = []

    def handler() -> Steps:
        yield Record("before")
        reply = yield call
        yield Record("after")
        again = yield call
        return Continue(f"{reply} {again}")

    steps = handler()
    assert drive(steps, answered.append) is call
    assert answered == [Record("before")]
    assert drive(steps, answered.append, "first") is call
    assert drive(steps, answered.append, "second") == Continue("first second")
    assert answered == [Record("before"), Record("after")]


def test_a_handler_that_is_never_driven_on_holds_nothing_open() -> None:
    closed: list[bool] = []

    def handler() -> Steps:
        try:
            yield HttpCall("GET", "https://a.test")
        finally:
            closed.append(True)
        return Continue()

    steps = handler()
    drive(steps, lambda effect: HttpReply(200))
    steps.close()
    assert closed == [True]
