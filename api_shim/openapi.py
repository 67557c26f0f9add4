"""Our own OpenAPI document: what the types say, and a page that shows it without fetching anything from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from pydantic import BaseModel

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Doorbell API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a2e}}
details{{border-top:1px solid #ddd;padding:.5rem 0}}summary{{cursor:pointer}}
code,pre{{font:14px/1.5 ui-monospace,monospace}}
.method{{display:inline-block;width:4.5rem;font-weight:700}}pre{{background:#f6f6fa;padding:1rem;overflow:auto}}
</style><h1>{title} <small>{version}</small></h1><p>The same as a document: <a href="/v1/openapi">/v1/openapi</a></p>
{operations}</html>"""


PART = re.compile(r"{(\w+)}")

REFERENCE = "#/components/schemas/{model}"


_described: dict[type[BaseModel], dict[str, Any]] = {}
"""The models that routes read themselves, each with its schema."""


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its body itself."""
    schema = {name: each for name, each in _schema(model).items() if name != "$defs"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def query_of(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its query itself."""
    schema = _schema(model)
    parts = {REFERENCE.format(model=name): part for name, part in schema.get("$defs", {}).items()}
    required = set(schema.get("required", ()))
    return {
        "parameters": [
            {"name": written, "in": "query", "required": name in required, "schema": each}
            for name, given in schema.get("properties", {}).items()
            for written, each in _names(name, _present(given), parts)
        ]
    }


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    if model not in _described:
        _described[model] = model.model_json_schema(ref_template=REFERENCE)
    return _described[model]


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema when it is there: a query has no null, it leaves things out."""
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if not options or len(options) == len(schema["anyOf"]):
        return schema
    rest = {name: each for name, each in schema.items() if name not in {"anyOf", "default"}}
    return {**rest, **(options[0] if len(options) == 1 else {"anyOf": options})}


def _names(name: str, schema: dict[str, Any], parts: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """How a parameter is written: a list as `name[]`, each part of a map as `name.part`."""
    of_map = parts.get(schema.get("$ref", ""), {}).get("properties")
    if of_map is not None:
        yield from ((f"{name}.{part}", _present(each)) for part, each in of_map.items())
    else:
        yield (f"{name}[]" if schema.get("type") == "array" else name), schema


def definitions() -> dict[str, Any]:
    """The schemas that the bodies and queries of such routes refer to."""
    return {name: part for schema in _described.values() for name, part in schema.get("$defs", {}).items()}


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with what it does not see: those schemas, and that a `__typename` is always said."""
    schemas: dict[str, Any] = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in definitions().items():
        schemas.setdefault(name, schema)
    for schema in schemas.values():
        required = schema.get("required", [])
        if "const" in schema.get("properties", {}).get("__typename", {}) and "__typename" not in required:
            schema["required"] = [*required, "__typename"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            _name_parts(path, operation)
    return document


def _name_parts(path: str, operation: dict[str, Any]) -> None:
    """Names those parts of a path that the route has no use for."""
    parameters = operation.get("parameters", [])
    known = {each["name"] for each in parameters if each["in"] == "path"}
    more = [name for name in PART.findall(path) if name not in known]
    if more:
        schema = {"type": "string"}
        operation["parameters"] = [
            *({"name": name, "in": "path", "required": True, "schema": schema} for name in more),
            *parameters,
        ]


def docs_page(document: dict[str, Any]) -> str:
    operations = [
        _operation(method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return PAGE.format(
        title=escape(document["info"]["title"]),
        version=escape(document["info"]["version"]),
        operations="".join(operations),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code> ({escape(each['in'])})</li>"
        for each in operation.get("parameters", [])
    )
    answers = ", ".join(operation["responses"])
    return (
        f'<details><summary><code><span class="method">{method}</span> {escape(path)}</code></summary>'
        f"<p>{escape(operation.get('description', ''))}</p><ul>{parameters}</ul>"
        f"<p>Answers: {escape(answers)}</p></details>"
    )
