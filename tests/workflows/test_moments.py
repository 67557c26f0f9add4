from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.conftest import NOW
from workflows.model import Duration, Workflow
from workflows.moments import resolve, shown
from workflows.program import Program
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


def test_a_fixed_duration_counts_from_now(make_context: MakeContext, now: datetime) -> None:
    assert resolve(Duration(90, "seconds"), None, make_context()) == now + timedelta(seconds=90)


def test_a_dynamic_time_takes_the_duration_as_an_offset(
    make_context: MakeContext, make_scope: MakeScope, now: datetime
) -> None:
    context = make_context(scope=make_scope(recipient={"id": "jane", "renews": "2026-03-10T00:00:00Z"}))
    assert resolve(Duration(-1, "days"), "recipient.renews", context) == datetime.fromisoformat("2026-03-09T00:00:00Z")


@pytest.mark.parametrize(
    ("fixed", "path", "problem"),
    [
        (None, None, "`None` is no timestamp, duration or window rule"),
        (Duration(0, "hours"), None, "2026-03-02T09:30:00+00:00 is not in the future"),
        (Duration(2, "weeks"), "data.missing", "`data.missing` is no timestamp, duration or window rule"),
        (Duration(400, "days"), None, "2027-04-06T09:30:00+00:00 is more than 365 days away"),
    ],
)
def test_what_gives_no_time_is_said_in_words(
    fixed: Duration | None, path: str | None, problem: str, make_context: MakeContext
) -> None:
    assert resolve(fixed, path, make_context()) == problem


def test_a_limit_may_be_shorter_than_a_year(make_context: MakeContext) -> None:
    assert resolve(Duration(32, "days"), None, make_context(), most_days=31) == (
        "2026-04-03T09:30:00+00:00 is more than 31 days away"
    )
    assert isinstance(resolve(Duration(31, "days"), None, make_context(), most_days=31), datetime)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("unit", "value", "frequency", "days", "hours", "minutes")), inner)
    ),
    max_leaves=5,
)


@given(values)
def test_any_value_gives_a_time_within_a_year_or_words(value: Any) -> None:
    scope = Scope(data={"at": value}, recipient={"id": "jane"})
    context = StepContext(scope, NOW, {}, Program(Workflow("welcome", "Welcome", ())))
    moment = resolve(None, "data.at", context)
    assert isinstance(moment, str) or NOW < moment <= NOW + timedelta(days=366)


def test_the_offending_value_is_shown_unless_it_may_be_secret(make_context: MakeContext, make_scope: MakeScope) -> None:
    context = make_context(scope=make_scope(data={"at": "soon"}, vars={"at": "s3cret"}))
    assert (shown("data.at", context), shown("vars.at", context), shown(None, context)) == (
        "'soon'",
        "(not shown)",
        "(not shown)",
    )
