"""Documents become workflows and layouts here, and nowhere else: what comes out can be executed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflows.checks import layout_problems, workflow_problems
from workflows.errors import DocumentInvalid, Problem
from workflows.model import (
    AnyStep,
    DelayStep,
    Duration,
    EmailBlock,
    EmailOverrides,
    EmailStep,
    EmailTemplate,
    HtmlBlock,
    Layout,
    MarkdownBlock,
    Padding,
    Workflow,
)
from workflows.shape import shape_problems

Node = Mapping[str, Any]

_KEY = re.compile(r"[a-z0-9_-]{3,255}")
_READ_ONLY = frozenset(
    (
        "key",
        "active",
        "valid",
        "sha",
        "environment",
        "created_at",
        "updated_at",
        "deleted_at",
        "created_by",
        "updated_by",
    )
)
_ANNOTATIONS = frozenset(("$schema", "__readonly", "__annotation"))
_VERBATIM = frozenset(("trigger_data_json_schema",))


def parse_workflow(key: str, document: Node, channel_types: Mapping[str, str] | None = None) -> Workflow:
    """A workflow from its document, as the management API takes it or `files.read_workflow` reads it.

    `channel_types` (type by channel key) resolves a step's omitted `channel_type`; without an entry it is e-mail.
    A field that is null counts as absent. Raises `DocumentInvalid` with every problem.
    """
    cleaned = _with_channel_types(_without_annotations(document), channel_types or {})
    _refuse(f"workflow `{key}`", _key(key), shape_problems("workflow", cleaned), workflow_problems(cleaned))
    return _workflow(key, cleaned)


def parse_layout(key: str, document: Node) -> Layout:
    """An e-mail layout from its document. Raises `DocumentInvalid` with every problem."""
    cleaned = _without_annotations(document)
    _refuse(f"layout `{key}`", _key(key), shape_problems("layout", cleaned), layout_problems(cleaned))
    links = tuple(cleaned.get("footer_links", ()))
    return Layout(key, cleaned["name"], cleaned["html_layout"], cleaned["text_layout"], links)


def _refuse(name: str, *problems: Iterable[Problem]) -> None:
    found = [problem for group in problems for problem in group]
    if found:
        raise DocumentInvalid(name, found)


def _key(key: str) -> Iterator[Problem]:
    if not _KEY.fullmatch(key):
        yield Problem("key", key, "a key of 3 to 255 characters out of a-z, 0-9, _ and -")


def _without_annotations(document: Any) -> Any:
    """The document without what only serves its author's tools, and without the fields that the server owns."""
    if not isinstance(document, Mapping):
        return document
    return _cleaned({name: value for name, value in document.items() if name not in _READ_ONLY})


def _cleaned(node: Any) -> Any:
    if isinstance(node, list):
        return [_cleaned(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    kept = {name: value for name, value in node.items() if value is not None and not _is_annotation(name)}
    return {name: value if name in _VERBATIM else _cleaned(value) for name, value in kept.items()}


def _is_annotation(name: object) -> bool:
    return name in _ANNOTATIONS or str(name).endswith("@")


def _with_channel_types(document: Any, channel_types: Mapping[str, str]) -> Any:
    if not isinstance(document, Mapping) or not isinstance(document.get("steps"), list):
        return document
    return {**document, "steps": [_with_channel_type(step, channel_types) for step in document["steps"]]}


def _with_channel_type(step: Any, channel_types: Mapping[str, str]) -> Any:
    if not isinstance(step, dict) or step.get("type") != "channel":
        return step
    return {"channel_type": channel_types.get(str(step.get("channel_key")), "email"), **step}


def _workflow(key: str, node: Node) -> Workflow:
    settings = node.get("settings", {})
    return Workflow(
        key=key,
        name=node["name"],
        steps=tuple(_step(step) for step in node["steps"]),
        categories=tuple(node.get("categories", ())),
        conditions=node.get("conditions"),
        trigger_data_json_schema=node.get("trigger_data_json_schema"),
        is_commercial=settings.get("is_commercial", False),
        override_preferences=settings.get("override_preferences", False),
    )


def _step(node: Node) -> AnyStep:
    return _delay_step(node) if node["type"] == "delay" else _email_step(node)


def _delay_step(node: Node) -> DelayStep:
    settings = node["settings"]
    delay_for = settings.get("delay_for")
    return DelayStep(
        ref=node["ref"],
        type=node["type"],
        name=node.get("name"),
        conditions=node.get("conditions"),
        delay_for=Duration(int(delay_for["value"]), delay_for["unit"]) if delay_for else None,
        until_path=settings.get("delay_until_field_path"),
    )


def _email_step(node: Node) -> EmailStep:
    return EmailStep(
        ref=node["ref"],
        type=node["type"],
        name=node.get("name"),
        conditions=node.get("conditions"),
        channel_key=node["channel_key"],
        template=_email_template(node["template"]),
        overrides=_overrides(node.get("channel_overrides", {})),
    )


def _email_template(node: Node) -> EmailTemplate:
    settings = node.get("settings", {})
    blocks = node.get("visual_blocks")
    return EmailTemplate(
        subject=node["subject"],
        html_body=node.get("html_body"),
        blocks=None if blocks is None else tuple(_block(block) for block in blocks),
        text_body=node.get("text_body"),
        layout_key=settings.get("layout_key"),
        pre_content=settings.get("pre_content"),
        attachment_key=settings.get("attachment_key", "attachments"),
    )


def _block(node: Node) -> EmailBlock:
    block_class = MarkdownBlock if node["type"] == "markdown" else HtmlBlock
    return block_class(node["content"], _padding(node.get("layout_attrs")))


def _padding(attributes: Node | None) -> Padding | None:
    if not attributes:
        return None
    return Padding(**{name.removeprefix("padding_"): int(value) for name, value in attributes.items()})


def _overrides(node: Node) -> EmailOverrides:
    addressing = ("to_address", "from_address", "from_name", "cc_address", "bcc_address", "reply_to_address")
    return EmailOverrides(**{name: node[name] for name in addressing if name in node})
