"""Our own OpenAPI document: what the types say, and a page that shows it without fetching anything from elsewhere."""

from __future__ import annotations

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


REFERENCE = "#/components/schemas/{model}"


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its body itself."""
    schema = model.model_json_schema(ref_template=REFERENCE)
    schema.pop("$defs", None)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def query_of(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads its query itself."""
    schema = model.model_json_schema(ref_template=REFERENCE)
    parts = {REFERENCE.format(model=name): part for name, part in schema.get("$defs", {}).items()}
    names = (_names(name, each, parts) for name, each in schema["properties"].items())
    return {"parameters": [{"name": name, "in": "query", "schema": each} for found in names for name, each in found]}


def _names(name: str, schema: dict[str, Any], parts: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """How a parameter is written: a list as `name[]`, each part of a map as `name.part`."""
    if "$ref" in schema:
        yield from ((f"{name}.{part}", each) for part, each in parts[schema["$ref"]]["properties"].items())
    else:
        yield (f"{name}[]" if schema.get("type") == "array" else name), schema


def definitions(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas that the bodies of such routes refer to."""
    found: dict[str, Any] = {}
    for model in models:
        found.update(model.model_json_schema(ref_template=REFERENCE).get("$defs", {}))
    return found


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
