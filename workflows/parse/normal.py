"""Documents as people and tools write them, in one form: what only serves tools is gone, and what may be written in
several ways is written in one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

READ_ONLY = frozenset(
    (
        "key",
        "active",
        "valid",
        "sha",
        "environment",
        "created_at",
        "inserted_at",
        "updated_at",
        "deleted_at",
        "created_by",
        "updated_by",
    )
)
"""Fields of a resource that the server owns."""

SOURCES = "__files"
"""Where `workflows/files.py` keeps a document's JSON files as they were written."""

_ANNOTATIONS = frozenset(("$schema", "__readonly", "__annotation", SOURCES))
_VERBATIM = frozenset(
    ("trigger_data_json_schema", "attrs", "conditions", "match_conditions", "send_windows", "default", "schema")
)

JSON_TEXTS = frozenset(
    ("json_body", "payload_overrides", "json_overrides", "body", "data", "update_properties", "response_schema")
)
"""Fields with a text that renders to JSON. The Knock CLI sends them parsed when they stand in a `.json` file."""

_PAIRS = frozenset(("headers", "query_params"))
_WHOLE = frozenset(
    (
        "batch_items_max_limit",
        "batch_items_render_limit",
        "throttle_limit",
        "attribution_window_days",
        "version",
        "padding_top",
        "padding_right",
        "padding_bottom",
        "padding_left",
        "column_gap",
        "border_radius",
        "border_width",
    )
)
_DIGITS = re.compile(r"-?\d{1,18}")


def plain(document: Any) -> Any:
    """A resource's document without annotations, `field@` references and the fields that the server owns."""
    if not isinstance(document, Mapping):
        return document
    return _plain({name: value for name, value in document.items() if name not in READ_ONLY})


def normal(document: Any) -> Any:
    """`plain`, and without nulls, whole numbers as numbers, and JSON that a text holds as text.

    Conditions, send windows, attributes and schemas are left as they are.
    """
    cleaned = plain(document)
    return _normal(cleaned) if isinstance(cleaned, Mapping) else cleaned


def json_text(value: Any) -> str:
    """JSON as text: what is text already is left alone."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    kept = {name: value for name, value in node.items() if not _is_annotation(name)}
    return {name: value if name in _VERBATIM else _plain(value) for name, value in kept.items()}


def _is_annotation(name: object) -> bool:
    return name in _ANNOTATIONS or str(name).endswith("@")


def _normal(node: Any) -> Any:
    if isinstance(node, list):
        return [_normal(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    return {name: _field(name, value, node) for name, value in node.items() if value is not None}


def _field(name: str, value: Any, node: Mapping[str, Any]) -> Any:
    if name in _VERBATIM:
        return value
    if (name in JSON_TEXTS and isinstance(value, Mapping | list)) or (name in _PAIRS and isinstance(value, Mapping)):
        return json_text(value)
    if name in _WHOLE or (name == "value" and "unit" in node):
        return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
    return _normal(value)
