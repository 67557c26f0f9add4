"""The wire's contract, as JSON Schemas: every answer that the suite sees is held against it.

`openapi.json` holds the shapes of the public API: paths, parameters, bodies, no prose.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

OURS = re.compile(
    r"^/(health|dev|docs|unsubscribe|providers|v1/sources|v1/providers/[^/]+/events|p|l|o|v1/openapi|metrics)(/|$|\.)|^/dev|^/v1/users/[^/]+/feeds/[^/]+/stream$"
)


WEBHOOK_CONTENT = {
    "type": "object",
    "required": ["__typename", "method", "url", "headers", "query_params", "body"],
    "properties": {"__typename": {"enum": ["MessageWebhookContent"]}},
}
"""The contract has no content of a webhook's message (docs/deviations.md)."""


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(__file__).parent / "openapi.json").read_text())
    document["components"]["schemas"]["MessageContents"]["properties"]["data"]["oneOf"].append(WEBHOOK_CONTENT)
    item = document["components"]["schemas"]["InAppFeedItem"]
    item["required"] = [each for each in item["required"] if each not in {"activities", "total_activities"}]
    return document


def check_answer(method: str, path: str, status: int, body: bytes) -> None:
    """Raises `AssertionError` when an answer is not what the contract says of that operation."""
    if OURS.match(path):
        return
    if status >= 400:
        _check_error(status, body)
        return
    template = next((each for each in _document()["paths"] if _matches(each, path)), None)
    assert template, f"{method} {path} answered {status}, but the contract has no such path"
    answers = _document()["paths"][template][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {template} answered {status}; the contract has {sorted(answers)}"
    schema = answers[str(status)].get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        assert body == b"", f"{method} {template} must have an empty body"
        return
    problems = [
        f"{each.json_path}: {each.message}" for each in _validator(json.dumps(schema)).iter_errors(json.loads(body))
    ]
    assert not problems, f"{method} {template} {status}: {problems[:5]}"


def _check_error(status: int, body: bytes) -> None:
    error = json.loads(body)
    assert {"code", "message", "status", "type"} <= error.keys(), error
    assert error["status"] == status
    assert isinstance(error["code"], str)
    assert error["message"]
    for each in error.get("errors", []):
        assert {"field", "message", "type"} <= each.keys(), each
    assert status != 422 or error["errors"], "a 422 names at least one field"


def _matches(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path) is not None


@cache
def _validator(schema: str) -> Draft202012Validator:
    whole = {"components": _draft(_document()["components"]), **_draft(json.loads(schema))}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def _draft(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` in JSON Schema's words.

    `anyOf: [X, {nullable: true}]` is meant to allow null. A user and an object may look the same but for their
    `__typename`, so that one of both cannot mean exactly one.
    """
    if isinstance(schema, list):
        return [_draft(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _draft(each) for name, each in schema.items() if name != "nullable" or isinstance(each, dict)}
    if "oneOf" in made:
        made["anyOf"] = made.pop("oneOf")
    if schema.get("nullable") is True or {"nullable": True} in schema.get("anyOf", []):
        return {"anyOf": [made, {"type": "null"}]} if made else {}
    return made
