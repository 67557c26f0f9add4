"""Values inside of the HTML that blocks are written in: links, lengths and colours. Nothing in them can run code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from workflows.branding import is_color
from workflows.templates import Padding

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_RUNS_CODE = re.compile(r"\s*(?:javascript|vbscript|data|file)\s*:", re.IGNORECASE)
_IMAGE = re.compile(r"data:image/(?:gif|jpeg|png|webp)[;,]", re.IGNORECASE)
_LENGTH = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s*(px|%|)", re.IGNORECASE)


def link_target(rendered: str) -> str:
    """The address of a link; empty when it would run code or open a file (browsers ignore control characters in it)."""
    address = _CONTROLS.sub("", rendered).strip()
    return "" if _RUNS_CODE.match(address) else address


def image_source(rendered: str) -> str:
    """The address of an image, which may also be the image itself (`data:image/png;…`)."""
    address = _CONTROLS.sub("", rendered).strip()
    return address if _IMAGE.match(address) else link_target(address)


def length(rendered: str) -> tuple[str, str]:
    """A width as CSS (`120px`, `25%`) and as an attribute, which Outlook reads (`120`, `25%`). Empty when it is none."""
    match = _LENGTH.fullmatch(rendered.strip())
    if match is None:
        return "", ""
    number, unit = match[1], match[2].lower() or "px"
    return f"{number}{unit}", f"{number}%" if unit == "%" else number.partition(".")[0]


def color(rendered: str, variables: Mapping[str, Any]) -> str:
    """A colour, or the brand's of that name (`primary_color`); empty when it is neither."""
    value = brand(variables).get(rendered.strip(), rendered)
    return value.strip() if is_color(value) else ""


def brand(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    """`vars.branding` as templates see it."""
    known = variables.get("vars")
    found = known.get("branding") if isinstance(known, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def padding_style(padding: Padding) -> str:
    return f"padding:{padding.top}px {padding.right}px {padding.bottom}px {padding.left}px"


def anchor(target: str, inner: str, attributes: str = "") -> str:
    """`inner` (finished HTML) as a link; without a target it only looks like one. `attributes` start with a space."""
    href = f' href="{escape(target)}" target="_blank"' if target else ""
    return f"<a{href}{attributes}>{inner}</a>"
