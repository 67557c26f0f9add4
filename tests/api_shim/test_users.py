"""Users: identify, get, list, delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.answers import PRODUCTION, code, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer


def put(api: CheckedClient, user_id: str = "jane", **properties: Any) -> dict[str, Any]:
    answer = api.put(f"/v1/users/{quote(user_id, safe='')}", json=properties)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def test_a_user_is_shown_with_every_known_property_and_the_custom_ones_beside_them(api: CheckedClient) -> None:
    shown = put(api, name="Jane", email="jane@example.com", locale="de-DE", plan={"name": "pro", "seats": [1, 2]})
    assert shown.pop("updated_at")
    assert shown == {
        "__typename": "User",
        "id": "jane",
        "name": "Jane",
        "email": "jane@example.com",
        "phone_number": None,
        "avatar": None,
        "timezone": None,
        "created_at": None,
        "locale": "de-DE",
        "plan": {"name": "pro", "seats": [1, 2]},
    }


def test_only_what_is_sent_changes_and_maps_are_merged_deeply(api: CheckedClient) -> None:
    put(api, name="Jane", plan={"name": "pro", "limits": {"seats": 5, "teams": 1}}, tags=["a"])
    put(api, plan={"limits": {"seats": 7}}, tags=["b"])
    shown = put(api)
    assert shown["name"] == "Jane"
    assert shown["plan"] == {"name": "pro", "limits": {"seats": 7, "teams": 1}}
    assert shown["tags"] == ["b"]


def test_null_takes_a_value_away(api: CheckedClient) -> None:
    put(api, name="Jane", plan={"name": "pro"}, team={"id": 1})
    shown = put(api, name=None, plan=None, team={"id": None})
    assert (shown["name"], shown["plan"], shown["team"]) == (None, None, {"id": None})
    assert put(api, plan={"name": "new"})["plan"] == {"name": "new"}


def test_what_was_put_is_what_is_got(api: CheckedClient) -> None:
    assert api.get("/v1/users/jane").status_code == 404
    shown = put(api, name="Jane", score=10**30)
    assert api.get("/v1/users/jane").json() == shown
    assert api.get("/v1/users/jane", headers=PUBLIC).json() == shown
    assert code(api.get("/v1/users/joe")) == "resource_missing"


def test_the_applications_own_date_is_kept_and_ours_moves(api: CheckedClient) -> None:
    first = put(api, created_at="2020-01-31T13:00:00+01:00")
    assert first["created_at"] == "2020-01-31T12:00:00Z"
    second = put(api, name="Jane")
    assert second["created_at"] == first["created_at"]
    assert second["updated_at"] > first["updated_at"]


def test_preferences_and_channel_data_are_kept_apart_from_the_properties(api: CheckedClient, engine: Engine) -> None:
    put(api, preferences={"default": {"workflows": {"a": True}}}, channel_data={"c": {"tokens": ["1"]}})
    shown = put(api, preferences={"default": {"workflows": {"b": False}}}, channel_data={"d": {"tokens": []}})
    assert not {"preferences", "channel_data"} & shown.keys()
    stored = engine.one("select preferences, channel_data from recipients")
    assert stored.preferences == {"default": {"workflows": {"a": True, "b": False}}}
    assert stored.channel_data == {"c": {"tokens": ["1"]}, "d": {"tokens": []}}


def test_no_property_takes_the_place_of_ours(api: CheckedClient) -> None:
    spoofed: dict[str, Any] = {
        "__typename": "Admin",
        "id": "joe",
        "updated_at": "never",
        "typename": "kept",
        "model_config": 1,
    }
    shown = put(api, **spoofed)
    assert (shown["__typename"], shown["id"]) == ("User", "jane")
    assert shown["updated_at"] != "never"
    assert (shown["typename"], shown["model_config"]) == ("kept", 1)
    assert api.get("/v1/users").json()["entries"] == [shown]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_a_custom_property_may_have_any_name(api: CheckedClient, name: str) -> None:
    shown = put(api, **{name: "value"}) if name not in KNOWN else {name: "value"}
    assert shown[name] == "value"


KNOWN = {"name", "id", "created_at", "updated_at", "preferences", "channel_data", "collection", "$trigger_data"}


IDS = ["jane@example.com", "Zoë K.", "日本語", "a+b=c&d?e", "'\";--", "x" * 256, " ", "𝄞" * 256, "a:b|c,d"]


def test_a_users_id_may_be_nearly_anything(api: CheckedClient) -> None:
    assert [put(api, each)["id"] for each in IDS] == IDS
    assert [api.get(f"/v1/users/{quote(each, safe='')}").json()["id"] for each in IDS] == IDS
    assert api.get("/v1/users/jane@example.com").json()["id"] == "jane@example.com"
    assert {user["id"] for user in api.get("/v1/users").json()["entries"]} == set(IDS)


def test_a_users_id_has_at_most_256_characters_and_no_number_sign(api: CheckedClient) -> None:
    for wrong in ("x" * 257, "a%23b"):
        answers = [api.request(method, f"/v1/users/{wrong}", json={}) for method in ("PUT", "GET", "DELETE")]
        assert [fields(answer) for answer in answers] == [["user_id"]] * 3


def test_each_wrong_property_is_named(api: CheckedClient, engine: Engine) -> None:
    known = dict.fromkeys(("name", "email", "phone_number", "avatar", "locale", "timezone", "created_at"), 7)
    wrong = {**known, "preferences": [], "channel_data": {"c": "token"}}
    answer = api.put("/v1/users/jane", json=wrong)
    assert fields(answer) == [*known, "preferences", "channel_data.c"]
    assert engine.count("recipients") == 0


def test_without_a_body_the_query_says_the_properties(api: CheckedClient) -> None:
    answer = api.put("/v1/users/jane?name=Jane&plan[name]=pro&plan[tags][]=a")
    assert (answer.json()["name"], answer.json()["plan"]) == ("Jane", {"name": "pro", "tags": ["a"]})
    assert api.put("/v1/users/jane?name=Joe", json={}).json()["name"] == "Jane"
    assert fields(api.put("/v1/users/jane?name[]=x")) == ["name"]


def test_the_properties_of_a_user_have_256_kilobytes_at_most(api: CheckedClient) -> None:
    most = 256 * 1024 - len('{"text":""}')
    assert len(put(api, text="x" * most)["text"]) == most
    for body in ({"text": "x" * (most + 1)}, {"more": 1}):
        answer = api.put("/v1/users/jane", json=body)
        assert (fields(answer), answer.json()["errors"][0]["type"]) == (["body"], "too_large")
    assert api.put("/v1/users/joe", content=iter([b'{"a": "', b"x" * 256 * 1024, b'"}'])).status_code == 422
    assert "more" not in api.get("/v1/users/jane").json()
    assert api.get("/v1/users/joe").status_code == 404


def test_users_are_listed_by_id_in_pages_that_can_be_walked_both_ways(api: CheckedClient, engine: Engine) -> None:
    for number in range(105):
        engine.identify(f"user-{number:03d}", number=number)
    forward = [api.get("/v1/users").json()]
    while after := forward[-1]["page_info"]["after"]:
        forward.append(api.get("/v1/users", params={"after": after}).json())
    back = [forward[-1]]
    while before := back[-1]["page_info"]["before"]:
        back.append(api.get("/v1/users", params={"before": before}).json())
    assert [len(page["entries"]) for page in forward] == [50, 50, 5]
    assert [user["number"] for page in forward for user in page["entries"]] == list(range(105))
    assert [page["entries"] for page in reversed(back)] == [page["entries"] for page in forward]


def test_users_stay_in_their_environment(api: CheckedClient) -> None:
    put(api)
    assert api.get("/v1/users", headers=PRODUCTION).json()["entries"] == []
    assert api.delete("/v1/users/jane", headers=PRODUCTION).status_code == 204
    assert api.get("/v1/users/jane").status_code == 200


def test_objects_and_tenants_are_no_users(api: CheckedClient, welcome: Engine) -> None:
    trigger(api, recipients=[{"id": "1", "collection": "projects"}], tenant="acme", actor={"id": "joe"})
    welcome.drain()
    assert [user["id"] for user in api.get("/v1/users").json()["entries"]] == ["joe"]
    assert api.get("/v1/users/1").status_code == 404


def test_a_user_can_be_deleted_twice(api: CheckedClient) -> None:
    put(api, name="Jane")
    answers = [api.delete("/v1/users/jane") for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert api.get("/v1/users/jane").status_code == 404
    assert put(api)["name"] is None


def test_what_waits_for_a_user_stops_when_the_user_is_deleted(
    api: CheckedClient, engine: Engine, mail: MailServer
) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    trigger(api, "invite", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    api.delete("/v1/users/jane")
    assert engine.statuses() == {"cancelled": 1}
    engine.advance(days=4)
    assert mail.subjects() == []
    assert engine.statuses() == {}


def test_messages_of_a_deleted_user_are_gone_within_moments(api: CheckedClient, welcome: Engine) -> None:
    trigger(api, recipients=[{"id": "jane", "email": "jane@example.com"}, {"id": "joe", "email": "joe@example.com"}])
    welcome.drain()
    ids = {each["recipient"]: each["id"] for each in api.get("/v1/messages").json()["items"]}
    api.delete("/v1/users/jane")
    welcome.drain()
    assert [each["id"] for each in api.get("/v1/messages").json()["items"]] == [ids["joe"]]
    assert api.get(f"/v1/messages/{ids['jane']}").status_code == 404
    assert [each["recipient"] for each in api.get("/v1/workflow_recipient_runs").json()["items"]] == ["joe"]


def test_preferences_are_shown_in_lists_where_they_are_asked_for(api: CheckedClient) -> None:
    put(api, preferences={"default": {"categories": {"news": False}}, "acme": {"channel_types": {"sms": True}}})
    (plain,) = api.get("/v1/users").json()["entries"]
    (shown,) = api.get("/v1/users?include[]=preferences").json()["entries"]
    assert "preferences" not in plain
    assert {name: each["id"] for name, each in shown["preferences"].items()} == {"default": "default", "acme": "acme"}
    assert shown["preferences"]["default"]["categories"] == {"news": False}
    assert api.get("/v1/users?include=preferences").json()["entries"] == [shown]
    assert fields(api.get("/v1/users?include[]=messages")) == ["include[0]"]


def test_inline_preferences_are_merged_by_their_own_rules(api: CheckedClient, engine: Engine) -> None:
    put(api, preferences={"default": {"categories": {"a": False, "b": False}}})
    put(api, preferences={"default": {"categories": {"a": None, "c": {"channel_types": {"sms": False}}}}})
    wanted: dict[str, Any] = {"categories": {"b": False, "c": {"channel_types": {"sms": False}}}}
    assert engine.one("select preferences from recipients").preferences == {"default": wanted}
    put(api, preferences={"default": {"workflows": {"w": False}, "__persistence_strategy__": "replace"}})
    assert engine.one("select preferences from recipients").preferences == {"default": {"workflows": {"w": False}}}


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"default": {"categories": {"a": "no"}}}, "preferences.default"),
        ({"default": {"topics": {}}}, "preferences.default"),
        ({"default": 5}, "preferences.default"),
        ({"default": {"channel_types": {"pigeon": True}}}, "preferences.default"),
        ({"x" * 257: {}}, f"preferences.{'x' * 257}.[key]"),
        ("none", "preferences"),
    ],
)
def test_preferences_that_are_none_are_refused_wherever_they_stand(api: CheckedClient, said: Any, field: str) -> None:
    assert fields(api.put("/v1/users/jane", json={"preferences": said})) == [field]
    assert fields(trigger(api, recipients=[{"id": "jane", "preferences": said}])) == [f"recipients[0].{field}"]
    users = {"users": [{"id": "joe"}, {"id": "jane", "preferences": said}]}
    assert fields(api.post("/v1/users/bulk/identify", json=users)) == [f"users[1].{field}"]
    assert api.get("/v1/users").json()["entries"] == []


def test_what_a_step_stored_is_shown_whatever_it_is(api: CheckedClient, engine: Engine) -> None:
    engine.identify("jane", name=5, email=["x"], phone_number={}, avatar=True, timezone=1.5, locale=7, created="x")
    shown = api.get("/v1/users/jane").json()
    known = ("name", "email", "phone_number", "avatar", "timezone")
    assert [shown[each] for each in known] == [None] * 5
    assert (shown["locale"], shown["created"]) == (7, "x")
    assert api.get("/v1/users").json()["entries"] == [shown]


def test_users_are_identified_and_deleted_in_bulk(api: CheckedClient, engine: Engine) -> None:
    users = [{"id": f"u{number}", "name": f"User {number}", "created_at": "2020-01-01"} for number in range(5)]
    users.append({"id": "u0", "email": "u0@example.com"})
    begun = api.post("/v1/users/bulk/identify", json={"users": users}).json()
    assert (begun["name"], begun["status"], begun["estimated_total_rows"]) == ("users.identify", "queued", 6)
    engine.drain()
    assert api.get(f"/v1/bulk_operations/{begun['id']}").json()["status"] == "completed"
    shown = api.get("/v1/users/u0").json()
    assert (shown["name"], shown["email"], shown["created_at"]) == ("User 0", "u0@example.com", "2020-01-01T00:00:00Z")
    begun = api.post("/v1/users/bulk/delete", json={"user_ids": ["u0", "u4", "nobody"]}).json()
    engine.drain()
    assert api.get(f"/v1/bulk_operations/{begun['id']}").json()["success_count"] == 3
    assert [each["id"] for each in api.get("/v1/users").json()["entries"]] == ["u1", "u2", "u3"]


def test_a_bulk_operation_has_limits(api: CheckedClient, engine: Engine, change_settings: Any) -> None:
    put(api, text="x" * 600)
    change_settings(max_bulk=2, max_properties=1000)
    assert fields(api.post("/v1/users/bulk/identify", json={"users": [{"id": "a"}] * 3})) == ["users"]
    assert fields(api.post("/v1/users/bulk/delete", json={"user_ids": ["a"] * 3})) == ["user_ids"]
    assert fields(api.post("/v1/users/bulk/identify", json={"users": [{"id": "a", "t": "x" * 1000}]})) == ["users[0]"]
    assert fields(api.post("/v1/users/bulk/delete", json={"user_ids": ["a/b"]})) == ["user_ids[0]"]
    begun = api.post("/v1/users/bulk/identify", json={"users": [{"id": "jane", "t": "x" * 600}, {"id": "joe"}]}).json()
    engine.drain()
    shown = api.get(f"/v1/bulk_operations/{begun['id']}").json()
    assert [each["id"] for each in shown["error_items"]] == ["jane"]
    assert [each["id"] for each in api.get("/v1/users").json()["entries"]] == ["jane", "joe"]


def test_without_postgresql_nothing_is_known_of_users(api: CheckedClient, no_database: Callable[[], None]) -> None:
    no_database()
    answers = [api.request(method, "/v1/users/jane", json={}) for method in ("PUT", "GET", "DELETE")]
    assert {(each.status_code, code(each)) for each in [*answers, api.get("/v1/users")]} == {(503, "unavailable")}
    assert {each.headers["retry-after"] for each in answers} == {"1"}
    assert not any("nonexistent" in each.text for each in answers)
