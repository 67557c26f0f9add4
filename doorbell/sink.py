"""The mail sink: an SMTP server that keeps every message as a file in `DOORBELL_HOME/mail`, a Maildir."""

from __future__ import annotations

import asyncio
import mailbox
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Keep:
    """Writes what it is given. The envelope's recipients are kept in `X-RcptTo`."""

    def __init__(self, directory: Path) -> None:
        self._maildir = mailbox.Maildir(directory, create=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        header = f"X-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        content = envelope.content or b""
        body = content if isinstance(content, bytes) else content.encode()
        await asyncio.to_thread(self._maildir.add, header + body)
        return "250 kept"


class Sink:
    """The server on a loopback port of its own thread."""

    def __init__(self, home: Path, port: int) -> None:
        self.port = port
        self._controller = Controller(Keep(home / "mail"), hostname="127.0.0.1", port=port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()
