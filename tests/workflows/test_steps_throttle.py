from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.effects import Counted, CountExecution
from workflows.model import Duration, ThrottleStep
from workflows.outcomes import Continue, Halt, Skip
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


def throttle(**fields: Any) -> ThrottleStep:
    return ThrottleStep(**{"ref": "throttle_1", "type": "throttle", "window": Duration(1, "hours"), **fields})


def counted(number: int, closes_at: datetime) -> dict[type, Any]:
    return {CountExecution: Counted(number, closes_at)}


@pytest.mark.parametrize(("number", "outcome"), [(1, Continue), (2, Continue), (3, Halt)])
def test_a_run_goes_on_up_to_the_limit(number: int, outcome: type, make_context: MakeContext, now: datetime) -> None:
    played = play(throttle(limit=2), make_context(), counted(number, now))
    assert type(played.outcome) is outcome


def test_beyond_the_limit_the_run_ends_and_says_until_when(make_context: MakeContext, now: datetime) -> None:
    played = play(throttle(), make_context(), counted(2, now))
    assert played.outcome == Halt("execution 2 of at most 1 until 2026-03-02T09:30:00+00:00")
    assert played.detail("throttle_counted")["number"] == 2


def test_the_window_that_it_may_open_is_asked_for(
    make_context: MakeContext, make_scope: MakeScope, now: datetime
) -> None:
    step = throttle(throttle_key="{{ data.page }}-{{ recipient.id }}")
    played = play(step, make_context(scope=make_scope(data={"page": 7})), counted(1, now))
    assert played.only(CountExecution) == CountExecution("7-jane", now + timedelta(hours=1))


@pytest.mark.parametrize(
    ("value", "hours"),
    [({"unit": "minutes", "value": 30}, 0.5), ("2026-03-02T12:30:00Z", 3), ({"frequency": "hourly"}, 0.5)],
)
def test_a_window_may_come_from_the_data(
    value: Any, hours: float, make_context: MakeContext, make_scope: MakeScope, now: datetime
) -> None:
    step = throttle(window=None, until_path="data.window")
    played = play(step, make_context(scope=make_scope(data={"window": value})), counted(1, now))
    assert played.only(CountExecution).closes_at == now + timedelta(hours=hours)


@pytest.mark.parametrize("value", [None, "soon", "2020-01-01", {"unit": "days"}, {"unit": "days", "value": 40}])
def test_a_window_that_is_none_is_recorded_and_skips_the_step(
    value: Any, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = throttle(window=None, until_path="data.window")
    played = play(step, make_context(scope=make_scope(data={"window": value})))
    assert isinstance(played.outcome, Skip)
    assert played.errors == ["throttle_invalid"]


def test_a_key_that_gives_nothing_is_recorded_and_skips_the_step(make_context: MakeContext) -> None:
    played = play(throttle(throttle_key="data.page"), make_context())
    assert played.outcome == Skip("the throttle key `data.page` gives nothing")
    assert played.errors == ["throttle_invalid"]
