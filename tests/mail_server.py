"""A real SMTP server for tests, which can be told to misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from doorbell.embedded import free_port


class MailServer:
    """Keeps what it accepts. `answer_to_rcpt` and `answer_to_data` replace its answers.

    None drops the connection; whether the message is kept then, is `keeps_when_dropping`: the sender cannot know it.
    With `tls`, it insists on TLS (from the first byte, or else by STARTTLS) and on Jane's password.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, from_the_first_byte: bool = False) -> None:
        self.messages: list[EmailMessage] = []
        self.connections = 0
        self.answer_to_rcpt: Callable[[str], str | None] = lambda address: "250 ok"
        self.answer_to_data: Callable[[Envelope], str | None] = lambda envelope: "250 ok"
        self.keeps_when_dropping = False
        self.seconds_to_answer = 0.0
        self.port = free_port()
        self.raw: list[bytes] = []
        self.logins: list[tuple[str, str]] = []
        options = self._insisting(tls, from_the_first_byte) if tls else {}
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def reset(self) -> None:
        self.messages.clear()
        self.raw.clear()
        self.logins.clear()
        self.connections = 0
        self.seconds_to_answer = 0.0
        self.answer_to_rcpt = lambda address: "250 ok"
        self.answer_to_data = lambda envelope: "250 ok"
        self.keeps_when_dropping = False

    def subjects(self, address: str | None = None) -> list[str]:
        return [str(each["Subject"]) for each in self.messages if address is None or each["To"] == address]

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, host: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = host
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answer_to_rcpt(address)
        if answer is None:
            return _gone(server)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answer_to_data(envelope)
        if answer is None:
            if self.keeps_when_dropping:
                self._keep(envelope)
            return _gone(server)
        if answer.startswith("2"):
            self._keep(envelope)
        await asyncio.sleep(self.seconds_to_answer)
        return answer

    def _keep(self, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))

    def _insisting(self, tls: ssl.SSLContext, from_the_first_byte: bool) -> dict[str, Any]:
        if from_the_first_byte:  # which it does not count as TLS, so it cannot insist on the password as well
            return {"ssl_context": tls, "authenticator": self._authenticate, "auth_require_tls": False}
        insisting = {"require_starttls": True, "auth_required": True}
        return {"tls_context": tls, "authenticator": self._authenticate, **insisting}

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        self.logins.append((login.login.decode(), login.password.decode()))
        return AuthResult(success=self.logins[-1] == ("jane", "secret"), handled=False)


def _gone(server: SMTP) -> str:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
    return "421 gone"
