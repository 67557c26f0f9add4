"""Subscriptions: added, listed from both sides, ended, one by one and in bulk."""

from __future__ import annotations

from typing import Any

import pytest

from tests.answers import PRODUCTION, code, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine

PATH = "/v1/objects/projects/p1/subscriptions"


def add(api: CheckedClient, *recipients: Any, path: str = PATH, **body: Any) -> list[dict[str, Any]]:
    answer = api.post(path, json={"recipients": list(recipients), **body})
    assert answer.status_code == 200, answer.text
    shown: list[dict[str, Any]] = answer.json()
    return shown


def entries(api: CheckedClient, path: str = PATH, /, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(path, params=params).json()["entries"]
    return found


def who(subscriptions: list[dict[str, Any]]) -> list[str]:
    return [each["recipient"]["id"] for each in subscriptions]


def test_recipients_are_identified_and_subscribed(api: CheckedClient) -> None:
    shown = add(
        api,
        {"id": "jane", "name": "Jane"},
        "joe",
        {"id": "t1", "collection": "teams", "name": "Team"},
        properties={"role": "member"},
    )
    assert who(shown) == ["jane", "joe", "t1"]
    assert [each["recipient"]["__typename"] for each in shown] == ["User", "User", "Object"]
    assert shown[0]["recipient"]["name"] == "Jane"
    assert {each["object"]["id"] for each in shown} == {"p1"}
    assert {each["properties"]["role"] for each in shown} == {"member"}
    assert api.get("/v1/users/jane").json()["name"] == "Jane"
    assert api.get("/v1/users/joe").status_code == 200


def test_who_is_only_named_is_not_touched(api: CheckedClient) -> None:
    before = api.put("/v1/users/jane", json={"name": "Jane"}).json()
    add(api, "jane", {"id": "jane"})
    assert api.get("/v1/users/jane").json() == before


def test_given_properties_take_the_place_of_the_old_and_none_leaves_them(api: CheckedClient) -> None:
    first = add(api, "jane", properties={"a": 1})[0]
    assert add(api, "jane")[0]["properties"] == {"a": 1}
    last = add(api, "jane", properties={"b": 2})[0]
    assert last["properties"] == {"b": 2}
    assert last["inserted_at"] == first["inserted_at"]
    assert last["updated_at"] > first["updated_at"]
    assert len(entries(api)) == 1


def test_ended_subscriptions_are_answered_and_gone(api: CheckedClient) -> None:
    add(api, "jane", "joe", properties={"role": "member"})
    answer = api.request("DELETE", PATH, json={"recipients": ["joe", "nobody", "joe"]})
    assert [(each["recipient"]["id"], each["properties"]) for each in answer.json()] == [("joe", {"role": "member"})]
    assert who(entries(api)) == ["jane"]
    assert api.request("DELETE", PATH, json={"recipients": ["joe"]}).json() == []
    assert api.get("/v1/users/joe").status_code == 200


def test_subscribers_are_listed_in_pages_that_can_be_walked_both_ways(api: CheckedClient) -> None:
    add(
        api,
        *[f"u{number:02d}" for number in range(25)],
        {"id": "o", "collection": "zoo"},
        {"id": "z", "collection": "a"},
    )
    forward = [api.get(PATH, params={"page_size": 10}).json()]
    while after := forward[-1]["page_info"]["after"]:
        forward.append(api.get(PATH, params={"page_size": 10, "after": after}).json())
    back = [forward[-1]]
    while before := back[-1]["page_info"]["before"]:
        back.append(api.get(PATH, params={"page_size": 10, "before": before}).json())
    assert who([each for page in forward for each in page["entries"]]) == [
        *(f"u{number:02d}" for number in range(25)),
        "z",
        "o",
    ]
    assert [page["entries"] for page in reversed(back)] == [page["entries"] for page in forward]


def test_both_sides_can_be_listed_and_filtered(api: CheckedClient) -> None:
    for project in ("p1", "p2", "p3"):
        add(api, "jane", {"id": "t1", "collection": "teams"}, path=f"/v1/objects/projects/{project}/subscriptions")
    add(api, "joe")
    team = "/v1/objects/teams/t1/subscriptions"
    objects = [("objects[][collection]", "projects"), ("objects[][id]", "p2")]
    assert [each["object"]["id"] for each in entries(api, "/v1/users/jane/subscriptions")] == ["p1", "p2", "p3"]
    assert [each["object"]["id"] for each in entries(api, team, mode="recipient")] == ["p1", "p2", "p3"]
    assert entries(api, team) == []
    assert who(api.get(PATH, params={"recipients[]": ["joe", "nobody"]}).json()["entries"]) == ["joe"]
    for path, mode in ((team, [("mode", "recipient")]), ("/v1/users/jane/subscriptions", [])):
        found = api.get(path, params=[*mode, *objects]).json()["entries"]
        assert [each["object"]["id"] for each in found] == ["p2"]


def test_preferences_of_recipients_are_included_when_asked_for(api: CheckedClient) -> None:
    sets = {"default": {"workflows": {"a": False}}}
    add(api, {"id": "jane", "preferences": sets}, {"id": "t1", "collection": "teams", "preferences": sets})
    assert all("preferences" not in each["recipient"] for each in entries(api))
    shown = entries(api, **{"include[]": "preferences"})
    assert [each["recipient"]["preferences"]["default"]["workflows"] for each in shown] == [{"a": False}] * 2


def test_filters_of_the_near_side_are_not_heeded(api: CheckedClient) -> None:
    add(api, "jane", "joe")
    near = {"objects[][id]": "p1", "objects[][collection]": "other"}
    assert len(entries(api, **near)) == len(entries(api)) == 2
    assert entries(api, mode="recipient", **{"recipients[]": "jane"}) == entries(api, mode="recipient")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"objects[][id]": "p1"}, "objects[0].collection"),
        ({"recipients[]": [f"u{number}" for number in range(26)]}, "recipients"),
        ({"mode": "both"}, "mode"),
        ({"include[]": "messages"}, "include[0]"),
        ({"after": "cGFnZTpqYW5l"}, "after"),
        ({"before": "cGFnZTpbMSwyXQ"}, "before"),
        ({"page_size": "51"}, "page_size"),
    ],
)
def test_a_wrong_query_is_named(api: CheckedClient, params: dict[str, Any], field: str) -> None:
    assert fields(api.get(PATH, params=params)) == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "recipients"),
        ({"recipients": "jane"}, "recipients"),
        ({"recipients": ["a/b"]}, "recipients[0]"),
        ({"recipients": [7]}, "recipients[0]"),
        ({"recipients": [{"collection": "teams"}]}, "recipients[0].id"),
        ({"recipients": ["jane"], "properties": []}, "properties"),
        ({"recipients": ["jane"], "properties": {"a": "\0"}}, "properties.a"),
        ({"recipients": [f"u{number}" for number in range(101)]}, "recipients"),
    ],
)
def test_a_wrong_body_changes_nothing(api: CheckedClient, engine: Engine, body: dict[str, Any], field: str) -> None:
    assert fields(api.post(PATH, json=body)) == [field]
    assert (engine.count("subscriptions"), engine.count("recipients")) == (0, 0)


def test_users_are_no_objects_to_subscribe_to(api: CheckedClient) -> None:
    assert fields(api.post("/v1/objects/$users/jane/subscriptions", json={"recipients": ["joe"]})) == ["collection"]
    long = "x" * 257
    assert fields(api.post(f"/v1/objects/projects/{long}/subscriptions", json={"recipients": ["joe"]})) == ["object_id"]


def test_subscriptions_stay_in_their_environment_and_need_a_secret_key(api: CheckedClient) -> None:
    add(api, "jane")
    assert api.get(PATH, headers=PRODUCTION).json()["entries"] == []
    assert api.request("DELETE", PATH, json={"recipients": ["jane"]}, headers=PRODUCTION).json() == []
    assert len(entries(api)) == 1
    assert code(api.get(PATH, headers=PUBLIC)) == "incorrect_token_type"
    assert api.post(PATH, json={"recipients": []}, headers=PUBLIC).status_code == 403


def test_many_objects_get_subscribers_in_bulk(api: CheckedClient, engine: Engine) -> None:
    items: list[dict[str, Any]] = [
        {"id": f"p{each}", "recipients": [{"id": "jane", "name": "Jane"}], "properties": {"n": each}}
        for each in range(150)
    ]
    operation = api.post("/v1/objects/projects/bulk/subscriptions/add", json={"subscriptions": items}).json()
    assert (operation["status"], operation["estimated_total_rows"]) == ("queued", 150)
    engine.drain()
    done = api.get(f"/v1/bulk_operations/{operation['id']}").json()
    assert (done["status"], done["success_count"], done["name"]) == ("completed", 150, "subscriptions.add")
    assert entries(api, "/v1/objects/projects/p149/subscriptions")[0]["properties"] == {"n": 149}
    ended = [{"id": f"p{each}", "recipients": ["jane"]} for each in range(100)]
    api.post("/v1/objects/projects/bulk/subscriptions/delete", json={"subscriptions": ended})
    engine.drain()
    assert engine.count("subscriptions") == 50


def test_an_object_of_many_with_a_recipient_who_is_nobody_keeps_its_subscribers(
    api: CheckedClient, engine: Engine
) -> None:
    for each in ("p1", "p2"):
        api.post(f"/v1/objects/projects/{each}/subscriptions", json={"recipients": ["jane"]})
    ended = [{"id": "p1", "recipients": [{}, "jane"]}, {"id": "p2", "recipients": [{"id": "jane"}]}]
    path = "/v1/objects/projects/bulk/subscriptions/delete"
    operation = api.post(path, json={"subscriptions": ended}).json()
    engine.drain()
    done = api.get(f"/v1/bulk_operations/{operation['id']}").json()
    assert (done["success_count"], [each["id"] for each in done["error_items"]]) == (1, ["p1"])
    assert [each["object"]["id"] for each in entries(api, "/v1/users/jane/subscriptions")] == ["p1"]
    assert fields(api.post(path, json={"subscriptions": [{"id": "p1", "recipients": [{"id": ""}]}]})) == [
        "subscriptions[0].recipients[0].id"
    ]


def test_a_bulk_operation_has_at_most_1000_objects(api: CheckedClient, engine: Engine) -> None:
    items = [{"id": str(each), "recipients": []} for each in range(1001)]
    answer = api.post("/v1/objects/projects/bulk/subscriptions/add", json={"subscriptions": items})
    assert fields(answer) == ["subscriptions"]
    wrong = api.post(
        "/v1/objects/projects/bulk/subscriptions/add", json={"subscriptions": [{"id": "p", "recipients": [1]}]}
    )
    assert fields(wrong) == ["subscriptions[0].recipients[0]"]
    assert engine.count("bulk_operations") == 0


def test_inline_recipients_and_properties_are_held_to_the_size_of_properties(
    api: CheckedClient, engine: Engine, change_settings: Any
) -> None:
    change_settings(max_properties=100)
    long = {"id": "b", "text": "x" * 100}
    assert fields(api.post(PATH, json={"recipients": ["a", long]})) == ["recipients[1]"]
    assert fields(api.post(PATH, json={"recipients": ["a"], "properties": {"text": "x" * 100}})) == ["properties"]
    assert api.post(PATH, json={"recipients": [{"id": "b", "first": "x" * 60}]}).status_code == 200
    assert fields(api.post(PATH, json={"recipients": [{"id": "b", "second": "x" * 60}]})) == ["recipients"]
    channels = {str(number): {"tokens": ["x" * 30]} for number in range(3)}
    assert fields(api.post(PATH, json={"recipients": [{"id": "b", "channel_data": channels}]})) == ["recipients"]
    bulk = {"subscriptions": [{"id": "p1", "recipients": ["a"]}, {"id": "p2", "recipients": [long]}]}
    answer = api.post("/v1/objects/projects/bulk/subscriptions/add", json=bulk)
    assert fields(answer) == ["subscriptions[1].recipients[0]"]
    assert (engine.count("subscriptions"), engine.count("bulk_operations")) == (1, 0)
