from collections.abc import Callable
from typing import Any

import pytest

from workflows.scope import Scope

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
        ("actor.name", None),
        ("data.missing.at", None),
        ("renewal.at.year", None),
        ("recipient", "a key of the data"),
    ],
)
def test_a_path_is_looked_up_in_its_namespace_or_in_the_data(path: str, value: Any, make_scope: MakeScope) -> None:
    scope = make_scope(
        data={"renewal": {"at": "2026-05-01"}, "recipient": "a key of the data"},
        tenant={"plan": "pro"},
        vars={"wait": {"unit": "days", "value": 1}},
    )
    assert scope.lookup(path) == value


def test_reserved_names_win_over_keys_of_the_data(make_scope: MakeScope) -> None:
    variables = make_scope(data={"recipient": "x", "page": "y"}).variables
    assert variables["page"] == "y"
    assert variables["recipient"]["id"] == "jane"
    assert variables["data"] == {"recipient": "x", "page": "y"}


def test_an_actor_counts_as_the_only_actor(make_scope: MakeScope) -> None:
    variables = make_scope(actor={"id": "ann"}).variables
    assert (variables["actors"], variables["total_actors"]) == ([{"id": "ann"}], 1)
    assert make_scope().variables["total_actors"] == 0
