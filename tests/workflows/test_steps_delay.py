from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.effects import Effect, Record
from workflows.model import DelayStep, Duration
from workflows.outcomes import Continue, Pause, Skip, StepOutcome
from workflows.scope import Scope, StepContext

MakeScope = Callable[..., Scope]
MakeContext = Callable[..., StepContext]


def delay(path: str | None = None, value: int | None = None, unit: Any = "hours") -> DelayStep:
    delay_for = None if value is None else Duration(value, unit)
    return DelayStep(ref="delay_1", type="delay", delay_for=delay_for, until_path=path)


def run(step: DelayStep, context: StepContext) -> tuple[StepOutcome, list[Effect]]:
    played = play(step, context)
    return played.outcome, played.effects


def test_a_fixed_delay_pauses_for_its_duration(make_context: MakeContext, now: datetime) -> None:
    outcome, effects = run(delay(value=3, unit="days"), make_context())
    assert outcome == Pause(now + timedelta(days=3), "waiting until 2026-03-05T09:30:00+00:00")
    assert effects == []


def test_a_delay_that_was_waited_for_goes_on(make_context: MakeContext, now: datetime) -> None:
    outcome, _ = run(delay(value=3), make_context(paused_until=now, skip_delay=True))
    assert outcome == Continue("waited until 2026-03-02T09:30:00+00:00")


def test_a_trigger_may_skip_delays(make_context: MakeContext) -> None:
    assert run(delay(value=3), make_context(skip_delay=True)) == (Skip("the trigger skips delays"), [])


@pytest.mark.parametrize(
    ("value", "offset", "until"),
    [
        ("2026-03-10T12:00:00Z", None, "2026-03-10T12:00:00+00:00"),
        ("2026-03-10T12:00:00Z", -2, "2026-03-10T10:00:00+00:00"),
        ("2026-03-10T12:00:00Z", 0, "2026-03-10T12:00:00+00:00"),
        ("2026-03-02", 10, "2026-03-02T10:00:00+00:00"),
        ({"unit": "minutes", "value": 5}, None, "2026-03-02T09:35:00+00:00"),
        ({"frequency": "daily", "hours": 9}, None, "2026-03-02T14:00:00+00:00"),
        ({"frequency": "daily", "hours": 9}, 1, "2026-03-02T15:00:00+00:00"),
    ],
)
def test_a_dynamic_delay_waits_for_a_time_in_the_data(
    value: Any, offset: int | None, until: str, make_context: MakeContext, make_scope: MakeScope
) -> None:
    scope = make_scope(data={"trial": {"ends": value}})
    outcome, _ = run(delay("data.trial.ends", offset), make_context(scope=scope, timezone="America/New_York"))
    assert outcome == Pause(datetime.fromisoformat(until), f"waiting until {until}")


@pytest.mark.parametrize(
    ("value", "shown", "reason"),
    [
        (None, "None", "`data.at` is no timestamp, duration or window rule"),
        ("soon", "'soon'", "`data.at` is no timestamp, duration or window rule"),
        ("2026-03-02T09:30:00Z", "'2026-03-02T09:30:00Z'", "2026-03-02T09:30:00+00:00 is not in the future"),
        ("2020-01-01", "'2020-01-01'", "2020-01-01T00:00:00+00:00 is not in the future"),
        ("2027-03-03", "'2027-03-03'", "2027-03-03T00:00:00+00:00 is more than 365 days away"),
        ("9999-12-31", "'9999-12-31'", "9999-12-31T00:00:00+00:00 is more than 365 days away"),
    ],
)
def test_a_value_that_gives_no_time_is_recorded_and_skips_the_delay(
    value: Any, shown: str, reason: str, make_context: MakeContext, make_scope: MakeScope
) -> None:
    outcome, effects = run(delay("data.at"), make_context(scope=make_scope(data={"at": value})))
    assert outcome == Skip(reason)
    assert effects == [Record("delay_invalid", {"path": "data.at", "value": shown}, error=True)]


def test_an_offset_can_make_a_time_past(make_context: MakeContext, make_scope: MakeScope) -> None:
    scope = make_scope(data={"at": "2026-03-02T10:00:00Z"})
    outcome, _ = run(delay("at", -1), make_context(scope=scope))
    assert outcome == Skip("2026-03-02T09:00:00+00:00 is not in the future")


def test_a_duration_beyond_the_calendar_is_only_too_long(make_context: MakeContext, make_scope: MakeScope) -> None:
    scope = make_scope(data={"wait": {"unit": "days", "value": 10**15}})
    outcome, _ = run(delay("data.wait"), make_context(scope=scope))
    assert outcome == Skip("9999-12-31T23:59:59.999999+00:00 is more than 365 days away")


def test_a_years_delay_is_allowed_also_when_it_is_a_leap_year(make_context: MakeContext, make_scope: MakeScope) -> None:
    leap = datetime.fromisoformat("2027-06-01T00:00:00+00:00")
    for value in ({"unit": "months", "value": 12}, {"unit": "days", "value": 365}):
        outcome, _ = run(delay("data.wait"), make_context(now=leap, scope=make_scope(data={"wait": value})))
        assert isinstance(outcome, Pause)


def test_the_value_of_a_variable_is_not_shown(make_context: MakeContext, make_scope: MakeScope) -> None:
    scope = make_scope(vars={"api_key": "s3cret"})
    _, effects = run(delay("vars.api_key"), make_context(scope=scope))
    assert effects == [Record("delay_invalid", {"path": "vars.api_key", "value": "(not shown)"}, error=True)]


def test_a_long_value_is_shown_shortened(make_context: MakeContext, make_scope: MakeScope) -> None:
    _, effects = run(delay("at"), make_context(scope=make_scope(data={"at": "x" * 5000})))
    assert isinstance(effects[0], Record)
    assert len(effects[0].detail["value"]) == 200
