from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.conditions import Condition, Group
from workflows.effects import Await, Signal, TakeEvents
from workflows.model import AwaitedEvent, Duration, WaitForEventStep
from workflows.outcomes import Continue, Halt, Pause
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]

SEEN = AwaitedEvent("message", "seen", "welcome")


def wait(*values: str, **fields: Any) -> WaitForEventStep:
    matches = tuple(Group("all", (Condition("event.n", "equal_to", value),)) for value in values)
    given = {"ref": "wait_1", "type": "wait_for_event", "event": SEEN, "expires_after": Duration(1, "hours")}
    return WaitForEventStep(**{**given, "matches": matches, **fields})


@pytest.fixture
def resumed(make_context: MakeContext, now: datetime) -> Callable[..., StepContext]:
    """Minutes before the wait ends (afterwards when negative) the run is woken."""

    def make(minutes: float = 30, **scope: Any) -> StepContext:
        expires = now + timedelta(minutes=minutes)
        return make_context(paused_until=expires, memory={"expires": expires.isoformat()})

    return make


def signals(now: datetime, *numbers: Any, minutes: float = -5) -> dict[type, Any]:
    at = now + timedelta(minutes=minutes)
    return {TakeEvents: [Signal(at, {"n": number}) for number in numbers], Await: None}


def test_the_step_waits_for_as_long_as_it_says(make_context: MakeContext, now: datetime) -> None:
    played = play(wait(), make_context(), {Await: None})
    until = now + timedelta(hours=1)
    assert played.effects == [Await(SEEN)]
    assert played.outcome == Pause(
        until, f"waiting for message.seen until {until.isoformat()}", {"expires": until.isoformat()}
    )


def test_the_first_event_that_matches_ends_the_wait(resumed: Callable[..., StepContext], now: datetime) -> None:
    played = play(wait("2"), resumed(), signals(now, 1, 2, 2))
    assert played.outcome == Continue(
        "message.seen happened at 2026-03-02T09:25:00+00:00", output={"matched": True, "signal_variables": {"n": 2}}
    )
    assert played.events == ["wait_conditions_evaluated", "wait_conditions_evaluated", "wait_matched"]


def test_without_conditions_any_event_matches(resumed: Callable[..., StepContext], now: datetime) -> None:
    assert isinstance(play(wait(), resumed(), signals(now, 1)).outcome, Continue)


def test_of_several_groups_any_will_do(resumed: Callable[..., StepContext], now: datetime) -> None:
    assert isinstance(play(wait("1", "2"), resumed(), signals(now, 2)).outcome, Continue)


@pytest.mark.parametrize("numbers", [(), (1,), (1, 3)])
def test_until_then_the_run_goes_on_waiting(
    numbers: tuple[int, ...], resumed: Callable[..., StepContext], now: datetime
) -> None:
    context = resumed()
    outcome = play(wait("2"), context, signals(now, *numbers)).outcome
    assert isinstance(outcome, Pause)
    assert (outcome.until, outcome.memory) == (context.paused_until, context.memory)


@pytest.mark.parametrize(("minutes", "matches"), [(-5, True), (-5.001, True), (-4.999, False)])
def test_an_event_counts_until_the_end_of_the_wait_whenever_it_is_looked_at(
    minutes: float, matches: bool, resumed: Callable[..., StepContext], now: datetime
) -> None:
    outcome = play(wait(), resumed(-5), signals(now, 1, minutes=minutes)).outcome
    assert isinstance(outcome, Continue if matches else Halt)


def test_a_match_may_end_the_run(resumed: Callable[..., StepContext], now: datetime) -> None:
    outcome = play(wait(halts_on_match=True), resumed(), signals(now, 1)).outcome
    assert outcome == Halt("message.seen happened at 2026-03-02T09:25:00+00:00")


def test_at_its_end_the_wait_ends_the_run(resumed: Callable[..., StepContext], now: datetime) -> None:
    played = play(wait("2"), resumed(0), signals(now, 1))
    assert played.outcome == Halt("nothing matched until 2026-03-02T09:30:00+00:00")
    assert played.events[-1] == "wait_expired"


def test_at_its_end_the_run_may_go_on(resumed: Callable[..., StepContext], now: datetime) -> None:
    outcome = play(wait(halts_on_timeout=False), resumed(0), signals(now)).outcome
    assert isinstance(outcome, Continue)
    assert outcome.output == {"matched": False, "signal_variables": {}}


def test_the_steps_own_conditions_are_judged_once(resumed: Callable[..., StepContext], now: datetime) -> None:
    never = Group("all", (Condition("data.missing", "equal_to", "1"),))
    played = play(wait(conditions=never), resumed(), signals(now, 1))
    assert isinstance(played.outcome, Continue)
