"""Errors in the contract's shape (api-endpoints §1.7): `{code, message, status, type}`, and `errors` if it is a 422."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from redis import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from notify_workers.errors import DoorbellError, InvalidParams, NotFound, StoreUnavailable, kind_and_place
from workflows.shape import join

log = logging.getLogger(__name__)

MOST_PROBLEMS = 100
"""Problems that one answer names at most: a body of megabytes may have a problem in every line."""

MEMBERS = ("<id>", "<user>", "<object>", "<tenant>")
"""Members of unions, which pydantic puts into the path of a problem."""


class AuthenticationFailed(DoorbellError):
    """No key, a wrong key (401), or a key that may not do this (403)."""

    status = 401
    type = "authentication_error"

    def __init__(self, code: str, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class WorkflowMissing(NotFound):
    code = "workflow_missing"


class WorkflowInactive(InvalidParams):
    code = "workflow_inactive"


class Malformed(DoorbellError):
    code = "malformed_request"
    status = 400
    type = "invalid_request_error"


class BodyTooLarge(DoorbellError):
    code = "payload_too_large"
    status = 413
    type = "invalid_request_error"


class IdempotencyRefused(DoorbellError):
    """The body also says `error`, because the reference implementation says it there."""

    status = 400
    type = "idempotency_error"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RateLimited(DoorbellError):
    """Too many requests of a kind. `wait`: microseconds until the next is answered."""

    code = "too_many_requests"
    status = 429
    type = "rate_limit_error"

    def __init__(self, wait: int) -> None:
        super().__init__("Too many requests of this kind; wait as long as `Retry-After` says")
        self.wait = wait

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(ceil(self.wait / 1_000_000)), "retry-after-ms": str(ceil(self.wait / 1000))}


def error_body(error: DoorbellError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message, "status": error.status, "type": error.type}
    if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        body["errors"] = error.errors
    if isinstance(error, IdempotencyRefused):
        body["error"] = error.code
    return body


def error_response(error: DoorbellError) -> Response:
    return JSONResponse(error_body(error), status_code=error.status, headers=_headers(error))


def _headers(error: DoorbellError) -> dict[str, str] | None:
    match error:
        case StoreUnavailable():
            return {"Retry-After": str(error.retry_after)}
        case RateLimited():
            return error.headers
    return None


def _unavailable(error: StoreUnavailable) -> Response:
    """Says which store does not answer; where it lives and why is for the log only."""
    log.warning("%s", error.message)
    return error_response(StoreUnavailable(error.message.partition(":")[0]))


def invalid(problems: Iterable[Mapping[str, Any] | ErrorDetails]) -> InvalidParams:
    """Pydantic's list of problems as ours, fields written as paths: `recipients[0].id`."""
    errors = [
        {"field": _path(each["loc"]) or "body", "message": _message(each), "type": str(each["type"])}
        for each in islice(problems, MOST_PROBLEMS)
    ]
    fields = ", ".join(dict.fromkeys(each["field"] for each in errors))
    return InvalidParams(f"The request is not valid: {fields}", errors=errors)


def too_large(field: str, most: int) -> InvalidParams:
    return problem(field, f"must not be larger than {most} bytes", "too_large")


def problem(field: str, message: str, kind: str = "value_error") -> InvalidParams:
    """One problem with one field."""
    return InvalidParams(f"{field} {message}", errors=[{"field": field, "message": message, "type": kind}])


def _path(location: Iterable[int | str]) -> str:
    return join("", *(part for part in location if part not in MEMBERS))


def _message(each: Mapping[str, Any] | ErrorDetails) -> str:
    return str(each["msg"]).removeprefix("Value error, ")


def install_handlers(app: FastAPI) -> None:
    """One handler turns every error into the wire's body."""
    for kind in (DoorbellError, RequestValidationError, RedisError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    """Not a plain function: those wait for a thread, and when a store is away all threads wait for it."""
    return answer_to(request, error)


def answer_to(request: Request, error: Exception) -> Response:
    """The answer to a request that ended in an error."""
    match error:
        case StoreUnavailable():
            return _unavailable(error)
        case DoorbellError():
            return error_response(error)
        case RequestValidationError():
            return error_response(invalid({**each, "loc": each["loc"][1:]} for each in error.errors()))
        case RedisError():
            return _unavailable(StoreUnavailable(f"Redis does not answer: {error}"))
        case HTTPException():
            return _refusal(error)
        case ClientDisconnect():
            return error_response(Malformed("The body ended early"))
    request_id = request.scope["state"]["request_id"]
    log.error("%s %s failed (request %s): %s", request.method, _address(request), request_id, kind_and_place(error))
    return error_response(DoorbellError("Something went wrong here; the request id tells which request it was"))


def _address(request: Request) -> str:
    """As the route is written: in what was asked for there may be people's ids, and in links to pages what opens them."""
    address: str = getattr(request.scope.get("route"), "path", "") or request.scope["path"]
    return address


def _refusal(error: HTTPException) -> Response:
    """What the framework itself refuses: an unknown address, a wrong method."""
    named = DoorbellError(error.detail)
    named.status = error.status_code
    named.code = HTTPStatus(error.status_code).name.lower()
    named.type = "invalid_request_error"
    response = error_response(named)
    response.headers.update(error.headers or {})
    return response
