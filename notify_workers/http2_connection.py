"""One HTTP/2 connection (RFC 9113) on which any number of requests are under way.

It is read all the time, also while nobody asks: what the server says between two requests (that it is going away, that it
hangs up) is known before the next one is given to it. A request is whole, and the server may act on it, only with its last
byte (§8.1); what failed before that, or what the server says that it did not process, was never sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError, StreamClosedError

from notify_workers.providers import HttpFailure, HttpReply

IDLE = 60.0
"""Seconds without a request after which a connection is not used again: a firewall may have forgotten it."""

FRAME_HEADER = 9
LARGEST_FRAME = 16_384
"""That a server may send us, as long as we allow no larger ones (RFC 9113 §6.5.2)."""

CHUNK = 64 * 1024

Headers = list[tuple[bytes, bytes]]


class Unsent(Exception):
    """The server has nothing of the request, for this reason."""


@dataclass(eq=False)
class Stream:
    """A request under way. `is_sent`: all of it, as far as this machine goes."""

    limit: int
    is_sent: bool = False
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False
    problem: str = ""
    is_unprocessed: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_complete or bool(self.problem) or len(self.body) > self.limit

    def reply(self, failure: HttpFailure | None = None, error: str = "") -> HttpReply:
        return HttpReply(self.status, self.headers, bytes(self.body[: self.limit]), failure, error)


class Connection:
    """Belongs to the loop: nothing in it is called from another thread."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h2 = H2Connection(H2Configuration(client_side=True))
        self._streams: dict[int, Stream] = {}
        self._has_settings = False
        self._changed = asyncio.Event()
        self._used_at = time.monotonic()
        self._h2.initiate_connection()
        self._flush()
        self.takes_more = True
        self._reading = asyncio.create_task(self._read())

    @property
    def is_usable(self) -> bool:
        is_fresh = bool(self._streams) or time.monotonic() - self._used_at < IDLE
        return self.takes_more and is_fresh

    async def ask(self, headers: Headers, body: bytes, stream: Stream) -> None:
        """Until the stream is over."""
        try:
            number = await self._open(headers, stream)
            try:
                await self._send(number, body, stream)
                await self._until(lambda: stream.is_over)
            finally:
                self._forget(number, stream)
        except StreamClosedError:
            stream.problem = stream.problem or "the server closed the stream"
        except asyncio.CancelledError:
            self.retire()  # out of time: whether the server is still there, nobody knows
            raise

    def retire(self) -> None:
        """Takes no more requests, and is closed when those under way are over."""
        self.takes_more = False
        if not self._streams:
            self._writer.close()

    async def _open(self, headers: Headers, stream: Stream) -> int:
        """Waits until the server takes another request; it says first how many it takes at once."""
        await self._until(lambda: not self.takes_more or (self._has_settings and self._has_room()))
        if not self.takes_more:
            raise Unsent("the server hung up")
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, headers)
        self._streams[number] = stream
        self._flush()
        return number

    def _has_room(self) -> bool:
        return self._h2.open_outbound_streams < self._h2.remote_settings.max_concurrent_streams

    async def _send(self, number: int, body: bytes, stream: Stream) -> None:
        while body and not stream.is_over:
            await self._until(lambda: stream.is_over or self._window(number) > 0)
            if not stream.is_over:
                size = self._window(number)
                self._h2.send_data(number, body[:size])
                body = body[size:]
                self._flush()
                await self._writer.drain()
        if stream.is_over:
            return
        stream.is_sent = True
        self._h2.end_stream(number)
        self._flush()

    def _window(self, number: int) -> int:
        return min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)

    def _forget(self, number: int, stream: Stream) -> None:
        self._streams.pop(number, None)
        self._used_at = time.monotonic()
        if not (stream.is_complete and stream.is_sent) and not self._writer.is_closing():
            try:
                self._h2.reset_stream(number, ErrorCodes.CANCEL)
                self._flush()
            except ProtocolError:  # it is closed already
                pass
        if not self.takes_more:
            self.retire()
        self._tell()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._changed.wait()

    def _tell(self) -> None:
        """Lets everybody who waits look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    # What the server says

    async def _read(self) -> None:
        reason = "the server hung up"
        try:
            heard = bytearray()
            while data := await self._reader.read(CHUNK):
                heard += data
                for frame in _frames(heard):
                    for event in self._h2.receive_data(frame):
                        self._on(event)
                self._flush()
                self._tell()
        except ProtocolError:
            reason = "the server does not keep to HTTP/2"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        finally:
            self.takes_more = False
            for stream in self._streams.values():
                stream.problem = stream.problem or reason
            self._tell()
            self._writer.transport.abort()
            await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    def _on(self, event: Event) -> None:
        if isinstance(event, RemoteSettingsChanged):
            self._has_settings = True
            return
        if isinstance(event, ConnectionTerminated):
            self._goes_away(event.last_stream_id or 0)
            return
        stream = self._streams.get(getattr(event, "stream_id", 0) or 0)
        if isinstance(event, DataReceived):
            self._acknowledge(event)
        if stream is not None:
            _hear(stream, event)

    def _acknowledge(self, event: DataReceived) -> None:
        if event.flow_controlled_length and event.stream_id:
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def _goes_away(self, last: int) -> None:
        """What came after `last` was not processed, and may be sent again (RFC 9113 §6.8); what came before is answered yet."""
        self.takes_more = False
        self._h2.state_machine.state = ConnectionState.CLIENT_OPEN  # h2 would hear nothing more
        for number, stream in self._streams.items():
            if number > last:
                stream.problem, stream.is_unprocessed = "the server is going away", True


def _hear(stream: Stream, event: Event) -> None:
    if isinstance(event, ResponseReceived):
        named = [(_text(name), _text(value)) for name, value in event.headers or ()]
        stream.status = int(dict(named).get(":status", "0"))
        stream.headers = {name: value for name, value in named if not name.startswith(":")}
    elif isinstance(event, DataReceived):
        stream.body += event.data or b""
    elif isinstance(event, StreamEnded):
        stream.is_complete = True
    elif isinstance(event, StreamReset) and not stream.is_complete:
        stream.problem = "the server gave the request up"
        stream.is_unprocessed = event.error_code == ErrorCodes.REFUSED_STREAM


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _frames(heard: bytearray) -> Iterable[bytes]:
    """Takes whole frames off. One by one, because h2 forgets what stands behind a GOAWAY."""
    while len(heard) >= FRAME_HEADER:
        size = FRAME_HEADER + int.from_bytes(heard[:3], "big")
        if len(heard) < size <= FRAME_HEADER + LARGEST_FRAME:
            return
        frame = bytes(heard[:size])
        del heard[:size]
        yield frame
