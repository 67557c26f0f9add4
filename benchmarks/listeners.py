"""`python -m benchmarks.listeners <settings as JSON>`: many who listen to feeds, in a process of their own.

It says `{"ready": seconds}` when all have joined, then answers lines of its input: `take` with what was heard since, `closed`
with the codes by which links were closed, after it has read what it had left unread. It ends with its input.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import uvloop

AT_ONCE = 50
"""Links that are made at the same time."""

BEAT = 25.0

KEY = "pk_test_doorbell"
STREAM, PLAIN, CHANGES = "stream", "plain", "changes"
LOST = 1006
"""The code of a link that ended without one."""

_BADGE = re.compile(rb'"total_count":(\d+)')
_ITEM = re.compile(rb'"id":"(0\d{26})"')


@dataclass(eq=False, repr=False)
class Link(asyncio.Protocol):
    """One connection: asks, then hears frames of a WebSocket, or pieces of a stream."""

    user: str
    request: bytes
    greeting: bytes
    hear: Callable[[Link, bytes], None]
    is_stream: bool
    rest: bytes = b""
    is_open: bool = False
    code: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport.write(self.request)

    def connection_lost(self, _: Exception | None) -> None:
        self.code = self.code or LOST
        self.lost.set_result(None)
        if not self.answered.done():
            self.answered.set_exception(ConnectionError("closed before it had joined"))

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if not self.is_open:
            head, separator, rest = self.rest.partition(b"\r\n\r\n")
            if not separator:
                return
            if head.split(b" ", 2)[1] not in (b"101", b"200"):
                raise AssertionError(head.decode())
            self.is_open, self.rest = True, rest
            if self.greeting:
                self.transport.write(_masked(self.greeting))
        if self.is_stream:
            self._read_stream()
        else:
            self._read_frames()

    def _read_stream(self) -> None:
        """Pieces are left as they come: an event's id is in one of them."""
        text, end, self.rest = self.rest.rpartition(b"\n\n")
        if end:
            self._take(text)

    def _read_frames(self) -> None:
        while len(self.rest) >= 2:
            kind, length, start = self.rest[0] & 15, self.rest[1] & 127, 2
            if length > 125:
                start = 4 if length == 126 else 10
                length = int.from_bytes(self.rest[2:start], "big") if len(self.rest) >= start else 1 << 62
            if len(self.rest) < start + length:
                return
            body, self.rest = self.rest[start : start + length], self.rest[start + length :]
            if kind == 8:
                self.code = int.from_bytes(body[:2], "big")
            else:
                self._take(body)

    def _take(self, body: bytes) -> None:
        if not self.answered.done():
            self.answered.set_result(None)
        self.hear(self, body)

    def say(self, text: str) -> None:
        self.transport.write(_masked(text.encode()))


def _masked(text: bytes) -> bytes:
    """A text frame whose mask changes nothing."""
    length = bytes([128 | len(text)]) if len(text) < 126 else bytes([128 | 126]) + len(text).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + text


@dataclass(repr=False)
class Listeners:
    port: int
    feed: str
    users: list[str]
    kind: str
    is_deaf: bool = False
    links: list[Link] = field(default_factory=list)
    heard: list[tuple[float, str, bytes]] = field(default_factory=list)

    async def connect(self) -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, user: str) -> None:
            async with free:
                link = self._link(number, user)
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: link, sock=await self._socket())
                await link.answered
                if self.is_deaf:
                    link.transport.pause_reading()
                self.links.append(link)

        await asyncio.gather(*(one(number, user) for number, user in enumerate(self.users)))

    async def _socket(self) -> socket.socket:
        """Who never reads has a small buffer, as a bad line has."""
        made = socket.socket()
        made.setblocking(False)
        if self.is_deaf:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.port))
        return made

    def _link(self, number: int, user: str) -> Link:
        host = f"Host: 127.0.0.1:{self.port}\r\n"
        if self.kind == STREAM:
            path = f"/v1/users/{user}/feeds/{self.feed}/stream?mode=compact"
            request = f"GET {path} HTTP/1.1\r\n{host}Authorization: Bearer {KEY}\r\n\r\n"
            return Link(user, request.encode(), b"", self.hear, True)
        changes = "&doorbell_events=1" if self.kind == CHANGES else ""
        request = (
            f"GET /ws/v1/websocket?&api_key={KEY}&vsn=2.0.0{changes} HTTP/1.1\r\n{host}Connection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        instance = {f"client_{self.kind}-{number}": {"archived": "exclude", "mode": "compact"}}
        join = json.dumps(["1", "1", f"feeds:{self.feed}:{user}", "phx_join", instance])
        return Link(user, request.encode(), join.encode(), self.hear, False)

    def hear(self, link: Link, body: bytes) -> None:
        if b'"new-message"' in body or b"event: created" in body:
            self.heard.append((time.time(), link.user, body))

    async def beat(self) -> None:
        while True:
            started = time.monotonic()
            for number, link in enumerate(self.links):
                if link.code is None and not link.is_stream:
                    link.say('[null,"beat","phoenix","heartbeat",{}]')
                if number % 50 == 49:
                    await asyncio.sleep(BEAT * 0.8 / max(1, len(self.links) / 50))
            await asyncio.sleep(max(0.0, BEAT - (time.monotonic() - started)))

    def take(self) -> list[tuple[float, str, int, list[str], int]]:
        """When, who, how many items the feed has, the ids of those told, and the frame's length."""
        heard, self.heard = self.heard, []
        told = []
        for at, user, body in heard:
            badge = _BADGE.search(body)
            ids = [each.decode() for each in _ITEM.findall(body)]
            told.append((at, user, int(badge[1]) if badge else 0, ids, len(body)))
        return told

    async def closed(self) -> dict[str, int]:
        """Reads what was left unread, until the other side has closed. Links that stay open are counted as 0."""
        for link in self.links:
            if self.is_deaf and link.code is None:
                link.transport.resume_reading()
        await asyncio.wait([link.lost for link in self.links], timeout=20)
        codes = [link.code or 0 for link in self.links]
        return {str(code): codes.count(code) for code in set(codes)}


async def main(given: dict[str, Any]) -> None:
    listeners = Listeners(**given)
    started = time.perf_counter()
    await listeners.connect()
    beating = asyncio.create_task(listeners.beat())
    _say({"ready": time.perf_counter() - started})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := (await lines.readline()).strip():
        _say(listeners.take() if line == b"take" else await listeners.closed())
    beating.cancel()


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    uvloop.run(main(json.loads(sys.argv[1])))
