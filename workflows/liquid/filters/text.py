"""Words, Markdown, HTML and versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from liquid import Markup
from liquid.filter import int_arg, string_filter, with_context, with_environment

from workflows.liquid.context import Context
from workflows.liquid.limits import markdown_work
from workflows.liquid.markdown import markdown_to_html, untrusted_markdown_to_html
from workflows.liquid.values import identity, is_nothing, number

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_WORD = re.compile(r"\S+")
_HIDDEN = {"<script": "</script>", "<!--": "-->", "<style": "</style>"}
"""What Shopify's `strip_html` takes out with what is inside."""


def pluralize(value: Any, one: Any, other: Any) -> Any:
    """`{{ total_actors | pluralize: "user", "users" }}`: the first for 1, the second for every other number."""
    return one if not is_nothing(value) and number(value) == 1 else other


@string_filter
def titlecase(value: str) -> str:
    """Each word with its first letter large and the others small; spaces stay."""
    return _WORD.sub(lambda word: word[0][:1].upper() + word[0][1:].lower(), value)


@with_context
def from_markdown(value: Any, *, context: Context) -> str:
    """Markdown as HTML, which is not escaped again. HTML in a text that a variable brings is shown, not obeyed."""
    if is_nothing(value):
        return ""
    text = value if isinstance(value, str) else str(value)
    context.spend(markdown_work(text))
    html = markdown_to_html(text) if isinstance(text, Markup) else untrusted_markdown_to_html(text)
    return Markup(html) if context.autoescape else html


def compare_versions(value: Any, other: Any) -> int | None:
    """-1, 0 or 1 by the order of semantic versions (https://semver.org); nothing when one of them is none."""
    left, right = _precedence(value), _precedence(other)
    if left is None or right is None:
        return None
    return (left > right) - (left < right)


def _precedence(version: Any) -> tuple[Any, ...] | None:
    """Numbers before words, and a pre-release before its release; missing numbers are 0."""
    match = _VERSION.fullmatch(str(version).strip()[:256])
    if match is None:
        return None
    numbers = tuple(int(part or 0) for part in match.groups()[:3])
    if match[4] is None:
        return (*numbers, 1, ())
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in match[4].split("."))
    return (*numbers, 0, parts)


def equals(value: Any, other: Any) -> bool:
    """Whether both are the same, as `==` in a tag says it."""
    if is_nothing(value) or is_nothing(other):
        return is_nothing(value) and is_nothing(other)
    return identity(value) == identity(other)


@string_filter
def truncatewords(value: str, count: Any = 15, end: Any = "...") -> str:
    """The first words, and `end` if there are more of them; the library puts it also after exactly as many."""
    most = max(int_arg(count), 1)
    words = value.split()
    return value if len(words) <= most else " ".join(words[:most]) + str(end)


@with_environment
@string_filter
def strip_html(value: str, *, environment: Any) -> str:
    """Without tags, comments, scripts and styles. Goes through the text once, which the library's does not always."""
    text = "".join(_outside_tags(value))
    return Markup(text) if environment.autoescape and isinstance(value, Markup) else text


def _outside_tags(text: str) -> Iterator[str]:
    position, closed = 0, dict.fromkeys((*_HIDDEN, "<"), True)
    while (first := text.find("<", position)) >= 0:
        start = next((start for start in _HIDDEN if closed[start] and text.startswith(start, first)), "<")
        end = _HIDDEN.get(start, ">")
        last = text.find(end, first + len(start))
        if last >= 0:
            yield text[position:first]
            position = last + len(end)
        elif start == "<":
            break
        else:
            closed[start] = False  # nor will there be an end for the next one
    yield text[position:]


FILTERS: dict[str, Callable[..., Any]] = {
    "pluralize": pluralize,
    "titlecase": titlecase,
    "from_markdown": from_markdown,
    "compare_versions": compare_versions,
    "equals": equals,
    "strip_html": strip_html,
    "truncatewords": truncatewords,
}
