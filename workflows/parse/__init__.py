"""Documents become workflows, layouts, partials and translations here, and nowhere else: what comes out can be run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflows.checks import layout_problems, partial_problems, workflow_problems
from workflows.errors import DocumentInvalid, Problem
from workflows.model import Workflow
from workflows.parse.channel_types import with_channel_types
from workflows.parse.normal import json_text, normal
from workflows.parse.steps import build_conditions, build_steps
from workflows.parse.translations import parse_translation
from workflows.shape import shape_problems
from workflows.templates import Layout, Partial

__all__ = ["parse_layout", "parse_partial", "parse_translation", "parse_workflow"]

Node = Mapping[str, Any]

_KEY = re.compile(r"[a-z0-9_-]{3,255}")


def parse_workflow(key: str, document: Node, channel_types: Mapping[str, str] | None = None) -> Workflow:
    """A workflow from its document, as the management API takes it or `files.read_workflow` reads it.

    `channel_types` (type by channel key) resolves a step's omitted `channel_type`; see `parse/channel_types.py` for what
    happens without an entry. A field that is null counts as absent. Raises `DocumentInvalid` with every problem.
    """
    cleaned = with_channel_types(normal(document), channel_types or {})
    _refuse(f"workflow `{key}`", _key(key), shape_problems("workflow", cleaned), workflow_problems(cleaned))
    settings = cleaned.get("settings", {})
    return Workflow(
        key=key,
        name=cleaned["name"],
        steps=build_steps(cleaned["steps"]),
        categories=tuple(cleaned.get("categories", ())),
        conditions=build_conditions(cleaned.get("conditions")),
        trigger_frequency=cleaned.get("trigger_frequency", "every_trigger"),
        trigger_data_json_schema=cleaned.get("trigger_data_json_schema"),
        is_commercial=settings.get("is_commercial", False),
        override_preferences=settings.get("override_preferences", False),
    )


def parse_layout(key: str, document: Node) -> Layout:
    """An e-mail layout from its document. Raises `DocumentInvalid` with every problem."""
    cleaned = normal(document)
    _refuse(f"layout `{key}`", _key(key), shape_problems("layout", cleaned), layout_problems(cleaned))
    return Layout(
        key=key,
        name=cleaned["name"],
        html=cleaned["html_layout"],
        text=cleaned["text_layout"],
        footer_links=tuple(cleaned.get("footer_links", ())),
        is_mjml=cleaned.get("is_mjml", False),
        branding_overrides=cleaned.get("branding_overrides", {}),
    )


def parse_partial(key: str, document: Node) -> Partial:
    """A partial from its document; an input's `default` is its value where none is given.

    The type may be in capitals, as older files have it. Raises `DocumentInvalid` with every problem.
    """
    cleaned = _normal_partial(normal(document))
    _refuse(f"partial `{key}`", _key(key), shape_problems("partial", cleaned), partial_problems(cleaned))
    settings = {given["key"]: given.get("settings") or {} for given in cleaned.get("input_schema", ())}
    return Partial(
        key=key,
        name=cleaned["name"],
        type=cleaned["type"],
        content=cleaned["content"],
        defaults={name: given["default"] for name, given in settings.items() if given.get("default") is not None},
    )


def _normal_partial(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    changed = {}
    if isinstance(document.get("type"), str):
        changed["type"] = document["type"].lower()
    if isinstance(document.get("content"), Mapping | list):
        changed["content"] = json_text(document["content"])
    return {**document, **changed}


def _refuse(name: str, *problems: Iterable[Problem]) -> None:
    found = [problem for group in problems for problem in group]
    if found:
        raise DocumentInvalid(name, found)


def _key(key: str) -> Iterator[Problem]:
    if not _KEY.fullmatch(key):
        yield Problem("key", key, "a key of 3 to 255 characters out of a-z, 0-9, _ and -")
