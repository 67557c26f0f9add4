"""Everything that our own document allows to be asked: no question ends in a 5xx, and every answer is as described."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from api_shim.app import make_app
from tests.channels import step
from tests.conftest import CheckedClient
from tests.engine import Engine

EXAMPLES = int(os.environ.get("DOORBELL_TEST_EXAMPLES", "1"))
"""Questions to each operation."""


@cache
def document() -> dict[str, Any]:
    from api_shim.openapi import complete

    made: dict[str, Any] = json.loads(json.dumps(complete(make_app().app.openapi())))
    return made


def described(path: str, method: str, status: int) -> Draft202012Validator | None:
    """The schema that the document has for an answer; None when it has no body."""
    answers = document()["paths"][path][method.lower()]["responses"]
    answer = answers.get(str(status)) or answers.get(f"{status // 100}XX")
    assert answer is not None, f"{method} {path} answered {status}; the document has {sorted(answers)}"
    content = answer.get("content", {}).get("application/json")
    return Draft202012Validator({"components": document()["components"], **content["schema"]}) if content else None


def ask(api: CheckedClient, case: Any) -> list[str]:
    """What is wrong with the answer."""
    asked = case.as_transport_kwargs(base_url="http://testserver")
    headers = {name: value for name, value in (asked.get("headers") or {}).items() if name.lower() == "content-type"}
    body = {name: asked[name] for name in ("json", "data") if name in asked}
    if isinstance(body.get("data"), str | bytes):
        body["content"] = body.pop("data")
    answer = super(CheckedClient, api).request(
        asked["method"], asked["url"], params=asked.get("params"), headers=headers, **body
    )
    if answer.status_code >= 500:
        return [f"{asked['method']} {asked['url']} {body} answered {answer.status_code}"]
    schema = described(case.operation.path, asked["method"], answer.status_code)
    if schema is None:
        return []
    return [f"{asked['method']} {asked['url']} {body}: {each.message}" for each in schema.iter_errors(answer.json())]


@pytest.mark.timeout(600)
def test_whatever_is_asked_the_answer_is_as_described(api: CheckedClient, engine: Engine) -> None:
    engine.publish("welcome", [step("in_app_feed")])
    api.put("/v1/users/0", json={})
    problems: list[str] = []
    answered: set[str] = set()
    for found in schemathesis.openapi.from_dict(document()).get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def question(case: Any) -> None:
            problems.extend(ask(api, case))
            answered.add(case.operation.definition.raw["operationId"])

        question()
    assert problems == []
    assert len(answered) >= 118
