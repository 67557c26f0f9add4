"""Style sheets of a body, moved into the document's head: Gmail takes them nowhere else."""

from __future__ import annotations

import re

# Comments first: what stands in one is for Outlook and stays where it is.
_STYLE = re.compile(r"<!--.*?-->|<style\b[^>]*>.*?</style\s*>", re.DOTALL | re.IGNORECASE)
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)


def has_head(document: str) -> bool:
    return _HEAD.search(document) is not None


def without_styles(body: str) -> tuple[str, list[str]]:
    """The body without its style elements, and these, each once."""
    styles: dict[str, None] = {}

    def take(found: re.Match[str]) -> str:
        if found[0].startswith("<!--"):
            return found[0]
        styles[found[0]] = None
        return ""

    return _STYLE.sub(take, body), list(styles)


def into_head(document: str, styles: list[str]) -> str:
    """At the top of the head, so that the layout's own rules win over them."""
    head = _HEAD.search(document)
    if head is None or not styles:
        return document
    return "\n".join([document[: head.end()], *styles]) + document[head.end() :]
