"""Liveness and readiness."""

from __future__ import annotations

from fastapi import APIRouter, Request
from redis import RedisError
from starlette.responses import JSONResponse, Response

from notify_workers import clock
from notify_workers.errors import StoreUnavailable
from notify_workers.redis_client import client

router = APIRouter(tags=["Health"])


@router.get("/health/live")
async def live(_: Request) -> Response:
    """The process answers."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@router.get("/health")
def ready() -> Response:
    """Whether both stores answer: 200, or 503 with the one that does not."""
    stores = {"postgresql": _postgresql(), "redis": _redis()}
    up = all(state == "ok" for state in stores.values())
    headers = {} if up else {"Retry-After": str(StoreUnavailable.retry_after)}
    return JSONResponse(
        {"status": "ok" if up else "unavailable", **stores}, status_code=200 if up else 503, headers=headers
    )


def _postgresql() -> str:
    try:
        clock.now()
    except StoreUnavailable:
        return "unavailable"
    return "ok"


def _redis() -> str:
    try:
        client().ping()
    except RedisError:
        return "unavailable"
    return "ok"
