"""Audiences: members that are given, and members that conditions choose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notify_workers import audiences, bulk_operations, resources
from notify_workers.errors import StoreUnavailable
from notify_workers.ids import channel_id
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.errors import DocumentInvalid
from workflows.recipients import USERS, Identity, Reference

PATH = "/v1/audiences/beta/members"


def member(user_id: str, tenant: str | None = None, **properties: Any) -> dict[str, Any]:
    return {"user": {"id": user_id, **properties}, "tenant": tenant}


def add(api: CheckedClient, *members: dict[str, Any], create: bool = True, path: str = PATH) -> Any:
    params = {"create_audience": "true"} if create else {}
    return api.post(path, json={"members": list(members)}, params=params)


def members(api: CheckedClient, path: str = PATH) -> list[tuple[str, str | None]]:
    return [(each["user_id"], each["tenant"]) for each in api.get(path).json()["entries"]]


def publish(key: str = "pros", **document: Any) -> None:
    with transaction() as tx:
        audiences.publish(tx, DEVELOPMENT, key, {"name": key, "type": "dynamic", **document})


def having(*conditions: tuple[str, str, str | None]) -> dict[str, Any]:
    return {
        "conditions": [
            {"property": f"recipient.{name}", "operator": operator, "argument": argument}
            for name, operator, argument in conditions
        ]
    }


PROS = [having(("plan", "equal_to", "pro"))]
DYNAMIC = "/v1/audiences/pros/members"


def test_members_are_identified_and_listed(api: CheckedClient) -> None:
    answer = add(api, member("jane", name="Jane"), member("jane", "acme"), member("joe"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert members(api) == [("jane", None), ("jane", "acme"), ("joe", None)]
    shown = api.get(PATH).json()["entries"][0]
    assert (shown["user"]["name"], shown["__typename"]) == ("Jane", "AudienceMember")
    assert api.get("/v1/users/jane").json()["name"] == "Jane"


def test_who_is_in_already_stays_since_then(api: CheckedClient, engine: Engine) -> None:
    add(api, member("jane"))
    before = api.get(PATH).json()["entries"]
    engine.advance(hours=1)
    add(api, member("jane"), member("joe"))
    assert api.get(PATH).json()["entries"][0] == before[0]


def test_an_unknown_audience_is_made_only_when_asked_for(api: CheckedClient, engine: Engine) -> None:
    answer = add(api, member("jane"), create=False)
    assert (answer.status_code, code(answer)) == (404, "resource_missing")
    assert engine.count("recipients") == 0
    assert api.get(PATH).status_code == 404
    assert api.request("DELETE", PATH, json={"members": [member("jane")]}).status_code == 404
    add(api)
    assert members(api) == []
    assert add(api, member("jane"), create=False).status_code == 204
    assert members(api) == [("jane", None)]


def test_members_are_removed_from_their_tenant_only(api: CheckedClient) -> None:
    add(api, member("jane"), member("jane", "acme"), member("joe"))
    body = {"members": [member("jane", "acme"), member("nobody")]}
    assert [api.request("DELETE", PATH, json=body).status_code for _ in range(2)] == [204, 204]
    assert members(api) == [("jane", None), ("joe", None)]
    assert api.get("/v1/users/nobody").status_code == 404


def test_members_are_listed_in_pages_that_can_be_walked_both_ways(api: CheckedClient) -> None:
    add(api, *[member(f"u{number:03d}") for number in range(105)])
    forward = [api.get(PATH).json()]
    while after := forward[-1]["page_info"]["after"]:
        forward.append(api.get(PATH, params={"after": after}).json())
    back = [forward[-1]]
    while before := back[-1]["page_info"]["before"]:
        back.append(api.get(PATH, params={"before": before}).json())
    assert [each["user_id"] for page in forward for each in page["entries"]] == [f"u{n:03d}" for n in range(105)]
    assert [page["entries"] for page in reversed(back)] == [page["entries"] for page in forward]
    assert fields(api.get(PATH, params={"after": "cGFnZTpqYW5l"})) == ["after"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "members"),
        ({"members": [{}]}, "members[0].user"),
        ({"members": [{"user": "jane"}]}, "members[0].user"),
        ({"members": [{"user": {"id": "a/b"}}]}, "members[0].user.id"),
        ({"members": [{"user": {"id": "jane", "email": 7}}]}, "members[0].user.email"),
        ({"members": [{"user": {"id": "jane"}, "tenant": 7}]}, "members[0].tenant"),
        ({"members": [{"user": {"id": "jane"}}] * 1001}, "members"),
    ],
)
def test_a_wrong_body_changes_nothing(api: CheckedClient, engine: Engine, body: dict[str, Any], field: str) -> None:
    assert fields(api.post(PATH, json=body, params={"create_audience": "true"})) == [field]
    assert fields(api.request("DELETE", PATH, json=body)) == [field]
    assert (engine.count("resources"), engine.count("recipients")) == (0, 0)


def test_a_wrong_query_is_named(api: CheckedClient) -> None:
    answer = api.post(PATH, json={"members": []}, params={"create_audience": "perhaps"})
    assert fields(answer) == ["create_audience"]
    assert fields(api.get(f"/v1/audiences/{'x' * 257}/members")) == ["key"]


def test_audiences_stay_in_their_environment_and_need_a_secret_key(api: CheckedClient) -> None:
    add(api, member("jane"))
    assert api.get(PATH, headers=PRODUCTION).status_code == 404
    assert api.get(PATH, headers=PUBLIC).status_code == 403


def test_members_of_workflows_need_no_declaration(api: CheckedClient, engine: Engine) -> None:
    step = {"ref": "join", "type": "update_audience", "settings": {"audience_key": "beta", "action": "add"}}
    engine.publish("join", [step])
    engine.trigger("join", ["jane"])
    engine.drain()
    assert members(api) == [("jane", None)]
    assert add(api, member("joe"), create=False).status_code == 204
    assert members(api) == [("jane", None), ("joe", None)]


def test_users_enter_and_leave_a_dynamic_audience_as_they_change(api: CheckedClient, engine: Engine) -> None:
    publish(segments=PROS)
    engine.drain()
    api.put("/v1/users/jane", json={"plan": "pro"})
    api.put("/v1/users/joe", json={"plan": "free"})
    assert members(api, DYNAMIC) == [("jane", None)]
    api.put("/v1/users/jane", json={"plan": "free"})
    engine.identify("joe", plan="pro")
    assert members(api, DYNAMIC) == [("joe", None)]


def test_segments_are_alternatives_of_conditions_that_all_hold(api: CheckedClient) -> None:
    publish(
        segments=[
            having(("plan", "equal_to", "pro"), ("seats", "greater_than", "5")),
            having(("vip", "equal_to", "true")),
        ]
    )
    api.put("/v1/users/a", json={"plan": "pro", "seats": 6})
    api.put("/v1/users/b", json={"plan": "pro", "seats": 5})
    api.put("/v1/users/c", json={"vip": True, "preferences": {"default": {"workflows": {"x": True}}}})
    api.put("/v1/users/d", json={})
    assert members(api, DYNAMIC) == [("a", None), ("c", None)]


def test_a_published_audience_is_evaluated_over_everybody_in_pieces(
    api: CheckedClient, engine: Engine, change_settings: Callable[..., None]
) -> None:
    change_settings(fan_out_chunk=10)
    for number in range(35):
        engine.identify(f"u{number:02d}", plan="pro" if number % 2 else "free")
    publish(segments=PROS)
    assert members(api, DYNAMIC) == []
    engine.drain()
    assert [each[0] for each in members(api, DYNAMIC)] == [f"u{number:02d}" for number in range(35) if number % 2]
    operation = engine.one("select status, estimated_total_rows, success_count from bulk_operations")
    assert tuple(operation) == ("completed", 5, 5)
    publish(segments=[having(("plan", "equal_to", "free"))])
    engine.drain()
    assert [each[0] for each in members(api, DYNAMIC)] == [f"u{number:02d}" for number in range(35) if not number % 2]


def test_an_evaluation_is_of_what_the_audience_says_when_it_runs_and_may_be_repeated(
    api: CheckedClient, engine: Engine
) -> None:
    engine.identify("jane", plan="pro")
    publish(segments=PROS)
    publish(segments=[having(("plan", "equal_to", "free"))])
    for row in engine.rows("select id from due where kind = 'bulk'"):
        bulk_operations.run(row.id)
        bulk_operations.run(row.id)
    engine.drain()
    assert members(api, DYNAMIC) == []


def test_a_user_who_is_being_written_while_an_audience_is_published_is_not_missed(
    api: CheckedClient, engine: Engine
) -> None:
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(USERS, "jane"), {"plan": "pro"}))])
        publish(segments=PROS)
        with pytest.raises(StoreUnavailable):
            engine.drain()
    assert members(api, DYNAMIC) == []
    engine.advance(minutes=1)
    assert members(api, DYNAMIC) == [("jane", None)]


def test_an_audience_is_pushed_and_pulled_as_a_file(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "there" / "audiences" / "pros" / "audience.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"name": "Pros", "type": "dynamic", "segments": PROS}, indent=3))
    engine.identify("jane", plan="pro")
    assert resources.push_library(tmp_path / "there", DEVELOPMENT) == ["pros"]
    assert resources.push_library(tmp_path / "there", DEVELOPMENT) == []
    engine.drain()
    assert engine.one("select recipient_id from audience_members").recipient_id == "jane"
    resources.pull_library(tmp_path / "new", DEVELOPMENT)
    assert (tmp_path / "new" / "audiences" / "pros" / "audience.json").read_bytes() == file.read_bytes()


def test_an_audience_that_was_not_pushed_is_pulled_with_the_servers_facts(
    api: CheckedClient, engine: Engine, tmp_path: Path
) -> None:
    add(api, member("jane"))
    resources.pull_library(tmp_path, DEVELOPMENT)
    written = json.loads((tmp_path / "audiences" / "beta" / "audience.json").read_text())
    assert (written["name"], written["type"]) == ("beta", "static")
    assert written["__readonly"] == {"environment": "development", "key": "beta"}


def test_nobody_is_in_a_dynamic_audience_that_says_nothing(api: CheckedClient, engine: Engine) -> None:
    publish(segments=[])
    engine.identify("jane")
    engine.drain()
    assert members(api, DYNAMIC) == []


def test_a_dynamic_audience_takes_no_members_from_outside(api: CheckedClient, engine: Engine) -> None:
    publish(segments=PROS)
    answer = add(api, member("jane"), path=DYNAMIC)
    assert (fields(answer), answer.json()["errors"][0]["type"]) == (["key"], "dynamic_audience")
    assert fields(api.request("DELETE", DYNAMIC, json={"members": [member("jane")]})) == ["key"]
    step = {"ref": "join", "type": "update_audience", "settings": {"audience_key": "pros", "action": "add"}}
    engine.publish("join", [step])
    engine.trigger("join", ["jane"])
    engine.drain()
    assert members(api, DYNAMIC) == []


def test_conditions_of_workflows_ask_dynamic_audiences_too(
    api: CheckedClient, engine: Engine, mail: MailServer
) -> None:
    publish(segments=PROS)
    only = {"all": [{"variable": "recipient", "operator": "is_audience_member", "argument": "pros"}]}
    engine.publish("hello", [{**email_step(), "conditions": only}])
    everybody = [{"id": each, "email": f"{each}@example.com", "plan": each} for each in ("pro", "free")]
    engine.trigger("hello", everybody)
    engine.drain()
    assert [message["To"] for message in mail.messages] == ["pro@example.com"]


def test_an_audience_that_becomes_dynamic_keeps_those_whom_it_means(api: CheckedClient, engine: Engine) -> None:
    add(api, member("jane", plan="pro"), member("jane", "acme"), member("joe"), path=DYNAMIC)
    publish(segments=PROS)
    engine.drain()
    assert members(api, DYNAMIC) == [("jane", None)]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"name": ""}, "name"),
        ({"type": "other"}, "type"),
        ({"type": "static", "segments": PROS}, "segments"),
        ({"segments": {}}, "segments"),
        ({"segments": [{}]}, "segments[0].conditions"),
        (
            {"segments": [{"conditions": [{"property": "recipient.a", "operator": "is"}]}]},
            "segments[0].conditions[0].operator",
        ),
        (
            {"segments": [{"conditions": [{"property": "data.a", "operator": "exists"}]}]},
            "segments[0].conditions[0].property",
        ),
        ({"segments": [having(("a", "equal_to", "{{ data.b }}"))]}, "segments[0].conditions[0].argument"),
        ({"segments": [having(("a", "is_audience_member", "beta"))]}, "segments[0].conditions[0].operator"),
    ],
)
def test_what_is_wrong_with_an_audience_is_named(engine: Engine, document: dict[str, Any], path: str) -> None:
    with pytest.raises(DocumentInvalid) as refused:
        publish(**document)
    assert [each.path for each in refused.value.problems] == [path]


def test_where_there_are_no_audiences_nobody_is_judged(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notify_workers.store.dynamic_audiences.reconsider", None)
    engine.identify("jane", plan="pro")
    assert engine.count("recipients") == 1


def test_a_wait_is_told_who_enters_a_dynamic_audience(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    event = {"event_type": "audience", "event_key": "enter", "audience_key": "pros"}
    wait = {"ref": "wait", "type": "wait_for_event", "settings": {"event": event, "on_match": "continue"}}
    publish(segments=PROS)
    engine.publish("hello", [wait, email_step()])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    api.put("/v1/users/jane", json={"name": "Jane"})
    engine.tick()
    assert mail.messages == []
    api.put("/v1/users/jane", json={"plan": "pro"})
    engine.tick()
    assert len(mail.messages) == 1


def test_who_is_made_by_a_preference_a_token_or_a_subscription_is_judged_too(
    api: CheckedClient, engine: Engine
) -> None:
    publish(segments=[having(("plan", "not_equal_to", "free"))])
    push = str(channel_id("push"))
    api.put("/v1/users/a/preferences/default", json={"categories": {"news": False}})
    assert api.put(f"/v1/users/b/channel_data/{push}", json={"data": {"tokens": ["t"]}}).status_code == 200
    api.post("/v1/objects/projects/p1/subscriptions", json={"recipients": ["c"]})
    add(api, member("d"))
    engine.drain()
    assert members(api, DYNAMIC) == [(each, None) for each in "abcd"]


def test_members_are_held_to_the_size_of_properties(api: CheckedClient, engine: Engine, change_settings: Any) -> None:
    change_settings(max_properties=100)
    assert fields(add(api, member("a"), member("b", text="x" * 100))) == ["members[1]"]
    assert add(api, member("a", first="x" * 60)).status_code == 204
    assert fields(add(api, member("a", second="x" * 60))) == ["members"]
    assert [row.properties for row in engine.rows("select properties from recipients")] == [{"first": "x" * 60}]
