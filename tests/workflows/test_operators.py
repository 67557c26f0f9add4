"""What each operator means: a table of operators and kinds of values, and the laws they obey."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.operators import OPERATORS, compared, equal, moment_of

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.0]) | st.text("ab1", max_size=3)
)
timestamps = st.sampled_from(["2026-03-01", "2026-03-02T09:30:00Z", "2026-03-02T10:30:00+01:00", "2027-01-01T00:00:00"])
values = st.recursive(
    scalars | timestamps,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=6,
)
NEGATIONS = [name for name in OPERATORS if name.replace("not_", "", 1) in OPERATORS and "not_" in name]


def holds(operator: str, value: object, argument: object = None) -> bool:
    return OPERATORS[operator](value, argument, NOW)


@pytest.mark.parametrize(
    ("value", "argument", "expected"),
    [
        (5, 5, True),
        (5, 5.0, True),
        (5, 6, False),
        ("5", 5, False),
        (5, "5", False),
        ("pro", "pro", True),
        ("pro", "Pro", False),
        (True, True, True),
        (True, 1, False),
        (1, True, False),
        (0, False, False),
        ("true", True, False),
        (None, None, True),
        (None, "", True),
        ("", None, True),
        (None, 0, False),
        (None, False, False),
        (None, [], False),
        (["a", 1], ["a", 1.0], True),
        (["a", 1], [1, "a"], False),
        (["a"], "a", False),
        ([True], [1], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
    ],
)
def test_equality_never_joins_kinds(value: object, argument: object, expected: bool) -> None:
    assert holds("equal_to", value, argument) is expected
    assert holds("not_equal_to", value, argument) is not expected


@pytest.mark.parametrize(
    ("value", "argument", "sign"),
    [
        (4, 5, -1),
        (5, 5.0, 0),
        (6.5, 5, 1),
        ("5", 5, None),
        (5, "5", None),
        (True, False, None),
        (True, 0, None),
        (None, 5, None),
        (None, "a", -1),
        ("a", None, 1),
        ("apple", "banana", -1),
        ("apple", "apple", 0),
        ([1], [2], None),
        ({"a": 1}, {"a": 2}, None),
        ("2026-03-02T09:00:00Z", "2026-03-02T10:00:00+01:00", 0),
        ("2026-03-01", "2026-03-02", -1),
        ("2026-02-01", "30_days_ago", 1),
        ("2026-01-01", "30_days_ago", -1),
        ("pro", "30_days_ago", None),
        ("pro", "2026-03-01", None),
        (5, "2026-03-01", None),
    ],
)
def test_what_is_less_and_what_is_greater(value: object, argument: object, sign: int | None) -> None:
    assert compared(value, argument, NOW) == sign
    assert holds("less_than", value, argument) is (sign == -1)
    assert holds("less_than_or_equal_to", value, argument) is (sign in (-1, 0))
    assert holds("greater_than", value, argument) is (sign == 1)
    assert holds("greater_than_or_equal_to", value, argument) is (sign in (0, 1))


@pytest.mark.parametrize(
    ("value", "argument", "some", "every"),
    [
        (["a", "b"], "a", True, True),
        (["a", "b"], "c", False, False),
        (["a", "b"], ["b", "c"], True, False),
        (["a", "b"], ["b", "a"], True, True),
        (["a", "b"], [], False, True),
        ([1, 2], 1.0, True, True),
        ([1, 2], "1", False, False),
        ([True], 1, False, False),
        ([], "a", False, False),
        ("abc", "b", True, True),
        ("abc", "B", False, False),
        ("abc", ["b", "x"], True, False),
        ("abc", ["b", "c"], True, True),
        ("555-0100", 555, True, True),
        ("abc", True, False, False),
        ("abc", "", True, True),
        ("abc", None, True, True),
        (None, "a", False, False),
        (5, 5, False, False),
        ({"a": 1}, "a", False, False),
    ],
)
def test_what_a_list_or_a_text_contains(value: object, argument: object, some: bool, every: bool) -> None:
    assert holds("contains", value, argument) is some
    assert holds("not_contains", value, argument) is not some
    assert holds("contains_all", value, argument) is every
    assert holds("not_contains_all", value, argument) is not every


@pytest.mark.parametrize(
    ("value", "empty", "exists"),
    [
        (None, True, False),
        ("", True, True),
        ([], True, True),
        ({}, False, True),
        (" ", False, True),
        (0, False, True),
        (False, False, True),
        ([None], False, True),
        ("x", False, True),
    ],
)
def test_what_is_empty_and_what_exists(value: object, empty: bool, exists: bool) -> None:
    assert holds("empty", value) is empty
    assert holds("not_empty", value) is not empty
    assert holds("exists", value) is exists
    assert holds("not_exists", value) is not exists


@pytest.mark.parametrize(
    ("value", "ends", "expected"),
    [
        (1, [1, 5], True),
        (5, [1, 5], True),
        (5.1, [1, 5], False),
        (0, [1, 5], False),
        (3, [5, 1], False),
        ("3", [1, 5], False),
        ("m", ["a", "z"], True),
        ("2026-03-02", ["2026-03-01", "1 day from now"], True),
        (3, [1], False),
        (3, "1,5", False),
        (None, [1, 5], False),
    ],
)
def test_between_includes_both_ends(value: object, ends: object, expected: bool) -> None:
    assert holds("is_between", value, ends) is expected


@pytest.mark.parametrize(
    "value", ["2026-03-02", "2026-03-02T09:30:00Z", "2026-03-02 09:30", "2026-03-02T09:30:00.5+01:00"]
)
def test_iso_8601_is_a_timestamp(value: str) -> None:
    assert holds("is_timestamp", value)
    assert not holds("is_not_timestamp", value)


@pytest.mark.parametrize("value", ["tomorrow", "2 days ago", "", None, 1772445600, True, ["2026-03-02"], {}])
def test_anything_else_is_none(value: object) -> None:
    assert not holds("is_timestamp", value)
    assert holds("is_not_timestamp", value)


@pytest.mark.parametrize(
    ("operator", "value", "argument", "expected"),
    [
        ("is_timestamp_before", "2026-03-01", "2026-03-02", True),
        ("is_timestamp_before", "2026-03-02", "2026-03-02", False),
        ("is_timestamp_before", "2026-03-02T10:59+01:00", "2026-03-02T10:00Z", True),
        ("is_timestamp_on_or_after", "2026-03-02", "2026-03-02", True),
        ("is_timestamp_on_or_after", "2026-03-01", "2026-03-02", False),
        ("is_timestamp_after", "2026-03-02", "2026-03-02", False),
        ("is_timestamp_after", "2026-03-03", "2026-03-02", True),
        ("is_timestamp_before", "2026-02-28T09:29Z", "2 days ago", True),
        ("is_timestamp_before", "2026-02-28T09:30Z", "2 days ago", False),
        ("is_timestamp_on_or_after", "2026-03-02T09:45Z", "15 minutes from now", True),
        ("is_timestamp_on_or_after", "2026-03-02T09:44Z", "15 minutes from now", False),
        ("is_timestamp_before_now", "2026-03-02T09:29Z", None, True),
        ("is_timestamp_before_now", "2026-03-02T09:30Z", None, False),
        ("is_timestamp_on_or_after_now", "2026-03-02T09:30Z", None, True),
        ("is_timestamp_on_or_after_now", "2026-03-02T09:29Z", None, False),
        ("is_timestamp_before_date", "2026-03-02T23:00Z", "2026-03-02", False),
        ("is_timestamp_before_date", "2026-03-01T23:59Z", "2026-03-02T00:01Z", True),
        ("is_timestamp_on_or_after_date", "2026-03-02T08:00Z", "2026-03-02T20:00Z", True),
        ("is_timestamp_on_or_after_date", "2026-03-01", "2026-03-02", False),
        ("is_timestamp_after_date", "2026-03-02T23:00Z", "2026-03-02", False),
        ("is_timestamp_after_date", "2026-03-03", "2026-03-02", True),
        ("is_timestamp_between", "2026-03-01", ["2026-03-01", "2026-03-02"], True),
        ("is_timestamp_between", "2026-03-02", ["2026-03-01", "2026-03-02"], True),
        ("is_timestamp_between", "2026-03-02T00:00:01Z", ["2026-03-01", "2026-03-02"], False),
        ("is_timestamp_between", "2026-03-02", ["1 week ago", "now"], True),
        ("is_timestamp_between", "2026-03-02", ["1 week ago"], False),
        ("is_timestamp_between", "2026-03-02", ["soon", "now"], False),
    ],
)
def test_moments_in_time(operator: str, value: str, argument: object, expected: bool) -> None:
    assert holds(operator, value, argument) is expected


@pytest.mark.parametrize("operator", [name for name in OPERATORS if name.startswith("is_timestamp")])
@pytest.mark.parametrize("value", ["soon", None, 5, [], {}])
def test_what_is_no_timestamp_is_never_before_nor_after(operator: str, value: object) -> None:
    assert not holds(operator, value, "2026-03-02")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 days ago", "2026-02-28T09:30Z"),
        ("1 day ago", "2026-03-01T09:30Z"),
        ("30_days_ago", "2026-01-31T09:30Z"),
        ("15 minutes from now", "2026-03-02T09:45Z"),
        ("3_hours_from_now", "2026-03-02T12:30Z"),
        ("2 Weeks From Now", "2026-03-16T09:30Z"),
        ("1 month ago", "2026-02-02T09:30Z"),
        ("90 seconds from now", "2026-03-02T09:31:30Z"),
        (" now ", "2026-03-02T09:30Z"),
        ({"unit": "days", "value": 2}, "2026-03-04T09:30Z"),
        ({"unit": "days", "value": -2}, "2026-02-28T09:30Z"),
        ({"unit": "hours", "value": 3, "direction": "ago"}, "2026-03-02T06:30Z"),
        ({"unit": "hours", "value": 3, "direction": "from_now"}, "2026-03-02T12:30Z"),
        ("2026-03-05", "2026-03-05T00:00Z"),
    ],
)
def test_a_moment_may_be_written_relative_to_now(text: object, expected: str) -> None:
    assert moment_of(text, NOW) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text", ["2 days", "days ago", "-2 days ago", "2 fortnights ago", "ago", {"unit": "day"}, 5, None]
)
def test_other_values_are_no_moments(text: object) -> None:
    assert moment_of(text, NOW) is None


def test_a_moment_too_far_away_is_the_calendars_end() -> None:
    moment = moment_of("999999999 weeks from now", NOW)
    assert moment is not None
    assert moment.year == 9999


@given(values, values, st.sampled_from(sorted(OPERATORS)))
def test_no_values_make_an_operator_raise(value: Any, argument: Any, operator: str) -> None:
    assert isinstance(holds(operator, value, argument), bool)


@given(values, values, st.sampled_from(NEGATIONS))
def test_a_negation_is_true_exactly_where_the_other_is_false(value: Any, argument: Any, negation: str) -> None:
    assert holds(negation, value, argument) is not holds(negation.replace("not_", "", 1), value, argument)


def test_every_negation_is_among_the_operators() -> None:
    assert sorted(NEGATIONS) == [
        "is_not_timestamp",
        "not_contains",
        "not_contains_all",
        "not_empty",
        "not_equal_to",
        "not_exists",
    ]


@given(values, values)
def test_equality_is_symmetric_and_every_value_equals_itself(value: Any, other: Any) -> None:
    assert equal(value, other) is equal(other, value)
    assert equal(value, value)


@given(scalars | timestamps, scalars | timestamps)
def test_comparable_values_are_less_equal_or_greater_and_nothing_else(value: Any, other: Any) -> None:
    signs = [holds(name, value, other) for name in ("less_than", "greater_than")]
    if compared(value, other, NOW) is None:
        assert signs == [False, False]
    else:
        assert sum(signs) <= 1
        assert holds("less_than_or_equal_to", value, other) is not signs[1]
        assert holds("greater_than_or_equal_to", value, other) is not signs[0]


@given(st.lists(scalars, max_size=4), st.lists(scalars, min_size=1, max_size=3))
def test_containing_all_is_containing_each(value: list[Any], arguments: list[Any]) -> None:
    each = [holds("contains", value, [argument]) for argument in arguments]
    assert holds("contains_all", value, arguments) is all(each)
    assert holds("contains", value, arguments) is any(each)


@given(timestamps, timestamps)
def test_before_and_on_or_after_split_the_timestamps(value: str, argument: str) -> None:
    before = holds("is_timestamp_before", value, argument)
    assert holds("is_timestamp_on_or_after", value, argument) is not before
    assert holds("is_timestamp_after", argument, value) is before
