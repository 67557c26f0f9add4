"""Every operation takes the smallest and the largest request that the contract's own schemas describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notify_workers.ids import channel_id
from tests import channels
from tests.conftest import CheckedClient
from tests.engine import Engine

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "put", "post", "delete")

TIME = "2030-01-01T00:00:00Z"
CHANNEL = str(channel_id("in-app-feed"))
NAMED = {
    "channel_id": CHANNEL,
    "access_token_object": '{"collection": "collection", "object_id": "id"}',
    "ms_teams_tenant_object": '{"collection": "collection", "object_id": "id"}',
    "team_id": "team",
    "after": "",
    "before": "",
    "trigger_data": '{"name": "value"}',
    "data": '{"name": "value"}',
    **{f"inserted_at.{bound}": TIME for bound in ("gt", "gte", "lt", "lte")},
    "url": "https://hooks.example.com/a",
    "schedule_ids": CHANNEL,
}
"""Texts in which the contract's prose sees more than its schemas do."""

ABSENT = 404
"""Most of what a request names is not there: that is an answer too."""

UNCONNECTED = "Access token not set."
TENANTLESS = "Microsoft Teams tenant ID not set."
REFUSED: dict[str, list[str]] = {
    "slackProviderAuthCheck": [UNCONNECTED],
    "slackProviderRevokeAccess": [UNCONNECTED],
    "listChannelsForSlackProvider": [UNCONNECTED],
    "msTeamsProviderAuthCheck": [TENANTLESS],
    "msTeamsProviderRevokeAccess": [TENANTLESS],
    "listTeamsForMsTeamsProvider": [TENANTLESS],
    "listChannelsForMsTeamsProvider": [TENANTLESS],
    "updateObjectPreferenceChannelType": ["channel_types.email"],
    "updateUserPreferenceChannelType": ["channel_types.email"],
}
"""The message, or the fields of a 422. Nobody has connected a vendor; a setting needs a body that only the prose describes."""

UNKNOWN = {"deleteSchedules": ["schedule_ids[0]"], "updateSchedules": ["schedule_ids[0]"]}
"""Schedules that are not there are named like that."""

Request = tuple[str, str, str, list[tuple[str, str]], Any]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def value_of(schema: dict[str, Any], name: str, *, largest: bool) -> Any:
    """A value that the schema describes: with what is required only, or with everything."""
    schema = resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("oneOf", "anyOf", "allOf"):
        if union in schema:
            members = [each for each in schema[union] if each.keys() - {"nullable", "x-struct", "x-validate"}]
            return value_of(members[-1 if largest else 0], name, largest=largest)
    match schema.get("type"):
        case "object":
            return _object(schema, largest=largest)
        case "array":
            return [value_of(schema.get("items", {}), name, largest=largest)] if largest else []
        case "integer" | "number":
            return 1
        case "boolean":
            return True
    return {"date-time": TIME, "uuid": CHANNEL}.get(schema.get("format", "")) or NAMED.get(name, name)


def _object(schema: dict[str, Any], *, largest: bool) -> dict[str, Any]:
    wanted = schema.get("properties", {})
    required = schema.get("required", ())
    made = {name: value_of(each, name, largest=largest) for name, each in wanted.items() if largest or name in required}
    others = schema.get("additionalProperties")
    if largest and isinstance(others, dict) and not wanted:
        made["some_key"] = value_of(others, "some_key", largest=largest)
    return made


def written(name: str, value: Any) -> list[tuple[str, str]]:
    """A parameter as SDKs write it."""
    if isinstance(value, list):
        return [pair for each in value for pair in written(f"{name.removesuffix('[]')}[]", each)]
    if isinstance(value, dict):
        return [pair for key, each in value.items() for pair in written(f"{name}[{key}]", each)]
    return [(name, json.dumps(value) if isinstance(value, bool) else str(value))]


def requests(*, largest: bool) -> Iterator[Request]:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            if method in METHODS:
                yield _request(path, method, operation, operations.get("parameters", []), largest=largest)


def _request(path: str, method: str, operation: dict[str, Any], shared: list[Any], *, largest: bool) -> Request:
    query = []
    for each in [*shared, *operation.get("parameters", [])]:
        name = each["name"]
        if each["in"] == "path":
            path = path.replace(f"{{{name}}}", value_of(each["schema"], name, largest=False))
        elif each["in"] == "query" and (largest or each.get("required")):
            query += written(name, value_of(each["schema"], name, largest=True))
    path = path.replace("{type}", "email").replace(CHANNEL, str(channel_id(_channel_of(path, largest=largest))))
    body = operation.get("requestBody")
    schema = body["content"]["application/json"]["schema"] if body else {"type": "object"}
    sent = value_of(schema, "body", largest=largest) if body or method == "put" else None
    return operation["operationId"], method, path, query, sent


def _channel_of(path: str, *, largest: bool) -> str:
    """The contract's first kind of channel data is push's, its last is chat's."""
    if "/channel_data/" in path:
        return "chat" if largest else "push"
    return "chat" if "/providers/" in path else "in-app-guide" if "/guides/" in path else "in-app-feed"


@pytest.mark.parametrize("largest", [False, True], ids=["smallest", "largest"])
def test_every_operation_takes_what_the_contract_describes(
    api: CheckedClient, engine: Engine, *, largest: bool
) -> None:
    for key in ("key", "name", "workflow"):
        engine.publish(key, [channels.step("in_app_feed")])
    refused = {}
    for operation, method, path, query, body in requests(largest=largest):
        sent = {} if body is None else {"json": body}
        answer = api.request(method.upper(), path, params=query, **sent)
        assert answer.status_code < 500, (operation, answer.text)
        if answer.status_code >= 400 and answer.status_code != ABSENT:
            named = answer.json().get("errors", [{"field": answer.json()["message"]}])
            refused[operation] = [each["field"] for each in named]
    assert refused == {**REFUSED, **(UNKNOWN if largest else {})}
