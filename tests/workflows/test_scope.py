from collections.abc import Callable
from typing import Any

import pytest

from workflows.scope import ENTITIES, Scope

MakeScope = Callable[..., Scope]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.renewal.at", "2026-05-01"),
        ("renewal.at", "2026-05-01"),
        ("renewal", {"at": "2026-05-01"}),
        ("recipient.name", "Jane"),
        ("tenant.plan", "pro"),
        ("vars.wait", {"unit": "days", "value": 1}),
        ("workflow.key", "welcome"),
        ("refs.wait_1.matched", True),
        ("refs.wait_2.matched", None),
        ("run.total_activities", 3),
        ("run.total_actors", 2),
        ("actor.name", None),
        ("data.missing.at", None),
        ("renewal.at.year", None),
        ("recipient", "a key of the data"),
        ("", None),
        ("data.", None),
    ],
)
def test_a_path_is_looked_up_in_its_namespace_or_in_the_data(path: str, value: Any, make_scope: MakeScope) -> None:
    scope = make_scope(
        data={"renewal": {"at": "2026-05-01"}, "recipient": "a key of the data"},
        tenant={"plan": "pro"},
        vars={"wait": {"unit": "days", "value": 1}},
        workflow={"key": "welcome"},
        refs={"wait_1": {"matched": True}},
        total_activities=3,
        total_actors=2,
    )
    assert scope.lookup(path) == value


def test_reserved_names_win_over_keys_of_the_data(make_scope: MakeScope) -> None:
    variables = make_scope(data={"recipient": "x", "refs": "x", ENTITIES: "x", "page": "y"}).variables
    assert variables["page"] == "y"
    assert variables["recipient"]["id"] == "jane"
    assert (variables["refs"], variables[ENTITIES]) == ({}, {})
    assert variables["data"]["recipient"] == "x"


def test_activities_and_actors_are_shown_with_their_totals(make_scope: MakeScope) -> None:
    scope = make_scope(activities=({"id": "a"},), total_activities=7, actors=({"id": "ann"},), total_actors=2)
    shown = {name: scope.variables[name] for name in ("activities", "total_activities", "actors", "total_actors")}
    assert shown == {"activities": [{"id": "a"}], "total_activities": 7, "actors": [{"id": "ann"}], "total_actors": 2}
