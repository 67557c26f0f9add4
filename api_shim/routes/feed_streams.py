"""What changes in a feed as Server-Sent Events, for programs without a socket (docs/feed.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api_shim.auth import Public, Standing
from api_shim.bodies import check
from api_shim.errors import problem
from api_shim.feed_access import check_channel, filter_of
from api_shim.feed_hub import FeedHub
from api_shim.feed_listeners import Follower
from api_shim.openapi import query_of
from api_shim.query import parse_query
from api_shim.schemas.feeds import FeedStreamQuery
from notify_workers import feeds
from notify_workers.settings import settings
from notify_workers.store import feed_changes
from notify_workers.store.feed_changes import Feed
from notify_workers.store.messages import LONGEST_NUMBER
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Feeds"])

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Nobody on the way keeps a stream, or holds it back until it is long."""

RECONNECT = 2000
"""Milliseconds after which a program whose stream has ended asks again."""

Frame = tuple[str, Mapping[str, Any]]


@router.get(
    "/v1/users/{user_id}/feeds/{id}/stream",
    operation_id="streamUserInAppFeed",
    openapi_extra=query_of(FeedStreamQuery),
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(user_id: str, id: UUID, request: Request, caller: Public) -> StreamingResponse:
    """Events `created`, `updated`, `removed`; `id` of each is a number, and `Last-Event-ID` or `after` asks for all after it.

    The first event, `ready`, tells the number from which the stream goes on. A program that is too slow is cut off, and
    finds everything when it asks again.
    """
    query = check(FeedStreamQuery, parse_query(request.url.query))
    last = _last_event(request)
    after = query.after if last is None else last  # a browser that comes back repeats the address it was given first
    feed = Feed(caller.environment_id, id, user_id)
    wanted = filter_of(caller, Reference(USERS, user_id), query)
    known = await run_in_threadpool(_sequence, feed)
    waiting: asyncio.Queue[Frame] = asyncio.Queue(settings().socket_queue)
    cut_off = asyncio.Event()

    def push(event: str, payload: Mapping[str, Any]) -> None:
        try:
            waiting.put_nowait((event, payload))
        except asyncio.QueueFull:
            cut_off.set()

    async def follower() -> Follower:
        sequence = known if after is None else after
        return Follower(feed=feed, push=push, sequence=sequence, wanted=wanted, mode=query.mode, is_idle=waiting.empty)

    hub: FeedHub = request.app.state.feed_hub
    listener = await hub.enter(feed, follower)
    standing = Standing(request.app.state.directory, caller)
    events = _events(listener.sequence, waiting, request.app.state.stopping, standing)
    return Stream(events, cut_off, partial(hub.leave, listener))


class Stream(StreamingResponse):
    """Sends events until they end, the program goes away, or it is cut off, whatever it has not taken yet."""

    def __init__(self, events: AsyncIterator[bytes], cut_off: asyncio.Event, end: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=HEADERS)
        self._cut_off, self._end = cut_off, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(settings().socket_slow):
                await send(message)

        sending = asyncio.create_task(super().__call__(scope, receive, send_in_time))
        cut = asyncio.create_task(self._cut_off.wait())
        try:
            await asyncio.wait([sending, cut], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._end()
            for task in (sending, cut):
                task.cancel()
            await asyncio.wait([sending, cut])


def _last_event(request: Request) -> int | None:
    written = request.headers.get("last-event-id", "")
    if not written:
        return None
    if not written.isdecimal() or len(written) > LONGEST_NUMBER:
        raise problem("Last-Event-ID", "must be the number of an event of this stream")
    return int(written)


def _sequence(feed: Feed) -> int:
    """Raises 404 for a channel that is unknown, 422 for one that has no feed."""
    with transaction() as tx:
        check_channel(tx, feed.environment_id, feed.channel_id)
    feeds.settle([feed])
    with transaction() as tx:
        state = feed_changes.states(tx, [feed]).get(feed)
    return state.sequence if state else 0


async def _events(
    sequence: int, waiting: asyncio.Queue[Frame], stopping: asyncio.Event, standing: Standing
) -> AsyncIterator[bytes]:
    """Until the process is told to stop. A comment now and then tells both sides that the other is there."""
    yield f"retry: {RECONNECT}\nid: {sequence}\nevent: ready\ndata: {{}}\n\n".encode()
    over = asyncio.create_task(stopping.wait())
    coming = asyncio.create_task(waiting.get())
    try:
        while standing.holds():
            beat = settings().feed_stream_beat
            await asyncio.wait([coming, over], timeout=beat, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                return
            if not coming.done():
                yield b": beat\n\n"
                continue
            if not standing.holds():
                return
            _, payload = coming.result()
            for change in payload["changes"]:
                yield _event(change, payload["metadata"])
            coming = asyncio.create_task(waiting.get())
    finally:
        over.cancel()
        coming.cancel()


def _event(change: Mapping[str, Any], metadata: Mapping[str, Any]) -> bytes:
    told = {name: change[name] for name in ("id", "item") if name in change}
    data = to_json({**told, "meta": metadata}).decode()
    return f"id: {change['sequence']}\nevent: {change['type']}\ndata: {data}\n\n".encode()
