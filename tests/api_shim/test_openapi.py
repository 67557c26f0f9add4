"""Our own OpenAPI document, held against the whole contract's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_shim.openapi import _described
from tests.conftest import CheckedClient

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())

Operations = dict[tuple[str, str], dict[str, Any]]

OURS = {("get", "/health"), ("get", "/health/live"), ("get", "/v1/users/{}/feeds/{}/stream")}
"""Operations that the contract does not have."""

DEEPEST = 5
"""References that are followed; conditions and preference sets hold themselves."""

NOT_SAID = {
    "createSchedules": {".repeats[].__typename"},
    "updateSchedules": {".repeats[].__typename"},
    "bulkCreateSchedules": {".schedules[].repeats[].__typename"},
    "listUserGuides": {".entries[].dashboard_url"},
}
"""Properties of the contract's answers and bodies that ours do not have, by operation."""


def operations(document: dict[str, Any]) -> Operations:
    """Every operation by its method and its path, the latter without the names of its parameters."""
    return {
        (method, re.sub(r"{\w+}", "{}", path)): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


WANTED = operations(CONTRACT)


@pytest.fixture
def document(api: CheckedClient) -> dict[str, Any]:
    document: dict[str, Any] = api.get("/v1/openapi").json()
    return document


def test_every_operation_of_the_contract_is_there_under_its_id_and_no_other(document: dict[str, Any]) -> None:
    ours = {place: operation["operationId"] for place, operation in operations(document).items() if place not in OURS}
    assert len(WANTED) == 118
    assert ours == {place: operation["operationId"] for place, operation in WANTED.items()}


def successes(operation: dict[str, Any]) -> set[str]:
    return {status for status in operation["responses"] if status < "3"}


def test_every_operation_succeeds_with_the_contracts_status(document: dict[str, Any]) -> None:
    ours = operations(document)
    assert {place: successes(ours[place]) for place in WANTED} == {
        place: successes(each) for place, each in WANTED.items()
    }


def parameters(operation: dict[str, Any]) -> set[tuple[str, bool]]:
    """Names in the query, and whether they are needed; `status` and `status[]` are the same list."""
    return {
        (each["name"].removesuffix("[]"), bool(each.get("required")))
        for each in operation.get("parameters", [])
        if each["in"] == "query"
    }


def test_every_query_parameter_is_documented_and_none_besides(document: dict[str, Any]) -> None:
    ours = operations(document)
    assert {place: parameters(ours[place]) for place in WANTED} == {
        place: parameters(each) for place, each in WANTED.items()
    }


def in_path(operation: dict[str, Any]) -> int:
    return sum(each["in"] == "path" for each in operation.get("parameters", []))


def test_every_parameter_of_a_path_is_documented(document: dict[str, Any]) -> None:
    ours = operations(document)
    for place in WANTED:
        assert in_path(ours[place]) == place[1].count("{}"), place


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        node: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def properties(
    document: dict[str, Any], schema: dict[str, Any] | None, path: str = "", depth: int = 0
) -> dict[str, bool]:
    """Every property by its path (`entries[].id`), those of all alternatives, and whether it is required."""
    found: dict[str, bool] = {}
    if schema is None or depth > DEEPEST:
        return found
    schema = resolved(document, schema)
    for each in [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]:
        found.update(properties(document, each, path, depth + 1))
    if "items" in schema:
        found.update(properties(document, schema["items"], f"{path}[]", depth + 1))
    for name, each in schema.get("properties", {}).items():
        found[f"{path}.{name}"] = name in schema.get("required", ())
        found.update(properties(document, each, f"{path}.{name}", depth + 1))
    return found


def body_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def answer_of(operation: dict[str, Any]) -> dict[str, Any] | None:
    (status,) = successes(operation)
    content: dict[str, Any] = operation["responses"][status].get("content", {})
    schema: dict[str, Any] | None = content.get("application/json", {}).get("schema")
    return schema


def parent(path: str) -> str:
    return path.rpartition(".")[0]


def unsaid(ours: dict[str, bool], theirs: dict[str, bool]) -> set[str]:
    """What theirs has and ours has not, but for what is within a map that ours leaves open."""
    described = {parent(each) for each in ours}
    return {each for each in theirs.keys() - ours.keys() if parent(each) in described}


@pytest.mark.parametrize("part", [body_of, answer_of])
def test_every_property_of_the_contract_is_described(document: dict[str, Any], part: Any) -> None:
    ours, problems = operations(document), {}
    for place, wanted in WANTED.items():
        name = wanted["operationId"]
        missing = unsaid(properties(document, part(ours[place])), properties(CONTRACT, part(wanted)))
        if missing - NOT_SAID.get(name, set()):
            problems[name] = missing - NOT_SAID.get(name, set())
    assert problems == {}


def required(document: dict[str, Any], schema: dict[str, Any] | None) -> set[str]:
    return set(resolved(document, schema or {}).get("required", ()))


def test_a_body_needs_nothing_that_the_contract_does_not_need(document: dict[str, Any]) -> None:
    ours = operations(document)
    wanted = {each["operationId"]: required(CONTRACT, body_of(each)) for each in WANTED.values()}
    found = {ours[place]["operationId"]: required(document, body_of(ours[place])) for place in WANTED}
    more = {name: found[name] - wanted[name] for name in wanted if found[name] - wanted[name]}
    less = {name: wanted[name] - found[name] for name in wanted if wanted[name] - found[name]}
    assert (more, less) == ({}, LESS_NEEDED)


LESS_NEEDED = {"triggerWorkflow (2)": {"actor"}}
"""What the contract needs in a body and we can do without."""


def test_models_of_the_same_name_are_the_same() -> None:
    """Their schemas share one list in the document."""
    seen: dict[str, Any] = {}
    for schema in _described.values():
        for name, part in schema.get("$defs", {}).items():
            assert seen.setdefault(name, part) == part, name


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
