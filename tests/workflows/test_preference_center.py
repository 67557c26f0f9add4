"""The switches of the preference centre, and what switching them means."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workflows.preference_center import CHANNEL_TYPES, Path, is_on, rows, switched
from workflows.preference_sets import merge_sets, preference_problems
from workflows.preferences import effective
from workflows.scope import Preferences

CONFIG: dict[str, Any] = {
    "rows": [
        {"type": "category", "identifier": "a", "name": "A", "channel_types": list(CHANNEL_TYPES)},
        {"type": "category", "identifier": "b", "name": "B"},
        {"type": "workflow", "identifier": "w", "name": "W", "channel_types": ["email", "sms"]},
        {"type": "channel", "identifier": "c", "name": "C"},
        {"type": "channel_types", "name": "T", "channel_types": ["email", "push"]},
        {"type": "commercial_subscribed", "name": "News"},
    ]
}
conditions = st.just({"conditions": [{"variable": "data.x", "operator": "exists"}]})
settings = st.booleans() | conditions
types = st.dictionaries(st.sampled_from(["email", "sms", "push"]), settings)
entries = settings | st.fixed_dictionaries({"channel_types": types})
sets = st.fixed_dictionaries(
    {},
    optional={
        "categories": st.dictionaries(st.sampled_from(["a", "b"]), entries),
        "workflows": st.dictionaries(st.just("w"), entries),
        "channels": st.dictionaries(st.just("c"), settings),
        "channel_types": types,
        "commercial_subscribed": settings,
    },
)


def standing(preferences: dict[str, Any]) -> dict[Path, bool]:
    return {switch.path: switch.is_on for row in rows(CONFIG, preferences) for switch in row.switches}


@given(sets, sets, st.data())
def test_what_is_switched_stands_so_afterwards_and_all_the_rest_as_before(
    own: dict[str, Any], environment: dict[str, Any], data: st.DataObject
) -> None:
    def seen(stored: dict[str, Any]) -> dict[str, Any]:
        return effective(Preferences(recipient=stored, environment=environment))

    before = standing(seen(own))
    chosen = data.draw(st.sets(st.sampled_from(sorted(before))))
    changes = {path: not before[path] for path in chosen}
    written = switched(seen(own), changes)
    assert list(preference_problems("", written)) == []
    assert standing(seen(merge_sets(own, written, "merge"))) == {**before, **changes}


def test_a_setting_that_is_off_is_off_for_everything_below_it() -> None:
    assert is_on({"categories": {"a": {"conditions": []}}}, ("categories", "a", "channel_types", "email"))
    assert not is_on({"categories": {"a": False}}, ("categories", "a", "channel_types", "email"))
    assert is_on({}, ("commercial_subscribed",))
