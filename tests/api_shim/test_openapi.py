"""Our own OpenAPI document, held against the contract's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CheckedClient

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())

MESSAGE, RUNS = "/v1/messages/{}", "/v1/workflow_recipient_runs"
OPERATIONS = {
    "triggerWorkflow": ("post", "/v1/workflows/{}/trigger"),
    "triggerWorkflow (2)": ("post", "/v1/notify"),
    "cancelWorkflow": ("post", "/v1/notify/cancel"),
    "cancelWorkflow (2)": ("post", "/v1/workflows/{}/cancel"),
    "listWorkflowRecipientRuns": ("get", RUNS),
    "getWorkflowRecipientRun": ("get", f"{RUNS}/{{}}"),
    "listUsers": ("get", "/v1/users"),
    "getUser": ("get", "/v1/users/{}"),
    "identifyUser": ("put", "/v1/users/{}"),
    "deleteUser": ("delete", "/v1/users/{}"),
    "listMessages": ("get", "/v1/messages"),
    "getMessage": ("get", MESSAGE),
    "getMessageContents": ("get", f"{MESSAGE}/content"),
    "listMessageEvents": ("get", f"{MESSAGE}/events"),
    "listMessageActivities": ("get", f"{MESSAGE}/activities"),
    "listMessageDeliveryLogs": ("get", f"{MESSAGE}/delivery_logs"),
}
"""Ids of the contract's operations, which clients are generated from."""

NOT_YET = {("listUsers", "include")}
"""Parameters of the contract that are not heeded."""

Operations = dict[tuple[str, str], dict[str, Any]]


def operations(document: dict[str, Any]) -> Operations:
    """Every operation by its method and its path, the latter without the names of its parameters."""
    return {
        (method, re.sub(r"{\w+}", "{}", path)): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@pytest.fixture
def document(api: CheckedClient) -> dict[str, Any]:
    document: dict[str, Any] = api.get("/v1/openapi").json()
    return document


def test_every_operation_has_the_contracts_id_method_and_path(document: dict[str, Any]) -> None:
    ours = {operation["operationId"]: place for place, operation in operations(document).items()}
    assert {name: ours.get(name) for name in OPERATIONS} == OPERATIONS
    assert operations(CONTRACT).keys() >= set(OPERATIONS.values())


def test_every_operation_answers_with_a_status_of_the_contract(document: dict[str, Any]) -> None:
    ours, theirs = operations(document), operations(CONTRACT)
    for place in OPERATIONS.values():
        assert ours[place]["responses"].keys() - {"4XX"} <= theirs[place]["responses"].keys(), place


def parameters(operation: dict[str, Any]) -> set[str]:
    """Names in the query; what the contract writes `status` or `status[]` is the same list."""
    return {each["name"].removesuffix("[]") for each in operation.get("parameters", []) if each["in"] == "query"}


def test_every_parameter_of_the_contract_is_documented(document: dict[str, Any]) -> None:
    ours, theirs = operations(document), operations(CONTRACT)
    documented = {(name, each) for name, place in OPERATIONS.items() for each in parameters(ours[place])}
    wanted = {(name, each) for name, place in OPERATIONS.items() for each in parameters(theirs[place])}
    assert documented == wanted - NOT_YET


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (each for name, each in node.items() if name == "$ref")
        yield from (found for each in node.values() for found in references(each))
    elif isinstance(node, list):
        yield from (found for each in node for found in references(each))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found >= {"#/components/schemas/User", "#/components/schemas/InlineUser", "#/components/schemas/Error"}
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_error_is_documented_in_the_shape_it_has(api: CheckedClient, document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["Error"]
    error = api.get("/v1/users?page_size=0").json()
    assert error.keys() == schema["properties"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_the_page_shows_every_operation_and_fetches_nothing(api: CheckedClient, document: dict[str, Any]) -> None:
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.count("<details>") == sum(len(methods) for methods in document["paths"].values())
    assert "/v1/workflows/{key}/trigger" in page.text
    assert not re.search(r"(src|href)=\"(?!/v1/openapi)", page.text)
