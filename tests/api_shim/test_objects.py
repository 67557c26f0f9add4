"""Objects: set, get, list, delete, and the same in bulk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.answers import PRODUCTION, code, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine

P1 = "/v1/objects/projects/p1"


def put(api: CheckedClient, path: str = P1, **said: Any) -> dict[str, Any]:
    answer = api.put(path, json=said)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def ids(api: CheckedClient, **query: Any) -> list[str]:
    return [each["id"] for each in api.get("/v1/objects/projects", params=query).json()["entries"]]


def test_an_object_has_its_properties_apart(api: CheckedClient) -> None:
    shown = put(api, name="One", plan={"seats": 5}, created_at="2020-01-31T13:00:00+01:00", id="x", collection="y")
    assert shown.pop("updated_at")
    assert shown == {
        "__typename": "Object",
        "id": "p1",
        "collection": "projects",
        "properties": {"name": "One", "plan": {"seats": 5}},
        "created_at": "2020-01-31T12:00:00Z",
    }


def test_only_what_is_sent_changes_and_null_is_kept(api: CheckedClient) -> None:
    put(api, name="One", plan={"seats": 5, "name": "pro"})
    shown = put(api, name=None, plan={"seats": 7})
    assert shown["properties"] == {"name": None, "plan": {"seats": 7, "name": "pro"}}
    assert api.get(P1).json() == shown


def test_an_unknown_object_is_not_found_and_deleting_it_is_no_error(api: CheckedClient) -> None:
    assert code(api.get(P1)) == "resource_missing"
    put(api)
    assert [api.delete(P1).status_code for _ in range(2)] == [204, 204]
    assert api.get(P1).status_code == 404


def test_objects_belong_to_a_collection_and_an_environment(api: CheckedClient) -> None:
    put(api)
    put(api, "/v1/objects/teams/p1")
    api.delete("/v1/objects/teams/p1")
    assert api.get(P1, headers=PRODUCTION).status_code == 404
    assert ids(api) == ["p1"]


def test_objects_are_listed_page_by_page_both_ways(api: CheckedClient) -> None:
    for name in "edcba":
        put(api, f"/v1/objects/projects/{name}")
    first = api.get("/v1/objects/projects", params={"page_size": 2}).json()
    assert [each["id"] for each in first["entries"]] == ["a", "b"]
    second = api.get("/v1/objects/projects", params={"page_size": 2, "after": first["page_info"]["after"]}).json()
    assert [each["id"] for each in second["entries"]] == ["c", "d"]
    assert ids(api, page_size=2, before=second["page_info"]["before"]) == ["a", "b"]


def test_preferences_are_shown_where_they_are_asked_for(api: CheckedClient) -> None:
    put(api, preferences={"default": {"categories": {"news": False}}})
    (plain,) = api.get("/v1/objects/projects").json()["entries"]
    (shown,) = api.get("/v1/objects/projects?include[]=preferences").json()["entries"]
    assert "preferences" not in plain
    assert shown["preferences"]["default"]["categories"] == {"news": False}
    assert fields(api.get("/v1/objects/projects?include[]=everything")) == ["include[0]"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": 5}, "name"),
        ({"timezone": ["UTC"]}, "timezone"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"preferences": {"default": {"workflows": {"a": "yes"}}}}, "preferences.default"),
        ({"preferences": {"default": None}}, "preferences.default"),
        ({"preferences": []}, "preferences"),
        ({"channel_data": {"c": "token"}}, "channel_data.c"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_field(api: CheckedClient, said: dict[str, Any], field: str) -> None:
    assert fields(api.put(P1, json=said)) == [field]
    assert fields(api.post("/v1/objects/projects/bulk/set", json={"objects": [{"id": "a"}, {"id": "p1", **said}]})) == [
        f"objects[1].{field}"
    ]
    assert api.get(P1).status_code == 404


def test_collections_with_a_dollar_are_nobodys(api: CheckedClient) -> None:
    for path in ("/v1/objects/$users/jane", "/v1/objects/$other/x"):
        assert [fields(api.request(each, path, json={})) for each in ("GET", "PUT", "DELETE")] == [["collection"]] * 3
    assert fields(api.get("/v1/objects/$tenants")) == ["collection"]
    assert fields(api.post("/v1/objects/$users/bulk/delete", json={"object_ids": ["jane"]})) == ["collection"]
    assert fields(api.put("/v1/objects/projects/" + "x" * 257, json={})) == ["id"]
    assert fields(api.put(f"/v1/objects/{'x' * 257}/p1", json={})) == ["collection"]


def test_a_tenant_is_an_object_by_its_id(api: CheckedClient) -> None:
    path = "/v1/objects/$tenants/acme"
    put(api, path, name="Acme", settings={"preference_set": {"categories": {"news": False}}})
    assert api.get("/v1/tenants/acme").json()["settings"]["preference_set"]["categories"] == {"news": False}
    assert api.get(path).json()["properties"]["name"] == "Acme"
    assert fields(api.put(path, json={"settings": "none"})) == ["settings"]
    assert api.delete(path).status_code == 204
    assert api.get("/v1/tenants/acme").status_code == 404


def test_a_public_key_has_no_business_here(api: CheckedClient) -> None:
    paths = [("GET", P1), ("PUT", P1), ("DELETE", P1), ("GET", "/v1/objects/projects")]
    paths += [("POST", f"/v1/objects/projects/bulk/{each}") for each in ("set", "delete")]
    assert {api.request(method, path, json={}, headers=PUBLIC).status_code for method, path in paths} == {403}


def test_many_are_set_and_deleted_in_bulk(api: CheckedClient, engine: Engine) -> None:
    objects = [{"id": f"p{number}", "name": f"Number {number}", "created_at": "2020-01-01"} for number in range(5)]
    begun = api.post("/v1/objects/projects/bulk/set", json={"objects": objects}).json()
    assert (begun["name"], begun["status"], begun["estimated_total_rows"]) == ("objects.set", "queued", 5)
    engine.drain()
    assert api.get(f"/v1/bulk_operations/{begun['id']}").json()["success_count"] == 5
    assert api.get("/v1/objects/projects/p3").json()["properties"] == {"name": "Number 3"}
    assert api.get("/v1/objects/projects/p3").json()["created_at"] == "2020-01-01T00:00:00Z"
    api.post("/v1/objects/projects/bulk/delete", json={"object_ids": ["p0", "p1", "nobody"]})
    engine.drain()
    assert ids(api) == ["p2", "p3", "p4"]


def test_a_bulk_operation_names_what_would_become_too_large(
    api: CheckedClient, engine: Engine, change_settings: Any
) -> None:
    put(api, text="x" * 600)
    change_settings(max_properties=1000)
    assert fields(api.post("/v1/objects/projects/bulk/set", json={"objects": [{"id": "p1", "a": "x" * 1001}]})) == [
        "objects[0]"
    ]
    objects = [{"id": "p1", "more": "x" * 600}, {"id": "p2"}]
    begun = api.post("/v1/objects/projects/bulk/set", json={"objects": objects}).json()
    engine.drain()
    shown = api.get(f"/v1/bulk_operations/{begun['id']}").json()
    assert (shown["error_items"], shown["success_count"]) == ([{"id": "p1", "collection": "projects"}], 1)
    assert "more" not in api.get(P1).json()["properties"]


def test_a_bulk_operation_has_a_limit(api: CheckedClient, change_settings: Any) -> None:
    change_settings(max_bulk=2)
    assert fields(api.post("/v1/objects/projects/bulk/set", json={"objects": [{"id": "a"}] * 3})) == ["objects"]
    assert fields(api.post("/v1/objects/projects/bulk/delete", json={"object_ids": ["a"] * 3})) == ["object_ids"]
    assert fields(api.post("/v1/objects/projects/bulk/delete", json={})) == ["object_ids"]


def test_what_a_step_stored_is_shown_whatever_it_is(api: CheckedClient, welcome: Engine) -> None:
    trigger(api, recipients=[{"id": "p1", "collection": "projects", "name": {"odd": 1}}])
    welcome.drain()
    assert api.get(P1).json()["properties"] == {"name": {"odd": 1}}
