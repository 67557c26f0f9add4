"""Rendered content in a few words, and as text."""

from __future__ import annotations

import re
from typing import assert_never

from workflows.content import Call, Chat, Content, Email, FeedItem, GuideContent, Push, Sms

LONGEST = 60
_TAG = re.compile(r"<[^>]*>")


def title(content: Content) -> str:
    """What somebody sees first of it: its subject, its title, or its first words."""
    words = " ".join(_first(content).split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _first(content: Content) -> str:
    match content:
        case Email():
            return content.subject
        case Sms():
            return content.body
        case Push():
            return content.title or content.body
        case Chat():
            return content.summary or content.markdown or str(content.json_content or "")
        case FeedItem():
            return _TAG.sub("", _block(content, "body"))
        case GuideContent(values):
            return ", ".join(values)
        case Call():
            return f"{content.method.upper()} {content.url}"
        case _:
            assert_never(content)


def full_text(content: Content) -> str:
    """All that people read of it, with its address. Of an e-mail the text part, which says what the HTML says."""
    match content:
        case Email():
            return f"To: {content.to}\nSubject: {content.subject}\n\n{content.text.strip()}"
        case Sms():
            return f"To: {content.to}\n\n{content.body}"
        case Push():
            return f"{content.title}\n{content.body}".strip()
        case Chat():
            return content.markdown or str(content.json_content or "")
        case FeedItem():
            return f"{_block(content, 'body')}\n{_block(content, 'action_url')}".strip()
        case GuideContent(values):
            return str(dict(values))
        case Call():
            return f"{content.method.upper()} {content.url}\n{content.body or ''}".strip()
        case _:
            assert_never(content)


def _block(content: FeedItem, name: str) -> str:
    return next((str(block.get("rendered", "")) for block in content.blocks if block.get("name") == name), "")
