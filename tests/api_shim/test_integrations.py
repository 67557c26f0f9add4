"""Census and Hightouch."""

from __future__ import annotations

from typing import Any

from tests.answers import code, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine

CENSUS, HIGHTOUCH = "/v1/integrations/census/custom-destination", "/v1/integrations/hightouch/embedded-destination"


def call(api: CheckedClient, method: str, params: dict[str, Any] | None = None, path: str = CENSUS) -> dict[str, Any]:
    answer = api.post(path, json={"jsonrpc": "2.0", "id": "7", "method": method, "params": params or {}})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["id"], body["jsonrpc"]) == ("7", "2.0")
    return body


def sync(api: CheckedClient, kind: str, *records: Any, operation: str = "upsert") -> list[dict[str, Any]]:
    plan = {"object": {"object_api_name": kind, "label": ""}, "operation": operation, "schema": {}}
    results: list[dict[str, Any]] = call(api, "sync_batch", {"sync_plan": plan, "records": list(records)})["result"][
        "record_results"
    ]
    return results


def test_census_learns_what_there_is(api: CheckedClient) -> None:
    assert call(api, "test_connection")["result"] == {"success": True}
    objects = [each["object_api_name"] for each in call(api, "list_objects")["result"]["objects"]]
    assert objects == ["user", "tenant", "object", "audience_member"]
    for each in objects:
        found = call(api, "list_fields", {"object": {"object_api_name": each}})["result"]["fields"]
        assert sum(field["identifier"] and field["required"] for field in found) == 1
    operations = call(api, "supported_operations", {"object": {"object_api_name": "user"}})["result"]["operations"]
    assert operations == ["upsert", "insert", "update"]
    assert call(api, "get_sync_speed")["result"]["maximum_batch_size"] == 100


def test_census_records_become_users_and_each_has_its_own_result(api: CheckedClient) -> None:
    jane = {"id": "jane", "email": "jane@example.com", "plan": "pro", "created_at": "2021-03-29T16:32:23Z"}
    results = sync(
        api, "user", jane, {"id": "a/b"}, {"id": "joe", "created_at": "never"}, {"id": 7, "name": "Seven"}, 8
    )
    assert [each["success"] for each in results] == [True, False, False, True, False]
    assert [each.get("identifier") for each in results] == ["jane", "a/b", "joe", 7, None]
    assert "must not contain" in results[1]["error_message"]
    known = api.get("/v1/users/jane").json()
    assert (known["email"], known["plan"], known["created_at"]) == ("jane@example.com", "pro", "2021-03-29T16:32:23Z")
    assert [user["id"] for user in api.get("/v1/users").json()["entries"]] == ["7", "jane"]


def test_inserts_and_updates_leave_out_what_they_are_not_for(api: CheckedClient) -> None:
    sync(api, "user", {"id": "jane", "name": "Jane"})
    sync(api, "user", {"id": "jane", "name": "Again"}, {"id": "joe", "name": "Joe"}, operation="insert")
    sync(api, "user", {"id": "joe", "name": "Joseph"}, {"id": "ann", "name": "Ann"}, operation="update")
    names = {each["id"]: each["name"] for each in api.get("/v1/users").json()["entries"]}
    assert names == {"jane": "Jane", "joe": "Joseph"}
    sync(api, "user", {"id": "joe"}, operation="delete")
    assert api.get("/v1/users/joe").status_code == 404


def test_tenants_objects_and_members_come_in_too(api: CheckedClient, engine: Engine) -> None:
    assert sync(api, "tenant", {"id": "acme", "name": "Acme"})[0]["success"]
    assert sync(api, "object", {"id": 1, "collection": "projects", "name": "One"})[0]["success"]
    assert not sync(api, "object", {"id": 1, "collection": "$users"})[0]["success"]
    member = {"user_id": "jane", "audience": "vips"}
    assert "no audience" in sync(api, "audience_member", member)[0]["error_message"]
    api.post(
        "/v1/audiences/vips/members", json={"members": [{"user": {"id": "joe"}}]}, params={"create_audience": "true"}
    )
    assert sync(api, "audience_member", member)[0]["success"]
    assert {row.recipient_id for row in engine.rows("select recipient_id from audience_members")} == {"jane", "joe"}
    sync(api, "audience_member", member, operation="delete")
    assert {row.recipient_id for row in engine.rows("select recipient_id from audience_members")} == {"joe"}
    assert api.get("/v1/tenants/acme").json()["name"] == "Acme"
    assert api.get("/v1/objects/projects/1").json()["properties"] == {"name": "One"}


def test_what_the_protocol_does_not_know_is_its_own_error(api: CheckedClient, engine: Engine) -> None:
    assert call(api, "dance")["error"]["code"] == -32601
    user = {"object": {"object_api_name": "user"}, "operation": "upsert"}
    wrong: list[dict[str, Any]] = [
        {},
        {"sync_plan": 7},
        {"sync_plan": {"object": "car"}},
        {"sync_plan": {**user, "operation": "dance"}, "records": []},
        {"sync_plan": user, "records": {}},
        {"sync_plan": user, "records": [{"id": "u"}] * 1001},
    ]
    for params in wrong:
        answer = call(api, "sync_batch", params)
        assert (answer["error"]["code"], "result" in answer) == (-32602, False)
    assert engine.count("recipients") == 0
    old = api.post(CENSUS, json={"jsonrpc": "jsonrpc", "id": "id", "method": "test_connection"}).json()
    assert (old["jsonrpc"], old["id"], old["result"]["success"]) == ("2.0", "id", True)
    assert fields(api.post(CENSUS, json={"id": 7})) == ["jsonrpc", "id", "method"]
    assert code(api.post(CENSUS, json={}, headers=PUBLIC)) == "incorrect_token_type"


def test_hightouch_learns_what_there_is_and_sends_records(api: CheckedClient) -> None:
    objects = call(api, "list_objects", path=HIGHTOUCH)["result"]["objects"]
    assert objects[0] == {"id": "user", "label": "Users"}
    modes = call(api, "list_modes", {"object": "user"}, HIGHTOUCH)["result"]["modes"]
    assert [each["id"] for each in modes] == ["upsert", "insert", "update", "delete"]
    found = call(api, "list_fields", {"object": {"id": "user"}}, HIGHTOUCH)["result"]["fields"]
    assert [each["id"] for each in found if each["identifier"]] == ["id"]
    params = {"object": "user", "mode": "upsert", "records": [{"id": "jane", "name": "Jane"}, {"id": ""}]}
    results = call(api, "sync_batch", params, HIGHTOUCH)["result"]["results"]
    assert [each["success"] for each in results] == [True, False]
    assert api.get("/v1/users/jane").json()["name"] == "Jane"
