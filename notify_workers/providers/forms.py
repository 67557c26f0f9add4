"""Bodies as HTML forms have them, `application/x-www-form-urlencoded`, for the vendors that take nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from pydantic_core import to_json


def form(fields: Mapping[str, Any]) -> bytes:
    """A list is one field several times; what is neither text nor a number is written as JSON."""
    return urlencode(list(_pairs(fields))).encode()


def _pairs(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        for each in value if isinstance(value, list | tuple) else (value,):
            yield name, each if isinstance(each, str) else to_json(each).decode()
