"""Reading request bodies: size, JSON, and what PostgreSQL cannot hold."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from api_shim.auth import header
from api_shim.errors import BodyTooLarge, Malformed, invalid, problem
from notify_workers.settings import settings

Model = TypeVar("Model", bound=BaseModel)


async def read_body(request: Request) -> bytes:
    """The whole body. Raises 413 as soon as it is known to be too large, so that it is not held in memory."""
    most = settings().max_body
    announced = header(request, b"content-length")
    if announced.isdigit() and int(announced) > most:
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
    """A JSON object. Raises 400 for what is not JSON and 422 for what is not an object, or holds NUL characters."""
    try:
        parsed = from_json(body)
    except ValueError as error:
        raise Malformed(f"The body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise problem("body", "must be a JSON object", "object")
    if b"\\u0000" in body and _holds_nul(parsed):
        raise problem("body", "must not contain NUL characters (\\u0000)", "string")
    return parsed


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(each) for name, each in value.items())
    return isinstance(value, list) and any(_holds_nul(each) for each in value)


def check(model: type[Model], value: Any) -> Model:
    """A value as a model. Raises 422 with the path of each problem."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid(error.errors(include_url=False)) from None


async def read_model(request: Request, model: type[Model]) -> tuple[Model, dict[str, Any]]:
    """The body as a model, and as it was written."""
    written = parse_json(await read_body(request))
    return check(model, written), written
