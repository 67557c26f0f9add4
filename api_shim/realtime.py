"""The socket of the in-app channels: Phoenix channels over a WebSocket (contract: feed-protocol §6).

A socket belongs to a key and perhaps a user token, checked before it is accepted. What there is to join is one class per
kind of topic (`Topics`), found by the topic's first word. Live sockets are never closed with 1000: clients would not come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.websockets import WebSocket, WebSocketDisconnect

from api_shim.auth import Caller, Standing, caller_of, from_loopback
from api_shim.cors import is_allowed
from api_shim.directory import Directory
from api_shim.errors import AuthenticationFailed
from api_shim.phoenix import CLOSE, HEARTBEAT, JOIN, LEAVE, PHOENIX, Frame, MalformedFrame, decode, encode, reply
from notify_workers.errors import DoorbellError, StoreUnavailable, kind_and_place
from notify_workers.settings import settings

log = logging.getLogger(__name__)

PATH = "/ws/v1/websocket"

GOING_AWAY, UNSUPPORTED, POLICY, TOO_BIG, TRY_AGAIN = 1001, 1003, 1008, 1009, 1013

RESTART = 1.0
"""Seconds before a task that failed begins anew."""

CLOSING = 2.0
"""Seconds that a client has to take the news that it is closed."""


@dataclass(eq=False)
class Member:
    """One topic joined by one socket. `rest` is what follows the topic's first colon."""

    topic: str
    rest: str
    join_ref: str | None
    caller: Caller
    socket: Socket

    def push(self, event: str, payload: Mapping[str, Any]) -> None:
        """Sends when the client takes it; a client that is too slow loses its socket, and one that may not stay."""
        if self.socket.standing.holds():
            self.socket.send(Frame(self.join_ref, None, self.topic, event, payload))
        else:
            self.socket.end(POLICY)

    @property
    def is_idle(self) -> bool:
        """Whether the client has taken all that it was sent."""
        return self.socket.is_idle


class Topics(Protocol):
    """One kind of topic, of all the sockets of this process."""

    async def join(self, member: Member, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Takes a member in; what the reply says. Raises `DoorbellError`, and then nothing was joined."""
        ...

    def leave(self, member: Member) -> None:
        """Also of a member that is not there any more."""
        ...

    async def follow(self) -> None:
        """Pushes what happens, until cancelled."""
        ...


@dataclass
class Socket:
    websocket: WebSocket
    caller: Caller
    directory: Directory
    kinds: Mapping[str, Topics]
    wants_changes: bool = False
    joined: dict[str, Member] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._waiting: asyncio.Queue[str] = asyncio.Queue(settings().socket_queue)
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.standing = Standing(self.directory, self.caller)

    def send(self, frame: Frame) -> None:
        try:
            self._waiting.put_nowait(encode(frame))
        except asyncio.QueueFull:
            self.end(TRY_AGAIN)

    @property
    def is_idle(self) -> bool:
        return self._waiting.empty()

    def end(self, code: int) -> None:
        """Closes the socket as soon as nothing else is done with it; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(code)

    async def serve(self) -> None:
        """Until either side closes."""
        await self.websocket.accept()
        writing = asyncio.create_task(self._write())
        try:
            code = await self._read()
        finally:
            for topic in list(self.joined):
                self._part(topic)
            writing.cancel()
            await asyncio.wait([writing])
        if code is not None:
            with contextlib.suppress(RuntimeError, OSError, WebSocketDisconnect, TimeoutError):
                async with asyncio.timeout(CLOSING):
                    await self.websocket.close(code)

    async def _write(self) -> None:
        try:
            while True:
                text = await self._waiting.get()
                async with asyncio.timeout(settings().socket_slow):
                    await self.websocket.send_text(text)
        except TimeoutError:
            self.end(TRY_AGAIN)
        except (RuntimeError, OSError, WebSocketDisconnect):
            self.end(GOING_AWAY)

    async def _read(self) -> int | None:
        """The code to close with; None: the client has closed, or the server does."""
        while True:
            receiving = asyncio.create_task(self.websocket.receive())
            either: set[asyncio.Future[Any]] = {receiving, self._ended}
            await asyncio.wait(either, timeout=settings().socket_idle, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done() or not receiving.done():
                receiving.cancel()
                return self._ended.result() if self._ended.done() else GOING_AWAY
            message = receiving.result()
            if message["type"] == "websocket.disconnect":
                return None
            if refused := await self._take(message.get("text")):
                return refused

    async def _take(self, text: str | None) -> int | None:
        """Answers one message; the code to close with if it cannot be."""
        if text is None:
            return UNSUPPORTED
        if len(text.encode(errors="replace")) > settings().socket_frame:
            return TOO_BIG
        if not self.standing.holds():
            return POLICY
        try:
            await self._answer(decode(text))
        except MalformedFrame:
            return UNSUPPORTED
        return None

    async def _answer(self, frame: Frame) -> None:
        if frame.topic == PHOENIX:
            if frame.event == HEARTBEAT:
                self.send(reply(frame, "ok"))
        elif frame.event == JOIN:
            await self._join(frame)
        elif frame.event == LEAVE:
            self._leave(frame)

    async def _join(self, frame: Frame) -> None:
        """A topic that is joined again is joined anew, so that a leave that comes late means the old one."""
        kind, _, rest = frame.topic.partition(":")
        topics = self.kinds.get(kind)
        if topics is None:
            self.send(reply(frame, "error", {"reason": "unmatched topic"}))
            return
        self._part(frame.topic)
        if len(self.joined) >= settings().socket_topics:
            self.send(reply(frame, "error", {"reason": "too many topics"}))
            return
        member = Member(frame.topic, rest, frame.join_ref, self.caller, self)
        try:
            response = await topics.join(member, frame.payload)
        except Exception as error:
            self.send(reply(frame, "error", _reason(error)))
            return
        self.joined[frame.topic] = member
        self.send(reply(frame, "ok", response))

    def _leave(self, frame: Frame) -> None:
        member = self.joined.get(frame.topic)
        self.send(reply(frame, "ok"))
        if member is not None and frame.join_ref in (member.join_ref, None):
            self._part(frame.topic)
            self.send(Frame(member.join_ref, member.join_ref, frame.topic, CLOSE, {}))

    def _part(self, topic: str) -> None:
        member = self.joined.pop(topic, None)
        if member is not None:
            self.kinds[topic.partition(":")[0]].leave(member)


def _reason(error: Exception) -> dict[str, Any]:
    """What a client may know of why it could not join."""
    if isinstance(error, StoreUnavailable):
        return {"reason": error.code}
    if isinstance(error, DoorbellError):
        return {"reason": error.code, "message": error.message}
    log.error("a topic could not be joined: %s", kind_and_place(error))
    return {"reason": "internal_error"}


class Realtime:
    """What the sockets of this process share: the kinds of topics, and the tasks that push to their members.

    `tasks` are others that run as long.
    """

    def __init__(
        self,
        directory: Directory,
        kinds: Mapping[str, Topics],
        tasks: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        self.directory = directory
        self.kinds = kinds
        self._tasks = [*tasks, *(each.follow for each in kinds.values())]
        self._following: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._following = [asyncio.create_task(_for_ever(each)) for each in self._tasks]

    async def stop(self) -> None:
        """redis-py sends within `asyncio.wait_for`, which loses cancellations before Python 3.12."""
        while pending := [task for task in self._following if not task.done()]:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=0.01)


async def _for_ever(task: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A task that fails, for whatever reason, begins anew: nobody would be told anything any more."""
    while True:
        try:
            await task()
        except Exception as error:
            log.error("what tells sockets begins anew: %s", kind_and_place(error))
        await asyncio.sleep(RESTART)


async def endpoint(websocket: WebSocket) -> None:
    """A wrong key, token or page refuses the upgrade with 403. Empty pieces between the parameters mean nothing."""
    realtime: Realtime = websocket.app.state.realtime
    if not is_allowed(websocket.headers.get("origin")):
        await websocket.close(POLICY)
        return
    given = dict(parse_qsl(websocket.scope["query_string"].decode("latin-1")))
    try:
        caller = await caller_of(
            realtime.directory,
            given.get("api_key", ""),
            given.get("user_token", ""),
            loopback=from_loopback(websocket),
        )
    except (AuthenticationFailed, StoreUnavailable):
        await websocket.close(POLICY)
        return
    wants_changes = given.get("doorbell_events") == "1"
    await Socket(websocket, caller, realtime.directory, realtime.kinds, wants_changes).serve()


_SECRETS = re.compile(r"(api_key|user_token|(?<=[?&])code|(?<=[?&])state)=[^&\s\"']+")


class _WithoutSecrets(logging.Filter):
    """The server logs where a socket was asked for; keys and tokens are in that address."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "api_key=" in text or "user_token=" in text:
            record.msg, record.args = _SECRETS.sub(r"\1=•••", text), ()
        return True


_without_secrets = _WithoutSecrets()


def keep_secrets() -> None:
    """Takes keys and tokens out of what the server logs."""
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "websockets", "websockets.server"):
        logging.getLogger(name).addFilter(_without_secrets)
