"""Writing one preference set, and what can be wrong with it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.preference_sets import merge_sets, part_of_set, preference_problems

OLD = {
    "categories": {"collaboration": {"channel_types": {"email": True, "in_app_feed": True}}},
    "workflows": {"a": False},
}
NEW = {"categories": {"collaboration": {"channel_types": {"email": False}}}}
MERGED = {
    "categories": {"collaboration": {"channel_types": {"email": False, "in_app_feed": True}}},
    "workflows": {"a": False},
}

sets = st.recursive(
    st.booleans() | st.lists(st.just({"variable": "x"}), max_size=1),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "channel_types", "conditions"]), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


def test_a_write_replaces_unless_told_otherwise() -> None:
    assert merge_sets(OLD, NEW) == NEW
    assert merge_sets(OLD, {**NEW, "__persistence_strategy__": "merge"}) == MERGED


def test_an_inline_write_merges_unless_told_otherwise() -> None:
    assert merge_sets(OLD, NEW, "merge") == MERGED
    assert merge_sets(OLD, {**NEW, "__persistence_strategy__": "replace"}, "merge") == NEW
    assert merge_sets(None, NEW, "merge") == NEW


def test_null_takes_a_setting_away() -> None:
    assert merge_sets(OLD, {"workflows": {"a": None, "b": True}, "channels": None}, "merge") == {
        "categories": OLD["categories"],
        "workflows": {"b": True},
    }
    assert merge_sets(OLD, {"workflows": None, "categories": {"x": None}}) == {"categories": {}}


def test_a_bool_and_an_object_take_each_others_place() -> None:
    assert merge_sets({"workflows": {"a": True}}, {"workflows": {"a": {"channel_types": {"sms": False}}}}, "merge") == {
        "workflows": {"a": {"channel_types": {"sms": False}}}
    }
    assert merge_sets(OLD, {"categories": {"collaboration": False}}, "merge")["categories"] == {"collaboration": False}


def test_conditions_are_replaced_as_a_whole() -> None:
    old = {"workflows": {"a": {"conditions": [{"variable": "x"}, {"variable": "y"}]}}}
    new = {"workflows": {"a": {"conditions": {"any": [{"variable": "z"}]}}}}
    assert merge_sets(old, new, "merge") == new


def test_a_stored_replacement_stays_until_it_is_merged_away() -> None:
    old = {"channel_types": {"__strategy__": "replace", "email": False}}
    assert merge_sets(old, {"channel_types": {"sms": True}}, "merge")["channel_types"] == {
        "__strategy__": "replace",
        "email": False,
        "sms": True,
    }
    assert merge_sets(old, {"channel_types": {"__strategy__": "merge"}}, "merge") == {"channel_types": {"email": False}}


def test_what_tells_how_to_write_is_not_stored() -> None:
    written = {"__persistence_strategy__": "merge", "__typename": "PreferenceSet", "id": "default", "channels": {}}
    assert merge_sets(None, written) == {"id": "default", "channels": {}}


@given(sets, sets)
def test_merging_twice_is_merging_once(old: dict[str, Any], new: dict[str, Any]) -> None:
    once = merge_sets(old, new, "merge")
    assert merge_sets(once, new, "merge") == once
    assert merge_sets(None, once) == once


@given(sets, sets)
def test_a_merge_leaves_its_arguments_alone(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = repr((old, new))
    merge_sets(old, new, "merge")
    assert repr((old, new)) == before


CONDITIONS = [{"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"}]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"id": "default", "workflows": None, "categories": None, "channel_types": None, "channels": None},
        {"__persistence_strategy__": "merge", "__typename": "PreferenceSet", "commercial_subscribed": True},
        {"commercial_subscribed": {"conditions": CONDITIONS}},
        {"channel_types": {"__strategy__": "replace", "email": False, "sms": {"conditions": CONDITIONS}, "push": None}},
        {"channels": {"2f641633-95d3-4555-9222-9f1eb7888a80": {"conditions": CONDITIONS}, "aef6e715": True}},
        {
            "workflows": {
                "a": {"channel_types": {"email": False}, "channels": {"x": True}, "conditions": None},
                "b": False,
            }
        },
        {"categories": {"a": {"__strategy__": "merge", "conditions": {"any": CONDITIONS}}, "b": None}},
    ],
)
def test_valid_sets_have_no_problems(document: object) -> None:
    assert list(preference_problems("", document)) == []


@pytest.mark.parametrize(
    ("document", "path", "expected"),
    [
        ([], "set", "a preference set"),
        ({"__persistence_strategy__": "append"}, "set.__persistence_strategy__", "replace, merge"),
        ({"__strategy__": "replace"}, "set.__strategy__", "no strategy here"),
        ({"category": {}}, "set.category", "such as categories"),
        ({"workflows": [1]}, "set.workflows", "an object"),
        ({"workflows": {"a": "false"}}, "set.workflows.a", "true, false, or an object"),
        ({"categories": {"a": {"channel_type": {}}}}, "set.categories.a.channel_type", "such as channel_types"),
        ({"categories": {"a": {"__strategy__": "x"}}}, "set.categories.a.__strategy__", "replace, merge"),
        ({"categories": {"a": {"conditions": 5}}}, "set.categories.a.conditions", 'an object with "all"'),
        ({"workflows": {"a": {"conditions": [{"variable": "x"}]}}}, "set.workflows.a.conditions[0].operator", "known"),
        ({"channel_types": {"emails": True}}, "set.channel_types.emails", "such as email"),
        ({"channel_types": {"email": "no"}}, "set.channel_types.email", "true, false"),
        ({"channels": {"x": {"email": True}}}, "set.channels.x", "an object with conditions"),
        ({"channels": True}, "set.channels", "an object"),
        ({"commercial_subscribed": 0}, "set.commercial_subscribed", "true, false"),
        ({"commercial_subscribed": {"conditions": [], "x": 1}}, "set.commercial_subscribed.x", "one of conditions"),
    ],
)
def test_a_problem_says_where_it_is_and_what_was_expected(document: object, path: str, expected: str) -> None:
    problems = list(preference_problems("set", document))
    assert [problem.path for problem in problems] == [path]
    assert expected in problems[0].expected


def test_a_write_of_one_part_is_a_set_with_nothing_else_in_it() -> None:
    assert part_of_set("categories", "a", False) == {"categories": {"a": False}}
    assert part_of_set("channel_types", "email", {"subscribed": True}) == {"channel_types": {"email": True}}
    assert part_of_set("workflows", None, {"a": {"subscribed": False}, "b": {"conditions": []}}) == {
        "workflows": {"a": False, "b": {"conditions": []}}
    }
    assert part_of_set("workflows", None, 1) == {"workflows": 1}
