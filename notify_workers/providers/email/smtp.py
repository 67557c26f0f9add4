"""SMTP, RFC 5321: any mail server that takes submissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
from notify_workers.providers.email.mime import addresses, compose, wrong_headers
from workflows.content import Email

# RFC 3463 §3: X.1.x is about the address, and so are these codes of RFC 5321 §4.2.
BAD_ADDRESS = frozenset({550, 551, 553})


@provider
@dataclass(frozen=True, slots=True)
class Smtp:
    """`security`: `none`, `starttls` or `tls`. `on_unknown`: `retry` or `hold`, for an attempt whose result was lost.

    Of a step's JSON overrides `headers` is applied: a map of further headers, or of others in place of the message's own.
    Content-Type, Content-Transfer-Encoding, MIME-Version, Message-ID, Bcc and X-Doorbell-Message stay as they are.
    """

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
        recipients = addresses(content.to, content.cc, content.bcc)
        if not recipients:
            return Bounced("there is no address to send to")
        if not all(each.isascii() for each in recipients):
            return Bounced("an address has characters outside ASCII, which SMTP does not carry")
        if wrong := wrong_headers(content):
            return Refused(f"the JSON overrides have headers whose names are none: {', '.join(map(repr, wrong))}")
        sender = content.sender or self.from_address
        reply = yield SmtpSubmission(
            host=self.host,
            port=self.port,
            security=self.security,
            username=self.username,
            password=self.password,
            envelope_from=(addresses(sender) or ("",))[0],
            envelope_to=recipients,
            message=compose(content, sender, envelope),
        )
        return _outcome(reply, envelope)


def _outcome(reply: SmtpReply, envelope: Envelope) -> Sent | Bounced | Refused | Retry:
    said = f"{reply.code} {reply.text} (at {reply.stage})"
    if 200 <= reply.code < 300:
        return Sent(envelope.idempotency_key)
    if reply.code < 500:
        return Retry(said)
    if reply.stage == "RCPT" and (reply.code in BAD_ADDRESS or reply.text.startswith("5.1.")):
        return Bounced(said)
    return Refused(said)
