"""The HTTP application: routes, one error handler, request ids."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api_shim.api_log import Recorder, is_logged
from api_shim.cors import cors, from_a_page
from api_shim.directory import Directory, load_snapshot
from api_shim.errors import answer_to, error_response, install_handlers, problem
from api_shim.feed_hub import FeedHub
from api_shim.feed_topics import FeedTopics
from api_shim.guide_topics import GuideTopics
from api_shim.ingest import Ingest
from api_shim.limits import Limiter, rates
from api_shim.openapi import complete, docs_page
from api_shim.realtime import PATH, Realtime, Topics, endpoint, keep_secrets
from api_shim.routes import (
    audiences,
    bulk_operations,
    channel_data,
    dev,
    feed_streams,
    feeds,
    guides,
    health,
    integrations,
    messages,
    objects,
    preference_center,
    preferences,
    provider_connections,
    providers,
    schedules,
    sources,
    statuses,
    subscriptions,
    tenants,
    tracking,
    unsubscribe,
    users,
    vendor_events,
    workflow_recipient_runs,
    workflows,
)
from api_shim.schemas.common import Error
from api_shim.stopping import told_to_stop
from notify_workers.api_log import Writer
from notify_workers.redis_client import async_client
from notify_workers.settings import settings

ROUTES = (
    workflows,
    workflow_recipient_runs,
    users,
    guides,
    feed_streams,
    feeds,
    preferences,
    preference_center,
    channel_data,
    objects,
    subscriptions,
    tenants,
    schedules,
    statuses,
    messages,
    bulk_operations,
    audiences,
    providers,
    provider_connections,
    integrations,
    sources,
    vendor_events,
    unsubscribe,
    tracking,
    health,
)
"""The first that matches answers: fixed paths stand before those with parameters (`/messages/batch/…`, `/messages/{id}/…`)."""


class Front:
    """Gives every request an id, shown in `x-request-id`, and answers the hot path before the framework does.

    A framework's routing and dependencies cost three times what a trigger itself does, so triggers, and the liveness
    answer that they are measured against, go straight to their endpoints. The framework has the same routes, for its
    OpenAPI document.
    """

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._cors = cors(self._serve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif from_a_page(scope):
            await self._cors(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        writer: Writer | None = getattr(self.app.state, "api_log", None)
        if writer is None or not is_logged(scope):
            await self._answer(scope, receive, send_with_id)
            return
        recorder = Recorder(writer, scope)
        try:
            await self._answer(scope, recorder.receiving(receive), recorder.sending(send_with_id))
        finally:
            recorder.done()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _holds_nul(scope):
            await error_response(problem("url", "must not contain NUL characters (%00)"))(scope, receive, send)
            return
        endpoint = _hot_endpoint(scope)
        if endpoint is None:
            await self._answer_by_framework(scope, receive, send)
            return
        scope["app"] = self.app
        request = Request(scope, receive)
        try:
            answer = await endpoint(request)
        except Exception as error:
            answer = answer_to(request, error)
        await answer(scope, receive, send)

    async def _answer_by_framework(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What goes wrong is answered and logged by `answer_to`. The framework raises it again, for the server, which would log
        what it says too, and that may quote what people wrote.
        """
        with contextlib.suppress(Exception):
            await self.app(scope, receive, send)


def _holds_nul(scope: Scope) -> bool:
    """PostgreSQL's text cannot hold it, so nothing is named by it."""
    return "\0" in scope["path"] or b"%00" in scope["query_string"]


def _hot_endpoint(scope: Scope) -> Callable[[Request], Awaitable[Response]] | None:
    path: str = scope["path"]
    if scope["method"] == "POST" and path.startswith("/v1/workflows/") and path.endswith("/trigger"):
        key = path[len("/v1/workflows/") : -len("/trigger")]
        if not key or "/" in key:
            return None
        scope["state"]["operation"] = "triggerWorkflow"
        return partial(workflows.trigger_from, key)
    return health.live if path == "/health/live" and scope["method"] == "GET" else None


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    directory = Directory(await run_in_threadpool(load_snapshot))
    app.state.directory = directory
    app.state.ingest = Ingest(async_client())
    app.state.limiter = Limiter(async_client(), rates()) if settings().limits_rates else None
    app.state.api_log = Writer() if settings().api_log else None
    following = asyncio.create_task(directory.follow())
    app.state.feed_hub = FeedHub()
    topics: dict[str, Topics] = {"guides": GuideTopics(), "feeds": FeedTopics(app.state.feed_hub)}
    app.state.realtime = Realtime(directory, topics, app.state.feed_hub.tasks)
    app.state.realtime.start()
    with told_to_stop() as app.state.stopping:
        yield
    await app.state.realtime.stop()
    await _end(following)
    await app.state.ingest.close()
    if app.state.limiter is not None:
        await app.state.limiter.close()
    if app.state.api_log is not None:
        await run_in_threadpool(app.state.api_log.close)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancels until it has ended: redis-py sends within `asyncio.wait_for`, which loses cancellations before Python 3.12."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.01)


def make_app() -> Front:
    """The application, ready to be served."""
    app = FastAPI(
        title="Doorbell",
        version=version("doorbell"),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": {"model": Error, "description": "The request is refused."}},
    )
    install_handlers(app)
    for module in ROUTES:
        app.include_router(module.router)
    if settings().development:
        app.include_router(dev.router)
    app.add_api_websocket_route(PATH, endpoint)
    keep_secrets()
    _serve_documentation(app)
    return Front(app)


def _serve_documentation(app: FastAPI) -> None:
    def document() -> dict[str, Any]:
        return complete(app.openapi())

    @app.get("/v1/openapi", include_in_schema=False)
    def openapi() -> Response:
        return JSONResponse(document())

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return HTMLResponse(docs_page(document()))
