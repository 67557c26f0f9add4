"""HTTP/2, outward: one connection to each host, shared by all threads of this process, which live in a loop of their own.

Like `http_client`, it answers in time, within a limit, and tells what failed before the server had it from what it may have.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from functools import cache
from threading import Lock, Thread

from h2.exceptions import ProtocolError
from urllib3.util import parse_url

from notify_workers.http2_connection import Connection, Stream, Unsent
from notify_workers.http_client import CONNECT_TIMEOUT, malformed, may_resolve_later, with_query
from notify_workers.providers import HttpReply, HttpRequest
from notify_workers.settings import settings

_LINE_END = frozenset("\r\n\0")


class _Driver:
    """The loop in its thread, and the connections in it."""

    def __init__(self) -> None:
        self._tls = ssl.create_default_context()
        self._tls.set_alpn_protocols(["h2"])
        self._connections: dict[tuple[str, int], asyncio.Task[Connection]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="http2", daemon=True)
        self._thread.start()

    def perform(self, request: HttpRequest) -> HttpReply:
        return asyncio.run_coroutine_threadsafe(self._perform(request), self._loop).result()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        """Ends everything under way, first of all what reads the connections, which closes them."""
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_default_executor()

    async def _perform(self, request: HttpRequest) -> HttpReply:
        stream = Stream(settings().http_response_limit)
        try:
            async with asyncio.timeout(request.timeout):
                await self._ask(request, stream)
        except TimeoutError:
            return _timed_out(stream)
        except Unsent as failed:
            return stream.reply("unsent", _words(stream, str(failed)))
        except (OSError, ProtocolError) as error:
            return _broken(error, stream)
        if len(stream.body) > stream.limit:
            return stream.reply("too_large", f"the answer has more than {stream.limit} bytes")
        if stream.problem and not stream.is_complete:
            is_unsent = stream.is_unprocessed or not stream.is_sent
            return stream.reply("unsent" if is_unsent else "lost", _words(stream, stream.problem))
        return stream.reply()

    async def _ask(self, request: HttpRequest, stream: Stream) -> None:
        address = parse_url(with_query(request.url, request.query_params))
        headers = {
            ":method": request.method,
            ":scheme": "https",
            ":authority": address.netloc or "",
            ":path": address.request_uri,
            "user-agent": "Doorbell",
            "content-length": str(len(request.body)),
            **{name.lower(): value for name, value in request.headers.items()},
        }
        connection = await self._connection((address.host or "").strip("[]"), address.port or 443)
        await connection.ask([(name.encode(), value.encode()) for name, value in headers.items()], request.body, stream)

    async def _connection(self, host: str, port: int) -> Connection:
        """The one that is there or just being opened, or a new one. Its opening outlives the request that began it."""
        opening = self._connections.get((host, port))
        if opening is not None and opening.done():
            known = None if opening.cancelled() or opening.exception() else opening.result()
            if known is not None and known.is_usable:
                return known
            if known is not None:
                known.retire()
            opening = None
        if opening is None:
            opening = self._connections[host, port] = asyncio.create_task(self._opened(host, port))
            opening.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting for it
        return await asyncio.shield(opening)

    async def _opened(self, host: str, port: int) -> Connection:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port, ssl=self._tls, happy_eyeballs_delay=0.25)
        tls = writer.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "h2":
            writer.close()
            raise Unsent("it does not speak HTTP/2")
        return Connection(reader, writer)


_starting = Lock()


def _driver() -> _Driver:
    with _starting:
        return _started()


@cache
def _started() -> _Driver:
    return _Driver()


os.register_at_fork(after_in_child=_started.cache_clear)


def perform(request: HttpRequest) -> HttpReply:
    """Asks once. What goes wrong is in the reply; redirects are not followed."""
    problem = malformed(request)
    if not problem and not request.url.lower().startswith("https:"):
        problem = "HTTP/2 needs a URL that begins with https://"
    if not problem and request.is_guarded:
        problem = "requests on behalf of users are made over HTTP/1.1"
    if not problem and any(_LINE_END & set(value) for value in request.headers.values()):
        problem = "a header is malformed"
    return HttpReply(0, failure="malformed", error=problem) if problem else _driver().perform(request)


def close() -> None:
    """Closes this process' connections; the next use opens new ones."""
    with _starting:
        if _started.cache_info().currsize:
            _started().close()
            _started.cache_clear()


def _timed_out(stream: Stream) -> HttpReply:
    if stream.is_sent:
        return stream.reply("timeout", "the server did not answer in time")
    return stream.reply("unsent", "the server cannot be reached: timed out")


def _broken(error: Exception, stream: Stream) -> HttpReply:
    reason = getattr(error, "strerror", None) or type(error).__name__
    if stream.is_sent:
        return stream.reply("lost", _words(stream, reason))
    if isinstance(error, socket.gaierror) and not may_resolve_later(error):
        return stream.reply("unresolved", "the host's name cannot be resolved")
    return stream.reply("unsent", _words(stream, reason))


def _words(stream: Stream, reason: str) -> str:
    """For people. Never a library's own words, which may quote the address or a header."""
    if stream.is_sent and not stream.is_unprocessed:
        return f"the connection was lost before the whole answer: {reason}"
    return f"the server cannot be reached: {reason}"
