"""Blocks of an e-mail, rendered and taken apart."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from workflows.email.blocks import compile_block
from workflows.email.rows import RenderedBlock
from workflows.email.text_part import html_to_text
from workflows.templates import Button, ButtonSetBlock, EmailBlock, Partial, Resources

NAME = "email_1/visual_blocks/1"
CODE = [
    "javascript:alert(1)",
    " JavaScript:alert(1)",
    "java\nscript:alert(1)",
    "vbscript:x",
    "data:text/html,x",
    "file:///etc/passwd",
]
"""Addresses that would run code or open a file."""


class Elements(HTMLParser):
    """The start tags of some HTML: names, attributes, and the depth that is left open at the end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.depth = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.found.append((tag, dict(attrs)))
        self.depth += tag not in ("img", "br", "hr")

    def handle_endtag(self, tag: str) -> None:
        self.depth -= 1

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def rendered(block: EmailBlock, partials: tuple[Partial, ...] = (), **variables: Any) -> RenderedBlock:
    resources = Resources(partials={partial.key: partial for partial in partials})
    return compile_block(block, name=NAME, resources=resources)(variables)


def render(block: EmailBlock, **variables: Any) -> str:
    return rendered(block, **variables).html


def elements(block: EmailBlock, **variables: Any) -> Elements:
    parsed = Elements(render(block, **variables))
    assert parsed.depth == 0
    return parsed


def styles(attributes: dict[str, str | None]) -> dict[str, str]:
    pairs = (part.partition(":") for part in (attributes["style"] or "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def text(block: EmailBlock, **variables: Any) -> str:
    return html_to_text(rendered(block, **variables).reading).strip()


def buttons(*given: Button, **fields: Any) -> ButtonSetBlock:
    return ButtonSetBlock(given, **fields)
