"""Reading request bodies: size, JSON, and what PostgreSQL cannot hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isinf
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api_shim.auth import header
from api_shim.errors import BodyTooLarge, Malformed, invalid, problem
from api_shim.query import parse_query
from notify_workers.settings import settings
from workflows.shape import join

HUGE = re.compile(rb"[eE]\+?\d{3}|(?<!\d)\d{300}")
"""What a number that is read as infinite has somewhere in it."""

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request, most: int | None = None) -> bytes:
    """The whole body. Raises 413 as soon as it is known to be too large, so that it is not held in memory."""
    most = settings().max_body if most is None else most
    announced = header(request, b"content-length")
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _too_large(most)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than {most} bytes")


def parse_json(body: bytes) -> dict[str, Any]:
    """A JSON object; no body is an empty one.

    Raises 400 for what is not JSON, 422 for what is not an object or cannot be stored.
    """
    parsed = parse_value(body or b"{}")
    if not isinstance(parsed, dict):
        raise problem("body", "must be a JSON object", "object")
    return parsed


def parse_value(body: bytes) -> Any:
    """Any JSON value. Raises 400 for what is not JSON, 422 for what cannot be stored."""
    try:
        parsed = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}") from None
    if b"\\u0000" in body or HUGE.search(body):  # cheaper than to look at every value
        _check_storable(parsed)
    return parsed


def _check_storable(parsed: Any) -> None:
    for path in unstorable(parsed):
        raise problem(path or "body", "must not contain NUL characters (\\u0000) or numbers beyond 1.8e308")


def unstorable(value: Any, path: str = "") -> Iterator[str]:
    """Where a JSON value holds what PostgreSQL cannot: NUL characters, and numbers that were read as infinite."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from unstorable(name, path)
            yield from unstorable(each, join(path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from unstorable(each, join(path, index))
    elif (isinstance(value, str) and "\0" in value) or (isinstance(value, float) and isinf(value)):
        yield path


def check(model: type[Model], value: Any) -> Model:
    """A value as a model. Raises 422 with the path of each problem."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from None


async def read_model(request: Request, model: type[Model]) -> tuple[Model, dict[str, Any]]:
    """The body as a model, and as it was written."""
    written = parse_json(await read_body(request))
    return check(model, written), written


async def read_model_or_query(request: Request, model: type[Model]) -> tuple[Model, dict[str, Any]]:
    """Like `read_model`; without a body, the query string is read: `@knocklabs/client` before 0.16.2 identifies so."""
    body = await read_body(request)
    written = parse_json(body) if body else parse_query(request.url.query)
    return check(model, written), written
