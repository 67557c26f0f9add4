"""HTTP, outward: the one place that asks other machines.

An answer is bounded in time, all of it, however slowly it comes, and in size. What failed before the first byte was sent is
told from what the server may have.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import socket
import threading
import time
from functools import cache
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.exceptions import TimeoutError as Urllib3Timeout
from urllib3.util import Timeout, parse_url

from notify_workers.address_guard import Forbidden, permitted
from notify_workers.providers import HttpFailure, HttpReply, HttpRequest
from notify_workers.settings import settings
from notify_workers.signatures import signature
from workflows import effects

logging.getLogger("urllib3").setLevel(logging.ERROR)  # below that it logs whole addresses, which may hold secrets

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for each of a host's addresses."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110 §5.6.2)."""

CHUNK = 64 * 1024
KEPT = 32
"""Connections kept for each host, and hosts whose connections are kept."""


def perform(request: HttpRequest) -> HttpReply:
    """Asks once. What goes wrong is in the reply; redirects are not followed."""
    if problem := malformed(request):
        return HttpReply(0, failure="malformed", error=problem)
    _asking.begin(request.timeout)
    headers = urllib3.HTTPHeaderDict({"user-agent": "Doorbell"})
    headers.update({name: on_the_wire(value) for name, value in request.headers.items()})
    try:
        response = _pool(request.is_guarded).urlopen(
            request.method,
            with_query(request.url, request.query_params),
            body=request.body or None,
            headers=headers,
            timeout=Timeout(connect=min(request.timeout, CONNECT_TIMEOUT), read=request.timeout),
            redirect=False,
            retries=False,
            preload_content=False,
        )
    except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
        return HttpReply(0, failure=_failure(error), error=_words(error))
    return _read(response)


def call(asked: effects.HttpCall) -> effects.HttpReply:
    """Carries out a step's effect. Only an answer that came whole has a status."""
    started = time.monotonic()
    body = (asked.body or "").encode()
    headers = dict(asked.headers)
    if asked.signing_key:
        headers["x-knock-signature"] = signature(asked.signing_key, body, time.time())
    wanted = HttpRequest(
        asked.method, asked.url, headers, asked.query_params, body, asked.timeout, is_guarded=asked.is_guarded
    )
    reply = perform(wanted)
    if reply.failure is not None and reply.status < 500:
        again = reply.failure in ("unsent", "timeout", "lost")
        return effects.HttpReply(0, error=reply.error, is_timeout=again, seconds=time.monotonic() - started)
    return effects.HttpReply(reply.status, _text(reply), seconds=time.monotonic() - started)


def with_query(url: str, params: tuple[tuple[str, str], ...]) -> str:
    """The URL with these after the parameters that it has already."""
    if not params:
        return url
    address, _, fragment = url.partition("#")
    separator = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{separator}{urlencode(params)}" + (f"#{fragment}" if fragment else "")


class _Asking(threading.local):
    """What this thread is asking for: until when (monotonic seconds), and whether the server may have some of it."""

    deadline = 0.0
    sent = False

    def begin(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.sent = False

    def left(self) -> float:
        """Seconds. Raises `TimeoutError` when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


_asking = _Asking()


class _Paced(io.RawIOBase):
    """Reads from a socket, each time for no longer than is left: a server that trickles gains nothing by it."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_asking.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Paced(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.sock.settimeout(_asking.left())
        _asking.sent = True
        super().send(data)


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _GuardedConnection(_Connection):
    """Connects to the addresses that were checked, and to no others; names stay what TLS and the server are told."""

    def _new_conn(self) -> socket.socket:
        named = self._dns_host
        try:
            addresses = permitted(named, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except Forbidden as error:
            raise NewConnectionError(self, str(error)) from error
        try:
            for place, self._dns_host in enumerate(addresses, start=1):
                try:
                    return super()._new_conn()
                except (NewConnectionError, ConnectTimeoutError):
                    if place == len(addresses):
                        raise
            raise NewConnectionError(self, "no address")
        finally:
            self._dns_host = named


class _GuardedSecureConnection(_GuardedConnection, _SecureConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _GuardedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedSecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _GuardedSecureConnection


@cache
def _pool(guarded: bool) -> urllib3.PoolManager:
    """This process' connections; a guarded request never goes over one that nobody checked."""
    manager = urllib3.PoolManager(num_pools=KEPT, maxsize=KEPT)
    classes = (_GuardedPool, _GuardedSecurePool) if guarded else (_Pool, _SecurePool)
    manager.pool_classes_by_scheme = dict(zip(("http", "https"), classes, strict=True))
    return manager


def close() -> None:
    """Closes this process' kept connections; the next use opens new ones."""
    for guarded in (False, True):
        _pool(guarded).clear()


def malformed(request: HttpRequest) -> str:
    """What keeps it from being sent to anybody; empty when nothing does."""
    if not all(_TOKEN.fullmatch(name) for name in request.headers):
        return "a header's name is malformed"
    try:
        parsed = parse_url(request.url)
    except LocationValueError:
        return "the URL is malformed"
    if parsed.scheme not in ("http", "https"):
        return "the URL does not begin with https:// or http://"
    return "" if parsed.host else "the URL names no host"


def on_the_wire(value: str) -> str:
    """Characters outside ASCII go as UTF-8; the library would refuse most of them."""
    return value if value.isascii() else value.encode().decode("latin-1")


def _read(response: urllib3.BaseHTTPResponse) -> HttpReply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    limit = settings().http_response_limit
    body = bytearray()
    try:
        for piece in response.stream(CHUNK):
            body += piece
            if len(body) > limit:
                said = f"the answer has more than {limit} bytes"
                return HttpReply(response.status, headers, bytes(body[:limit]), "too_large", said)
        response.release_conn()
    except (HTTPError, http.client.HTTPException, OSError) as error:
        return HttpReply(response.status, headers, bytes(body), _failure(error), _words(error))
    finally:
        response.close()
    return HttpReply(response.status, headers, bytes(body))


def _failure(error: Exception) -> HttpFailure:
    if _asking.sent:
        return "timeout" if _is_timeout(error) else "lost"
    if isinstance(error, NameResolutionError):
        return "unsent" if may_resolve_later(error.__cause__) else "unresolved"
    if any(isinstance(each, Forbidden) for each in _chain(error)):
        return "forbidden"
    if isinstance(error, ValueError) or any(isinstance(each, http.client.InvalidURL) for each in _chain(error)):
        return "malformed"
    return "unsent"


def may_resolve_later(error: BaseException | None) -> bool:
    """No answer of the name server says nothing about the name."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN


def _is_timeout(error: BaseException) -> bool:
    return any(isinstance(each, TimeoutError | Urllib3Timeout) for each in _chain(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and what the library wrapped in it."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        inner = next((each for each in reversed(error.args) if isinstance(each, BaseException)), None)
        error = inner or error.__cause__ or error.__context__
    return found


def _words(error: Exception) -> str:
    """For people. Never the library's own words, which may quote the address or a header."""
    innermost = _chain(error)[-1]
    reason = getattr(innermost, "strerror", None) or type(innermost).__name__
    match _failure(error):
        case "malformed":
            return "the request cannot be sent: its URL or a header is malformed"
        case "unresolved":
            return "the host's name cannot be resolved"
        case "forbidden":
            return "the host's addresses are private (DOORBELL_ALLOWED_NETWORKS may allow them)"
        case "unsent":
            return f"the server cannot be reached: {reason}"
        case "timeout":
            return "the server did not answer in time"
        case _:
            return f"the connection was lost before the whole answer: {reason}"


def _text(reply: HttpReply) -> str:
    """By the charset that the answer names, or UTF-8; what cannot be read is replaced."""
    _, _, parameters = reply.headers.get("content-type", "").partition(";")
    named = [each.partition("=")[2].strip(" \"'") for each in parameters.split(";") if "charset=" in each.lower()]
    try:
        return reply.body.decode(named[0] if named else "utf-8", "replace")
    except LookupError:
        return reply.body.decode("utf-8", "replace")
