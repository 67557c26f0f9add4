"""Markdown as HTML, for mails, feeds and the filter `from_markdown`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from html import unescape

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

KEPT = 10_000
"""Characters of a text up to which its result is kept: what many recipients get alike is rendered once."""


def markdown_to_html(source: str) -> str:
    """CommonMark with tables and strikethrough, from a text whose variables are escaped; bare addresses are no links.

    HTML that stands in the text stays HTML; what a feed must not have of it `workflows.channels.feed_safety` takes out.
    """
    return _kept(source) if len(source) <= KEPT else _rendered(source)


def _rendered(source: str) -> str:
    return str(_AUTHORS.render(source))


_kept = lru_cache(maxsize=512)(_rendered)


def untrusted_markdown_to_html(source: str) -> str:
    """The same of a text from anywhere: HTML in it is shown, not obeyed."""
    return str(_ANYBODYS.render(source))


def _unescape_code(state: StateCore) -> None:
    """Markdown escapes code itself: without this an escaped variable in code would show its escapes."""
    for token in _code_tokens(state.tokens):
        token.content = unescape(token.content)


def _code_tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from _code_tokens(token.children or [])
        if token.type in ("code_inline", "code_block", "fence"):
            yield token


def _markdown(*, html: bool) -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": html}).enable(["table", "strikethrough"])


_AUTHORS = _markdown(html=True)
_AUTHORS.core.ruler.push("unescape_code", _unescape_code)
_ANYBODYS = _markdown(html=False)
