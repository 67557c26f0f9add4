"""An HTTP/2 server over TLS that follows a script: after each request that came whole, the next of `will_do` is done."""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes


def write_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vendor.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(alternative, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


@dataclass
class Heard:
    """A request as it came."""

    headers: dict[str, str]
    stream: int
    body: bytearray = field(default_factory=bytearray)


class Conversation:
    """One connection, as a script's steps see it."""

    def __init__(self, connection: ssl.SSLSocket, streams: int) -> None:
        self.socket = connection
        self.is_over = Event()
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = streams
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def answer(self, stream: int, status: int = 200, body: bytes = b"", **headers: str) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.h2.send_headers(stream, [(":status", str(status)), *named], end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()

    def hang_up(self) -> None:
        """Says nothing more, and waits until the client has hung up too."""
        self.socket.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while self.socket.recv(65536):
                pass
        self.is_over.set()


Step = Callable[[Conversation, int], None]


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Step:
    return lambda conversation, stream: conversation.answer(stream, status, body, **headers)


def silence(_conversation: Conversation, _stream: int) -> None:
    """Nothing is said to this request."""


def hang_up(conversation: Conversation, _stream: int) -> None:
    conversation.hang_up()


class Http2Server:
    """Without a script every request is answered 200. `streams`: how many requests it takes at once."""

    def __init__(self, certificate: Path, streams: int = 100) -> None:
        self.steps: deque[Step] = deque()
        self.heard: list[Heard] = []
        self.conversations: list[Conversation] = []
        self.streams = streams
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._tls.set_alpn_protocols(["h2"])
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.script = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def url(self, path: str = "/") -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}{path}"

    def will_do(self, *steps: Step) -> None:
        self.steps.extend(steps)

    def __enter__(self) -> Http2Server:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def converse(self, connection: socket.socket) -> None:
        with self._tls.wrap_socket(connection, server_side=True) as secure:
            conversation = Conversation(secure, self.streams)
            self.conversations.append(conversation)
            open_streams: dict[int, Heard] = {}
            while data := secure.recv(65536):
                for event in conversation.h2.receive_data(data):
                    self._on(conversation, open_streams, event)
                conversation.flush()

    def _on(self, conversation: Conversation, open_streams: dict[int, Heard], event: Any) -> None:
        if isinstance(event, RequestReceived):
            open_streams[event.stream_id] = Heard(
                {str(name): str(value) for name, value in event.headers}, event.stream_id
            )
        elif isinstance(event, DataReceived):
            open_streams[event.stream_id].body += event.data
            conversation.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.heard.append(open_streams.pop(event.stream_id))
            step = self.steps.popleft() if self.steps else answer()
            step(conversation, event.stream_id)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    script: Http2Server


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        try:
            self.server.script.converse(self.request)
        except (OSError, ProtocolError):
            """A client that hangs up is part of the script."""
