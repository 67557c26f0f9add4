"""Recipients of a simulated world are kept as the engine's database keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.recipients import Reference, deep_merge, entity, reference
from workflows.simulate.recipients import stored


def test_maps_are_ordered_as_the_database_orders_them() -> None:
    assert list(stored({"long": 1, "b": {"zz": 1, "y": 2}, "a": 3, "ä": 4})) == ["a", "b", "ä", "long"]
    assert list(stored([{"zz": 1, "y": 2}])[0]) == ["y", "zz"]


@pytest.mark.parametrize(("value", "known"), [(1.0, float), (1e16, int), (1e300, int), (0.5, float)])
def test_numbers_are_read_again_as_the_database_writes_them(value: float, known: type) -> None:
    assert type(stored(value)) is known
    assert stored(value) == value


def test_maps_are_merged_deeply_and_everything_else_is_replaced() -> None:
    old: dict[str, Any] = {"a": {"b": 1, "c": [1]}, "d": 1}
    assert deep_merge(old, {"a": {"c": [2], "e": None}, "d": {"f": 1}}) == {
        "a": {"b": 1, "c": [2], "e": None},
        "d": {"f": 1},
    }


def test_a_recipient_is_an_id_or_an_entity() -> None:
    assert reference("ann") == reference({"id": "ann"}) == Reference("$users", "ann")
    assert entity(reference({"id": "p1", "collection": "projects"}), None) == {"id": "p1", "collection": "projects"}
