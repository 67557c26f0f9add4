"""The shape of documents, by the published JSON Schemas in `schema/`; violations in plain words.

The published schemas are for editors too: they let fields be null or stand in files (`field@`), describe conditions and
send windows, and name the default limits. A document is checked when its nulls and references are gone, and conditions,
send windows and limits have checks of their own; so `_strict` takes all that out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import validator_for

from workflows.errors import Problem

_KINDS = {
    "string": "text",
    "object": "an object",
    "array": "a list",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


NAMES = ("workflow", "layout", "partial", "translation", "guide")

_CHECKED_ELSEWHERE = ("condition_group", "condition", "send_window", "send_windows")
_BOUNDS = ("maxLength", "minimum", "maximum", "minItems", "maxItems")
_NULL = {"type": "null"}


def published_schema(name: str) -> dict[str, Any]:
    """The schema of that name (one of `NAMES`) as it is published."""
    schema: dict[str, Any] = json.loads((files("workflows") / "schema" / f"{name}.schema.json").read_text())
    return schema


def _load(name: str) -> Draft202012Validator:
    schema = _strict(published_schema(name))
    schema["$defs"] |= {each: True for each in _CHECKED_ELSEWHERE if each in schema["$defs"]}
    return Draft202012Validator(schema)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _NULL in node.get("anyOf", ()):
        [variant] = (each for each in node["anyOf"] if each != _NULL)
        node = variant | {name: value for name, value in node.items() if name != "anyOf"}
    bounds = _BOUNDS if "limit" in node else ()
    kept = {name: _strict(value) for name, value in node.items() if name not in bounds}
    for name, null in (("type", "null"), ("enum", None)):
        if isinstance(kept.get(name), list):
            kept[name] = [each for each in kept[name] if each != null]
    return kept


_VALIDATORS = {name: _load(name) for name in NAMES}


def shape_problems(schema: str, document: object) -> Iterator[Problem]:
    """`schema` is one of `NAMES`; the document is without nulls and references (see `workflows/parse/normal.py`)."""
    seen = set()
    for error in _VALIDATORS[schema].iter_errors(document):
        for problem in _explained(error):
            if (problem.path, problem.expected) not in seen:
                seen.add((problem.path, problem.expected))
                yield problem


def schema_problems(path: str, schema: Mapping[str, Any]) -> Iterator[Problem]:
    """What keeps `schema`, found at `path`, from being a JSON Schema of the draft that it names (2020-12 if none)."""
    dialect = validator_for(schema, default=Draft202012Validator)
    meta = dialect(dialect.META_SCHEMA, format_checker=dialect.FORMAT_CHECKER)  # formats: a pattern must compile
    for error in meta.iter_errors(schema):
        yield Problem(join(path, *error.absolute_path), error.instance, f"valid JSON Schema: {error.message}")


def join(path: str, *names: str | int) -> str:
    """`join("steps", 0, "ref")` is `steps[0].ref`."""
    for name in names:
        path += f"[{name}]" if isinstance(name, int) else f"{'.' if path else ''}{name}"
    return path


def _explained(error: ValidationError) -> Iterable[Problem]:
    path = join("", *error.absolute_path)
    match error.validator:
        case "required":
            return _missing(path, error)
        case "additionalProperties":
            return _unknown(path, error)
        case _:
            return [Problem(path, error.instance, _expectation(_schema_of(error)))]


def _missing(path: str, error: ValidationError) -> Iterator[Problem]:
    schema, node = _schema_of(error), _node_of(error)
    for name in schema["required"]:
        if name not in node:
            yield Problem(join(path, name), None, _expectation(schema["properties"][name]))


def _unknown(path: str, error: ValidationError) -> Iterator[Problem]:
    known = list(_schema_of(error)["properties"])
    for name, value in _node_of(error).items():
        if name not in known:
            close = "".join(f", such as {match}" for match in get_close_matches(str(name), known, n=1))
            yield Problem(join(path, str(name)), value, f"a known field{close}")


def _schema_of(error: ValidationError) -> Mapping[str, Any]:
    assert isinstance(error.schema, Mapping)  # our schemas use no boolean `false`
    return error.schema


def _node_of(error: ValidationError) -> Mapping[str, Any]:
    assert isinstance(error.instance, Mapping)  # only objects have required and known fields
    return error.instance


def _expectation(schema: Mapping[str, Any]) -> str:
    if "expected" in schema:
        return str(schema["expected"])
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    kinds = schema["type"]
    return " or ".join(_KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
