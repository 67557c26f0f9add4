"""Conditions as documents: parsed, what they need to know, and what is wrong with them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.condition_checks import ALL_OPERATORS, condition_problems, group_problems, list_problems
from workflows.conditions import (
    Condition,
    Group,
    Required,
    is_path,
    literal,
    parse_condition,
    parse_group,
    parse_list,
    required,
)

PRO = {"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"}
PRO_CONDITION = Condition("recipient.plan", "equal_to", "pro")
SEEN = {"variable": "refs.in_app_feed_1.status", "operator": "less_than", "argument": "$message.seen"}
SEEN_CONDITION = Condition("refs.in_app_feed_1.status", "less_than", "$message.seen")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("document", [None, {}, []])
def test_no_conditions_are_no_group(document: object) -> None:
    assert parse_group(document) is None
    assert parse_list(document) is None


def test_a_group_nests_as_deep_as_it_is_written() -> None:
    document = {"any": [PRO, {"all": [PRO, {"any": [SEEN]}]}]}
    inner = Group("all", (PRO_CONDITION, Group("any", (SEEN_CONDITION,))))
    assert parse_group(document) == Group("any", (PRO_CONDITION, inner))


def test_a_plain_list_means_all_of_it() -> None:
    assert parse_list([PRO, SEEN]) == Group("all", (PRO_CONDITION, SEEN_CONDITION))


def test_a_group_may_stand_where_a_plain_list_is_usual() -> None:
    assert parse_list({"any": [PRO, SEEN]}) == Group("any", (PRO_CONDITION, SEEN_CONDITION))


@pytest.mark.parametrize(("operator", "mode"), [("and", "all"), ("or", "any")])
def test_the_form_of_a_wait_is_a_group_too(operator: str, mode: Any) -> None:
    assert parse_group({"operator": operator, "conditions": [PRO]}) == Group(mode, (PRO_CONDITION,))


def test_both_all_and_any_must_hold_when_both_are_written() -> None:
    document = {"all": [PRO], "any": [SEEN]}
    assert parse_group(document) == Group("all", (Group("all", (PRO_CONDITION,)), Group("any", (SEEN_CONDITION,))))


@pytest.mark.parametrize(
    ("argument", "kept"),
    [("5", "5"), (5, "5"), (1.5, "1.5"), (True, "true"), (["a", 1], '["a", 1]'), (None, None), ("null", "null")],
)
def test_an_argument_is_kept_as_text_whatever_it_was_written_as(argument: object, kept: str | None) -> None:
    assert parse_condition({**PRO, "argument": argument}).argument == kept


def test_an_audience_calls_its_variable_property() -> None:
    document = {"property": "recipient.plan", "operator": "equal_to", "argument": "pro"}
    assert parse_condition(document) == PRO_CONDITION


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("5.5", 5.5),
        ("true", True),
        ("null", None),
        ('"5"', "5"),
        ('["a", "b"]', ["a", "b"]),
        ("critical", "critical"),
        ("US", "US"),
        ("007", "007"),
        ("", ""),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("1e999", "1e999"),
        ("[" * 100_000, "[" * 100_000),
        ("1" * 5000, "1" * 5000),
    ],
)
def test_a_text_is_json_or_itself(text: str, value: object) -> None:
    assert literal(text) == value
    assert type(literal(text)) is type(value)


@pytest.mark.parametrize("path", ["data.dino", "recipient.address.city", "refs.wait_1.signal_variables.x", "vars.a-b"])
def test_a_known_prefix_and_a_dot_make_a_path(path: str) -> None:
    assert is_path(path)


@pytest.mark.parametrize("text", ["data", "data.", "database.name", "see data.dino", "data.x or y", "5.5", ""])
def test_other_texts_are_values(text: str) -> None:
    assert not is_path(text)


def test_what_must_be_known_is_read_off_the_whole_group() -> None:
    group = parse_group(
        {
            "any": [
                PRO,
                {"all": [SEEN, {"variable": "refs.email_1.delivery_status", "operator": "exists"}]},
                {"variable": "refs.wait_1.matched", "operator": "equal_to", "argument": "true"},
                {"variable": "recipient.id", "operator": "is_audience_member", "argument": "vips"},
                {"variable": "x", "operator": "is_not_audience_member", "argument": '["trial", "beta"]'},
            ]
        }
    )
    assert required(group) == Required(
        refs=frozenset({"in_app_feed_1", "email_1"}), audiences=frozenset({"vips", "trial", "beta"})
    )
    assert required(None) == Required(frozenset(), frozenset())


@given(json_values)
def test_parsing_takes_documents_of_any_shape(document: object) -> None:
    for group in (parse_group(document), parse_list(document)):
        assert (required(group) == Required(frozenset(), frozenset())) or group is not None
        assert group is None or group.mode in ("all", "any")


@given(json_values)
def test_checking_takes_documents_of_any_shape(document: object) -> None:
    for problem in [*group_problems("conditions", document), *list_problems("conditions", document)]:
        assert problem.path.startswith("conditions")


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"all": [PRO]},
        {"any": [PRO, {"all": [PRO, SEEN]}]},
        {"all": [{"any": [{"all": [PRO]}]}]},
        {"operator": "and", "conditions": [PRO]},
        {"all": [{"variable": "data.x", "operator": "equal_to", "argument": None}]},
        {"all": [{"variable": "data.x", "operator": "greater_than", "argument": 5}]},
        {"all": [{"variable": "data.x", "operator": "empty"}]},
        {"all": [{"variable": "data.x", "operator": "empty", "argument": None}]},
        {"all": [{"variable": "data.at", "operator": "is_timestamp_before", "argument": "2026-01-01"}]},
        {"all": [{"variable": "data.at", "operator": "is_timestamp_before", "argument": "30_days_ago"}]},
        {"all": [{"variable": "data.at", "operator": "is_timestamp_before", "argument": "data.end"}]},
        {"all": [{"variable": "data.at", "operator": "is_timestamp_before", "argument": "{{ data.end }}"}]},
        {
            "all": [
                {"variable": "data.at", "operator": "is_timestamp_between", "argument": '["2026-01-01", "data.end"]'}
            ]
        },
        {"all": [{"variable": "data.n", "operator": "is_between", "argument": [1, 5]}]},
        {"all": [{"variable": "recipient.id", "operator": "is_in_random_cohort", "argument": "12.5"}]},
        {"all": [{"variable": "refs.a.delivery_status", "operator": "equal_to", "argument": "$message.skipped"}]},
        {
            "all": [
                {"variable": "refs.a.engagement_status", "operator": "contains", "argument": "$message.seen_not_read"}
            ]
        },
    ],
)
def test_valid_conditions_have_no_problems(document: object) -> None:
    assert list(group_problems("conditions", document)) == []


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        ("x", "c", 'an object with "all" or "any"'),
        (PRO, "c", "the condition inside of a list"),
        ({"all": [PRO], "any": [PRO]}, "c", "not both"),
        ({"none": [PRO]}, "c.none", 'only "all" or "any"'),
        ({"all": PRO}, "c.all", "a list of conditions"),
        ({"all": ["x"]}, "c.all[0]", "a condition"),
        ({"any": [{"all": [{"operator": "empty"}]}]}, "c.any[0].all[0].variable", "a variable"),
        ({"all": [{**PRO, "variable": " "}]}, "c.all[0].variable", "a variable"),
        ({"all": [{**PRO, "operator": "equals_to"}]}, "c.all[0].operator", "such as equal_to"),
        ({"all": [{"variable": "x"}]}, "c.all[0].operator", "a known operator"),
        ({"all": [{**PRO, "operator": ["x"]}]}, "c.all[0].operator", "a known operator"),
        ({"all": [{"variable": "x", "operator": "equal_to"}]}, "c.all[0].argument", "an argument"),
        ({"all": [{"variable": "x", "operator": "less_than", "argument": None}]}, "c.all[0].argument", "an argument"),
        ({"all": [{**SEEN, "argument": "$message.archive"}]}, "c.all[0].argument", "$message.archived"),
        ({"all": [{**SEEN, "argument": "5"}]}, "c.all[0].argument", "a message's status"),
        ({"all": [{**PRO, "argument": "$message.seen"}]}, "c.all[0].argument", "a value"),
        ({"all": [{**PRO, "argument": "{{ data.x"}]}, "c.all[0].argument", "valid Liquid"),
        ({"all": [{**PRO, "operator": "is_timestamp_before"}]}, "c.all[0].argument", "a timestamp"),
        ({"all": [{**PRO, "operator": "is_between", "argument": [1]}]}, "c.all[0].argument", "a list of two"),
        (
            {"all": [{**PRO, "operator": "is_timestamp_between", "argument": [1, 2]}]},
            "c.all[0].argument",
            "each a time",
        ),
        ({"all": [{**PRO, "operator": "is_audience_member", "argument": 5}]}, "c.all[0].argument", "an audience's key"),
        ({"operator": "xor", "conditions": [PRO]}, "c.operator", "and, or"),
        ({"operator": "and", "conditions": [PRO], "x": 1}, "c.x", "only operator and conditions"),
    ],
)
def test_a_problem_says_where_it_is_and_what_was_expected(document: object, path: str, expected: str) -> None:
    problems = list(group_problems("c", document))
    assert [problem.path for problem in problems] == [path]
    assert expected in problems[0].expected


@pytest.mark.parametrize("percentage", ["-1", "100.1", "12.25", "x", "NaN", "Infinity", "[1]", "true"])
def test_a_cohort_needs_a_percentage(percentage: str) -> None:
    document = {"variable": "recipient.id", "operator": "is_in_random_cohort", "argument": percentage}
    assert [problem.path for problem in condition_problems("", document)] == ["argument"]


def test_a_cohort_is_about_the_recipient() -> None:
    document = {"variable": "actor.id", "operator": "is_in_random_cohort", "argument": "5"}
    assert [problem.path for problem in condition_problems("", document)] == ["variable"]


def test_all_problems_are_reported_not_only_the_first() -> None:
    document = {"any": [{"operator": "x"}, {"all": [{"variable": "y"}]}]}
    assert [problem.path for problem in group_problems("", document)] == [
        "any[0].variable",
        "any[0].operator",
        "any[1].all[0].operator",
    ]


def test_groups_may_be_twenty_deep() -> None:
    document: dict[str, Any] = {"all": [PRO]}
    for _ in range(19):
        document = {"any": [document]}
    assert list(group_problems("", document)) == []
    assert [problem.expected for problem in group_problems("", {"all": [document]})] == ["groups at most 20 deep"]


def test_every_operator_of_the_published_specifications_is_known() -> None:
    published = """equal_to not_equal_to greater_than less_than greater_than_or_equal_to less_than_or_equal_to contains
        not_contains contains_all not_contains_all empty not_empty exists not_exists is_between is_timestamp
        is_not_timestamp is_timestamp_before is_timestamp_on_or_after is_timestamp_between is_timestamp_before_now
        is_timestamp_on_or_after_now is_timestamp_before_date is_timestamp_on_or_after_date is_audience_member
        is_not_audience_member is_in_random_cohort"""
    assert set(published.split()) <= set(ALL_OPERATORS)
