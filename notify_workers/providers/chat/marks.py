"""A step's Markdown in the marks that chat programs know: Slack's mrkdwn, WhatsApp's, and Telegram's HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Marks = tuple[str, str]
"""What stands before and after."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`quote` goes around a quotation; without it, `> ` goes before each of its lines. `link` takes text and address."""

    bold: Marks
    italic: Marks
    strike: Marks
    code: Marks
    fence: Marks
    escape: Callable[[str], str]
    link: Callable[[str, str], str]
    quote: Marks | None = None


def _slack(text: str) -> str:
    """Escapes, except where somebody is mentioned by an id. `<!channel>` and the like call everybody: they need JSON.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    return "".join(
        part if index % 2 else html.escape(part, quote=False)
        for index, part in enumerate(re.split(r"(<(?:@[UW]|#[CG]|!subteam\^S)[A-Z0-9]+>)", text))
    )


def _slack_link(text: str, address: str) -> str:
    where = _slack(address).replace("|", "%7C")
    return f"<{where}|{text}>" if text != html.escape(address, quote=False) else f"<{where}>"


def _plain_link(text: str, address: str) -> str:
    return f"{text} ({address})" if text != address else address


def _html_link(text: str, address: str) -> str:
    return f'<a href="{html.escape(address)}">{text}</a>'


MRKDWN = Dialect(("*", "*"), ("_", "_"), ("~", "~"), ("`", "`"), ("```\n", "```"), _slack, _slack_link)

WHATSAPP = Dialect(("*", "*"), ("_", "_"), ("~", "~"), ("`", "`"), ("```\n", "```"), str, _plain_link)

TELEGRAM = Dialect(
    ("<b>", "</b>"),
    ("<i>", "</i>"),
    ("<s>", "</s>"),
    ("<code>", "</code>"),
    ("<pre>", "</pre>"),
    lambda text: html.escape(text, quote=False),
    _html_link,
    ("<blockquote>", "</blockquote>"),
)


def marked(markdown: str, dialect: Dialect) -> str:
    return _blocks(SyntaxTreeNode(_parser().parse(markdown)), dialect, "\n\n")


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("strikethrough")


def _blocks(node: SyntaxTreeNode, dialect: Dialect, apart: str) -> str:
    return apart.join(_block(each, dialect) for each in node.children)


def _block(node: SyntaxTreeNode, dialect: Dialect) -> str:
    match node.type:
        case "heading":
            return _around(_inline(node, dialect), dialect.bold)
        case "bullet_list" | "ordered_list":
            return _list(node, dialect)
        case "blockquote":
            return _quote(_blocks(node, dialect, "\n\n"), dialect)
        case "fence" | "code_block":
            return _around(dialect.escape(node.content), dialect.fence)
        case "hr":
            return "———"
        case "html_block":
            return dialect.escape(node.content.rstrip("\n"))
        case _:
            return _inline(node, dialect)


def _list(node: SyntaxTreeNode, dialect: Dialect) -> str:
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    lines = []
    for index, item in enumerate(node.children):
        sign = "• " if first is None else f"{first + index}. "
        lines.append(sign + _blocks(item, dialect, "\n").replace("\n", "\n    "))
    return "\n".join(lines)


def _quote(text: str, dialect: Dialect) -> str:
    return _around(text, dialect.quote) if dialect.quote else "> " + text.replace("\n", "\n> ")


def _inline(node: SyntaxTreeNode, dialect: Dialect) -> str:
    return "".join(_span(each, dialect) for each in node.children)


def _span(node: SyntaxTreeNode, dialect: Dialect) -> str:
    match node.type:
        case "strong":
            return _around(_inline(node, dialect), dialect.bold)
        case "em":
            return _around(_inline(node, dialect), dialect.italic)
        case "s":
            return _around(_inline(node, dialect), dialect.strike)
        case "code_inline":
            return _around(dialect.escape(node.content), dialect.code)
        case "softbreak" | "hardbreak":
            return "\n"
        case "link" | "image":
            address = str(node.attrs.get("href") or node.attrs.get("src") or "")
            return dialect.link(_inline(node, dialect) or dialect.escape(address), address)
        case "inline":
            return _inline(node, dialect)
        case _:
            return dialect.escape(node.content)


def _around(text: str, marks: Marks) -> str:
    return f"{marks[0]}{text}{marks[1]}" if text else ""
