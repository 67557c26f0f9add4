"""Where the Knock CLI puts a resource's content: which fields get a file of their own, and what it is called.

Source: https://github.com/knocklabs/knock-cli, `src/lib/marshal/*/processor.isomorphic.ts`; which fields, from the resources
that Knock publishes (contract: management-api §5.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_EXTENSIONS = {
    "html_body": "html",
    "text_body": "txt",
    "markdown_body": "md",
    "json_body": "json",
    "visual_blocks": "json",
    "pre_content": "txt",
    "payload_overrides": "json",
    "json_overrides": "json",
    "body": "json",
    "html_layout": "html",
    "text_layout": "txt",
}
_EXTENSIONS_OF_TYPES = {"markdown": "md", "html": "html", "text": "txt", "json": "json"}
_UNSAFE = re.compile(r"[^a-z0-9_.-]")


def extension(name: str, node: Mapping[str, Any]) -> str | None:
    """What the file of that field ends with; None for fields that stay where they are.

    `content` is a block's or a partial's: its node says of which type.
    """
    if name == "content":
        return _EXTENSIONS_OF_TYPES.get(str(node.get("type")).lower())
    return _EXTENSIONS.get(name)


def default_path(ref: str | None, trail: tuple[str | int, ...], ending: str) -> str:
    """`("template", "visual_blocks", 0, "content")` of step email_1 is `email_1/visual_blocks/1.content.md`.

    `trail` leads from the step to the field; without a step it leads from the document and is one name. Always in small
    letters, and whatever a reference is made of, a path inside of the resource's directory.
    """
    parts: list[str] = []
    numbers = ""
    for step in trail if ref is None else trail[1:] or trail:
        if isinstance(step, int):
            numbers += f"{step + 1}."
        else:
            parts.append(numbers + step)
            numbers = ""
    return "/".join(_safe(part) for part in ([] if ref is None else [ref]) + parts) + f".{ending}"


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name.lower()).lstrip(".")[:100] or "_"


def resolve(file: str, reference: str) -> str | None:
    """The path in the resource's directory that a reference in that file means; None when it leads out of it."""
    if not reference or reference.startswith("/") or "\\" in reference or "\x00" in reference:
        return None
    parts = file.split("/")[:-1]
    for name in reference.split("/"):
        if name == ".." and not parts:
            return None
        if name == "..":
            parts.pop()
        elif name not in ("", "."):
            parts.append(name)
    return "/".join(parts) or None


def relative(file: str, path: str) -> str:
    """How that file refers to the file at that path; the opposite of `resolve`."""
    here, there = file.split("/")[:-1], path.split("/")
    common = 0
    while common < min(len(here), len(there) - 1) and here[common] == there[common]:
        common += 1
    return "/".join([".."] * (len(here) - common) + there[common:])
