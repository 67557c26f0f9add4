"""Where tracked links and the picture of tracked e-mails lead: quick, and never in the way of who reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from notify_workers import tracking
from notify_workers.errors import StoreUnavailable
from notify_workers.settings import settings
from notify_workers.tracking import Visit, is_key

router = APIRouter(include_in_schema=False)

PICTURE = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""One transparent pixel."""

HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-robots-tag": "noindex"}
AWAY = "This link does not work right now. Please try again in a moment.\n"
UNKNOWN = "This link is not valid. Please use the one in your message.\n"


class Backlog:
    """Visits of this process that are being written down."""

    def __init__(self) -> None:
        self.size = 0

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether there is one. While the database is slow, visits must not take all that readers need."""
        self.size += 1
        try:
            yield self.size <= settings().tracking_backlog
        finally:
            self.size -= 1


backlog = Backlog()


@router.api_route("/l/{token}", methods=["GET", "HEAD"])
async def follow(token: str, request: Request) -> Response:
    try:
        visit = await run_in_threadpool(tracking.find, token) if is_key(token) else _read(request, token, is_link=True)
    except StoreUnavailable:
        return PlainTextResponse(AWAY, 503, {**HEADERS, "retry-after": "10"})
    if visit is None:
        return PlainTextResponse(UNKNOWN, 404, HEADERS)
    return RedirectResponse(visit.url, 302, HEADERS, _counting(request, visit))


@router.api_route("/o/{token}.gif", methods=["GET", "HEAD"])
async def show(token: str, request: Request) -> Response:
    """The picture is shown in any case: a broken one is of no use to anybody."""
    visit = _read(request, token, is_link=False)
    return Response(PICTURE, 200, HEADERS, "image/gif", _counting(request, visit) if visit else None)


def _read(request: Request, token: str, *, is_link: bool) -> Visit | None:
    """By what this process knows: nobody is asked."""
    return tracking.read(token, request.app.state.directory.snapshot.signing_secrets, is_link=is_link)


def _counting(request: Request, visit: Visit) -> BackgroundTask | None:
    """What is done when the answer is on its way."""
    return BackgroundTask(_count, visit) if tracking.counts(request.method, request.headers) else None


async def _count(visit: Visit) -> None:
    with backlog.place() as there_is_one:
        if there_is_one:
            await run_in_threadpool(tracking.mark, visit)
