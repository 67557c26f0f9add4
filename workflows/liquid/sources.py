"""Sources that the library would take very long to read: its patterns look for each missing end up to the source's end."""

from __future__ import annotations

import re

from liquid.exceptions import LiquidSyntaxError
from liquid.token import TOKEN_EOF, Token

SOURCE_LIMIT = 1_000_000
"""Characters of one template."""

_MOST_UNCLOSED = 100
"""Openings after the last ending. One is an error already, unless it stands in a comment."""

_PAIRS = tuple(
    (name, re.compile(opening), re.compile(ending))
    for name, opening, ending in (
        ("{{", r"\{\{", r"\}\}"),
        ("{%", r"\{%", r"%\}"),
        ("raw", r"\{%-?\s*raw\b", r"\{%-?\s*endraw\s*-?%\}"),
        ("doc", r"\{%-?\s*doc\b", r"\{%-?\s*enddoc\s*-?%\}"),
    )
)
_LONG_SPACE = re.compile(r"\{[{%]-?\s*\w*\s{200}")


def check_source(source: str) -> None:
    """Raises `LiquidSyntaxError`."""
    if len(source) > SOURCE_LIMIT:
        raise _error(f"a template of more than {SOURCE_LIMIT} characters", source, 0)
    if space := _LONG_SPACE.search(source):
        raise _error("200 spaces in a tag", source, space.start())
    for name, opening, ending in _PAIRS:
        end = max((match.end() for match in ending.finditer(source)), default=0)
        unclosed = [match.start() for match in opening.finditer(source, end)]
        if len(unclosed) > _MOST_UNCLOSED:
            raise _error(f"'{name}' is never closed", source, unclosed[0])


def _error(message: str, source: str, index: int) -> LiquidSyntaxError:
    return LiquidSyntaxError(message, token=Token(TOKEN_EOF, "", index, source))
