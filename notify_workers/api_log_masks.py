"""What the API log shows of a body, a path or a query: without secrets, and without what PostgreSQL cannot hold."""

from __future__ import annotations

import re
from functools import lru_cache
from math import isfinite
from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json

LONGEST_KNOWN_NAME = 64
"""Characters of a field's name from which it is not remembered whether it names a secret."""

LONGEST = 2048
"""Characters of a path or a query that are kept."""

MASKED = "[MASKED]"
TRUNCATED = "[TRUNCATED]"
NOT_JSON = "[NOT JSON]"

_SECRET_NAME = re.compile(
    r"pass(word|phrase|wd|code)|secret|token|authorization|credential|cookie|(api|private|signing|access)[-_]?key"
    r"|incoming_webhook|apprise_url|signed_url",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(r"^((?i:bearer )|sk_|knock_st_|-----BEGIN)|(?<![\w-])eyJ[\w-]+\.eyJ|/(p|unsubscribe)/WyI")
"""What begins like a secret, and what has a JWT or a link to one of our own pages in it: who has the link needs nothing else."""

_NUL = re.compile(r"\\u0000|[eE]\+?\d{3}|(?<!\d)\d{300}")
"""What a body has somewhere that PostgreSQL cannot hold. Ids may look so too."""


def storable(text: str) -> str:
    clean = text.replace("\0", "%00").encode(errors="replace").decode()
    return clean if len(clean) <= LONGEST else clean[:LONGEST] + TRUNCATED


def shown(body: str | None) -> Any:
    """A body as it is logged: without its secrets; None when there is none."""
    if body == "":
        return None
    if body is None:
        return TRUNCATED
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError:
        return NOT_JSON
    return NOT_JSON if _NUL.search(body) and not _is_storable(value) else masked(value)


def _is_storable(value: Any) -> bool:
    """PostgreSQL holds neither NUL characters nor numbers that were read as infinite."""
    match value:
        case dict():
            return all("\0" not in name and _is_storable(each) for name, each in value.items())
        case list():
            return all(map(_is_storable, value))
        case str():
            return "\0" not in value
        case float():
            return isfinite(value)
    return True


def masked(value: Any) -> Any:
    """The value with its secrets masked, which are told by their names and their looks."""
    if isinstance(value, dict):
        return {name: MASKED if _names_secret(name) and each else masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    return MASKED if isinstance(value, str) and _SECRET_TEXT.search(value) else value


def _names_secret(name: str) -> bool:
    """Most bodies have the same few names, and looking for all the words costs more than the rest of a row."""
    return _known_name(name) if len(name) <= LONGEST_KNOWN_NAME else _SECRET_NAME.search(name) is not None


@lru_cache(maxsize=4096)
def _known_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def masked_query(query: str) -> str:
    return "&".join(_masked_parameter(each) for each in query.split("&"))


def _masked_parameter(written: str) -> str:
    name, separator, value = written.partition("=")
    secret = _SECRET_NAME.search(unquote(name)) or _SECRET_TEXT.search(unquote(value))
    return f"{name}{separator}{MASKED}" if secret and value else written
