"""An HTTP server that follows a script, down to the byte and to the moment at which it hangs up."""

from __future__ import annotations

import socketserver
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

HANG_UP = b""
"""Instead of an answer: the connection is closed."""


@dataclass(frozen=True)
class Heard:
    """A request as it came. Names of headers in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


Answer = bytes | Callable[["HttpServer", Any], None]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An answer that keeps the connection; `retry_after` is the header `retry-after`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in {"content-length": str(len(body)), **named}.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body


def silence(server: HttpServer, _connection: Any) -> None:
    """Nothing, until the server is stopped."""
    server.stopping.wait()


def trickle(text: bytes) -> Answer:
    """One byte every ten milliseconds."""

    def send(server: HttpServer, connection: Any) -> None:
        for byte in text:
            if server.stopping.wait(0.01):
                return
            connection.sendall(bytes([byte]))

    return send


class HttpServer:
    """`answers` are the next ones, then every request is answered 200 without a body."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.heard: list[Heard] = []
        self.connections = 0
        self.stopping = Event()
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.script = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> HttpServer:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def will_say(self, *answers: Answer) -> None:
        self.answers.extend(answers)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    script: HttpServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the script."""


class _Conversation(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        script = self.server.script
        script.connections += 1
        while heard := self._hear():
            script.heard.append(heard)
            said = script.answers.popleft() if script.answers else OK
            if callable(said):
                said(script, self.connection)
                return
            if said == HANG_UP:
                return
            self.connection.sendall(said)
            if b"connection: close" in said:
                return

    def _hear(self) -> Heard | None:
        line = self.rfile.readline().decode("latin-1").rstrip()
        if not line:
            return None
        headers: dict[str, str] = {}
        while header := self.rfile.readline().decode().rstrip("\r\n"):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        return Heard(line, headers, self.rfile.read(int(headers.get("content-length", 0))))
