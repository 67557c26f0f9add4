"""Guides as documents, and who is eligible."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from workflows.errors import DocumentInvalid
from workflows.evaluation import Facts
from workflows.guides import (
    Guide,
    Reason,
    build_guide,
    display_sequence,
    ineligible,
    managed_audience,
    parse_guide,
    rendered,
)

TYPES = {"in-app-guide": "in_app_guide", "email": "email"}
STEP = {"ref": "one", "schema_key": "banner", "schema_semver": "1.0.0", "schema_variant_key": "default"}
GUIDE = {"name": "Tour", "channel_key": "in-app-guide", "steps": [STEP]}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def parsed(**fields: Any) -> Guide:
    return parse_guide("tour", {**GUIDE, **fields}, TYPES)


def problems(**fields: Any) -> list[str]:
    with pytest.raises(DocumentInvalid) as refused:
        parsed(**fields)
    return [problem.path for problem in refused.value.problems]


def test_a_guide_is_what_its_document_says() -> None:
    guide = parsed(steps=[{**STEP, "values": {"title": "Hi {{ recipient.name }}"}}], scope="tenant", type="card")
    assert (guide.key, guide.name, guide.type, guide.channel_key) == ("tour", "Tour", "card", "in-app-guide")
    assert guide.steps[0].values == {"title": "Hi {{ recipient.name }}"}
    assert guide.is_per_tenant
    assert parsed().type == "banner"


def test_the_contracts_example_is_a_guide() -> None:
    example = {
        "activation_url_patterns": [{"directive": "allow", "pathname": "/dashboard/*"}],
        "active": True,
        "archived_at": None,
        "channel_key": "in-app-guide",
        "created_at": "2024-01-01T00:00:00Z",
        "description": "A guide to help users get started with the application",
        "environment": "development",
        "key": "getting-started",
        "name": "Getting Started Guide",
        "semver": "0.0.1",
        "sha": "1234567890",
        "steps": [{**STEP, "name": "Welcome to the App", "values": {"text_field": "value"}}],
        "tags": ["onboarding", "growth"],
        "target_audience_key": None,
        "target_property_conditions": {
            "all": [{"argument": "some_property", "operator": "equal_to", "variable": "recipient.property"}]
        },
        "type": "banner",
        "updated_at": "2024-01-01T00:00:00Z",
        "valid": True,
    }
    guide = parse_guide("getting-started", example, TYPES)
    assert guide.url_patterns == ({"directive": "allow", "pathname": "/dashboard/*"},)
    assert guide.property_conditions is not None
    assert build_guide("getting-started", example) == guide


def test_nulls_stand_for_nothing() -> None:
    names = ("description", "type", "target_audience_key", "target_property_conditions", "activation_url_patterns")
    assert parsed(**dict.fromkeys((*names, "scope", "bypass_global_group_limit"))) == parsed()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": ""}, "name"),
        ({"steps": []}, "steps"),
        ({"steps": [{**STEP, "ref": 7}]}, "steps[0].ref"),
        ({"steps": [STEP, STEP]}, "steps[1].ref"),
        ({"steps": [{**STEP, "values": {"a": ["{{ oops"]}}]}, "steps[0].values.a[0]"),
        ({"steps": [{**STEP, "values": 7}]}, "steps[0].values"),
        ({"channel_key": "email"}, "channel_key"),
        ({"channel_key": "nope"}, "channel_key"),
        ({"colour": "red"}, "colour"),
        ({"scope": "planet"}, "scope"),
        ({"activation_url_patterns": [{"pathname": "/"}]}, "activation_url_patterns[0].directive"),
        (
            {"target_property_conditions": {"all": [{"variable": "recipient.a", "operator": "is"}]}},
            "target_property_conditions.all[0].operator",
        ),
        (
            {"target_property_conditions": {"all": [{"variable": "refs.a.b", "operator": "exists"}]}},
            "target_property_conditions",
        ),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], path: str) -> None:
    assert path in problems(**fields)


@pytest.mark.parametrize("document", [None, [], "guide", {}, {"steps": 7}, {"steps": [7]}])
def test_any_document_is_a_guide_or_refused(document: Any) -> None:
    with pytest.raises(DocumentInvalid):
        parse_guide("tour", document, TYPES)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(DocumentInvalid, match="a key of 3 to 255 characters"):
        parse_guide("To ur", GUIDE, TYPES)


def test_every_audience_that_counts_is_known() -> None:
    rule = {"variable": "recipient", "operator": "is_audience_member", "argument": "beta"}
    guide = parsed(target_audience_key=managed_audience("tour"), guide_audience_conditions={"all": [rule]})
    assert guide.audiences == {"guide:tour", "beta"}


@pytest.mark.parametrize(
    ("audiences", "data", "is_active", "is_archived", "reason"),
    [
        ({"beta"}, {"a": 1}, True, False, None),
        ({"beta"}, {"a": 1}, False, True, "guide_not_active"),
        ({"beta"}, {"a": 1}, True, True, "marked_as_archived"),
        (set(), {}, True, False, "not_in_target_audience"),
        ({"beta"}, {}, True, False, "target_conditions_not_met"),
    ],
)
def test_the_first_reason_is_given(
    audiences: set[str], data: dict[str, Any], is_active: bool, is_archived: bool, reason: Reason | None
) -> None:
    rule = {"variable": "data.a", "operator": "equal_to", "argument": "1"}
    guide = parsed(target_audience_key="beta", target_property_conditions={"all": [rule]})
    facts = Facts(lambda path: data.get(path.partition(".")[2]), NOW, audiences=frozenset(audiences))
    assert ineligible(guide, facts, is_active=is_active, is_archived=is_archived) == reason


def test_every_text_is_rendered_and_nothing_else() -> None:
    values = {"a": "{{ x }}", "b": [1, None, {"c": "{{ y }}"}], "d": "plain"}
    assert rendered(values, str.upper) == {"a": "{{ X }}", "b": [1, None, {"c": "{{ Y }}"}], "d": "plain"}


@pytest.mark.parametrize(
    ("explicit", "oldest_first", "sequence"),
    [
        ([], ["a", "b"], ["a", "b"]),
        (["b"], ["a", "b", "c"], ["b", "a", "c"]),
        (["gone", "c", "c"], ["a", "c"], ["c", "a"]),
        (["a"], [], []),
    ],
)
def test_the_set_order_goes_first(explicit: list[str], oldest_first: list[str], sequence: list[str]) -> None:
    assert display_sequence(explicit, oldest_first) == sequence
