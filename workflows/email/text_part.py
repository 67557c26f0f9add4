"""The text part of an e-mail, made from its HTML."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig
from inscriptis.model.tag import CustomHtmlTagHandlerMapping

# A link's text and address stand between private-use characters until the layout is done, because inscriptis writes
# as it walks and cannot look back at a link's text. So does a rule, which needs lines of its own.
_OPEN, _MIDDLE, _CLOSE, _RULE = "\ue000", "\ue001", "\ue002", "\ue003"
_MARKS = re.compile(f"[{_OPEN}{_MIDDLE}{_CLOSE}{_RULE}]")
_LINK = re.compile(f"{_OPEN}([^{_OPEN}]*?){_MIDDLE}([^{_OPEN}]*?){_CLOSE}")
_TRAILING_SPACE = re.compile(r"[ \t]+$", re.MULTILINE)
_EMPTY_LINES = re.compile(r"\n{3,}")
_DRAWN_RULE = re.compile(rf"\s*(?:{_RULE}\s*)+")


KEPT = 10_000
"""Characters of a text up to which its result is kept: what many recipients get alike is read once."""


def html_to_text(html: str) -> str:
    """What a reader sees, in lines. Links read `text (address)`, links without text `[address]`; a rule is a line of
    dashes; no images."""
    return _kept(html) if len(html) <= KEPT else _read(html)


def _read(html: str) -> str:
    text: str = get_text(_MARKS.sub("", html), _CONFIG)
    text = _LINK.sub(_written_link, text.replace("\xa0", " "))
    text = _DRAWN_RULE.sub("\n\n" + 20 * "-" + "\n\n", text)
    return _EMPTY_LINES.sub("\n\n", _TRAILING_SPACE.sub("", _MARKS.sub("", text))).strip("\n")


_kept = lru_cache(maxsize=512)(_read)


def _written_link(link: re.Match[str]) -> str:
    text, address = link[1].strip(), link[2].strip()
    if not text:
        return f"[{address}]" if address else ""
    return text if not address or text == address.removeprefix("mailto:") else f"{link[1]} ({address})"


def _open_link(state: Any, attributes: Any) -> None:
    address = attributes.get("href", "")
    state.link_target = "" if address.startswith("#") else address
    state.tags[-1].write(_OPEN)


def _close_link(state: Any) -> None:
    state.tags[-1].write(f"{_MIDDLE}{state.link_target}{_CLOSE}")


def _rule(state: Any, _attributes: Any) -> None:
    state.tags[-1].write(_RULE)


_CONFIG = ParserConfig(
    css=CSS_PROFILES["strict"],  # the default profile indents every div, and layouts are nested divs
    custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(
        start_tag_mapping={"a": _open_link, "hr": _rule}, end_tag_mapping={"a": _close_link}
    ),
)
