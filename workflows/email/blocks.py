"""The visual editor's blocks as HTML.

Variables are escaped before Markdown is applied, so they can bring emphasis and links but no HTML of their own; HTML
that the author writes into a Markdown block stays HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, assert_never

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from workflows.liquid.environment import Template, compile_template
from workflows.model import EmailBlock, HtmlBlock, MarkdownBlock, Padding


@dataclass(frozen=True, slots=True)
class CompiledBlock:
    template: Template
    finish: Callable[[str], str]
    padding: Padding | None

    def render(self, variables: Mapping[str, Any]) -> str:
        return _padded(self.finish(self.template.render(variables)), self.padding)


def compile_block(block: EmailBlock, *, name: str) -> CompiledBlock:
    """`name` is without its ending, such as `email_1/visual_blocks/1.content`. Raises `TemplateError`."""
    match block:
        case MarkdownBlock():
            template = compile_template(block.content, name=f"{name}.md", html=True)
            return CompiledBlock(template, markdown_to_html, block.padding)
        case HtmlBlock():
            template = compile_template(block.content, name=f"{name}.html", html=True)
            return CompiledBlock(template, str, block.padding)
        case _:
            assert_never(block)


def markdown_to_html(source: str) -> str:
    """CommonMark with tables and strikethrough; bare addresses are not made links."""
    return str(_MARKDOWN.render(source))


def _padded(html: str, padding: Padding | None) -> str:
    if padding is None:
        return html
    style = f"padding:{padding.top}px {padding.right}px {padding.bottom}px {padding.left}px"
    return f'<div style="{style}">\n{html}\n</div>'


def _unescape_code(state: StateCore) -> None:
    """Markdown escapes code itself: without this an escaped variable in code would show its escapes."""
    for token in _code_tokens(state.tokens):
        token.content = unescape(token.content)


def _code_tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from _code_tokens(token.children or [])
        if token.type in ("code_inline", "code_block", "fence"):
            yield token


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    markdown.core.ruler.push("unescape_code", _unescape_code)
    return markdown


_MARKDOWN = _markdown()
