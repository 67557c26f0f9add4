"""SMTP, RFC 5321: any mail server that takes submissions."""

from __future__ import annotations

from dataclasses import dataclass
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import formataddr, formatdate, getaddresses
from typing import Any, ClassVar

from notify_workers.providers import (
    Bounced,
    Envelope,
    ProviderMisconfigured,
    Refused,
    Retry,
    Sends,
    Sent,
    SmtpReply,
    SmtpSubmission,
    provider,
)
from workflows.content import Email
from workflows.email.headers import header_value

LONGEST_LINE = 998


class Plain(Compat32):
    """Writes a header that is one short line of ASCII as it stands; the library folds and encodes the others.

    The newer policies parse every header that they are given, and this one splits each into words: together that was
    two thirds of composing a message.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if isinstance(value, str) and len(name) + len(value) < 76 and value.isascii() and value.isprintable():
            return f"{name}: {value}{self.linesep}".encode()
        return super().fold_binary(name, value)


CRLF = Plain(linesep="\r\n")

# RFC 3463 §3: X.1.x is about the address, and so are these codes of RFC 5321 §4.2.
BAD_ADDRESS = frozenset({550, 551, 553})


@provider
@dataclass(frozen=True, slots=True)
class Smtp:
    """`security`: `none`, `starttls` or `tls`. `on_unknown`: `retry` or `hold`, for an attempt whose result was lost."""

    name: ClassVar[str] = "smtp"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"password"})

    host: str
    from_address: str
    port: int = 587
    security: str = "starttls"
    username: str | None = None
    password: str | None = None
    on_unknown: str = "retry"

    def __post_init__(self) -> None:
        for name, known in (("security", ("none", "starttls", "tls")), ("on_unknown", ("retry", "hold"))):
            if getattr(self, name) not in known:
                raise ProviderMisconfigured(f"`{name}` of smtp must be {', '.join(known[:-1])} or {known[-1]}")

    def send(self, content: Email, envelope: Envelope) -> Sends:
        recipients = _addresses(content.to, content.cc, content.bcc)
        if not recipients:
            return Bounced("there is no address to send to")
        if not all(each.isascii() for each in recipients):
            return Bounced("an address has characters outside ASCII, which SMTP does not carry")
        reply = yield SmtpSubmission(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password,
            envelope_from=(_addresses(content.sender or self.from_address) or ("",))[0],
            envelope_to=recipients,
            message=self._message(content, envelope).as_bytes(policy=CRLF),
        )
        return _outcome(reply, envelope)

    def _message(self, content: Email, envelope: Envelope) -> MIMEMultipart:
        sender = content.sender or self.from_address
        message = MIMEMultipart("alternative")
        message["From"] = _header(sender)
        message["To"] = _header(content.to)
        if content.cc:
            message["Cc"] = _header(content.cc)
        if content.reply_to:
            message["Reply-To"] = _header(content.reply_to)
        message["Subject"] = _subject(header_value(content.subject))
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{envelope.idempotency_key}@{_domain(sender)}>"
        message["X-Doorbell-Message"] = envelope.message_id
        message.attach(_part(content.text, "plain"))
        message.attach(_part(content.html, "html"))
        return message


def _subject(subject: str) -> str:
    return subject if subject.isascii() else str(Header(subject, "utf-8").encode())


def _header(addresses: str) -> str:
    """Addresses as a header has them: names outside ASCII are encoded, addresses never are."""
    addresses = header_value(addresses)
    if addresses.isascii():
        return addresses
    return ", ".join(formataddr(each, "utf-8") for each in getaddresses([addresses]))


def _part(text: str, subtype: str) -> MIMEText:
    """As it is where every server takes that: ASCII in lines of at most 998 characters (RFC 5322 §2.1.1)."""
    plain = text.isascii() and all(len(line) <= LONGEST_LINE for line in text.splitlines())
    return MIMEText(text, subtype, "us-ascii" if plain else "utf-8")


def _addresses(*headers: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(address for _, address in getaddresses([each for each in headers if each]) if address))


def _domain(sender: str) -> str:
    addresses = _addresses(str(sender))
    return addresses[0].rpartition("@")[2] if addresses else "localhost"


def _outcome(reply: SmtpReply, envelope: Envelope) -> Sent | Bounced | Refused | Retry:
    said = f"{reply.code} {reply.text} (at {reply.stage})"
    if 200 <= reply.code < 300:
        return Sent(envelope.idempotency_key)
    if reply.code < 500:
        return Retry(said)
    if reply.stage == "RCPT" and (reply.code in BAD_ADDRESS or reply.text.startswith("5.1.")):
        return Bounced(said)
    return Refused(said)
