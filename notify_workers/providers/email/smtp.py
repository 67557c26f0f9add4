"""SMTP, RFC 5321: any mail server that takes submissions."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import ClassVar

from notify_workers.providers import (
    Bounced,
    Envelope,
    ProviderMisconfigured,
    Refused,
    Retry,
    SendOutcome,
    Sends,
    Sent,
    SmtpReply,
    SmtpSubmission,
    Unknown,
    provider,
)
from notify_workers.providers.email.dkim import Signer, read_key
from notify_workers.providers.email.mime import addresses, compose, wrong_headers
from workflows.content import Email

# RFC 3463 §3: X.1.x is about the address, and so are these codes of RFC 5321 §4.2.
BAD_ADDRESS = frozenset({550, 551, 553})

_DNS_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


@provider
@dataclass(frozen=True, slots=True)
class Smtp:
    """`security`: `none`, `starttls` or `tls`. `on_unknown`: `retry` or `hold`, for an attempt whose result was lost.

    The server's certificate must be for `host` and come from an authority that the system trusts, or, for a mail server of
    one's own, from one of those in `tls_ca` (PEM); `tls_verify` off takes any. With the three `dkim_` settings messages are
    signed here: the key is RSA or Ed25519, in PEM.

    Of a step's JSON overrides `headers` is applied: a map of further headers, or of others in place of the message's own.
    Content-Type, Content-Transfer-Encoding, MIME-Version, Message-ID, Bcc and X-Doorbell-Message stay as they are.
    """

    name: ClassVar[str] = "smtp"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"password", "dkim_private_key"})

    host: str
    from_address: str
    port: int = 587
    security: str = "starttls"
    username: str | None = None
    password: str | None = None
    on_unknown: str = "retry"
    tls_verify: bool = True
    tls_ca: str | None = None
    dkim_domain: str | None = None
    dkim_selector: str | None = None
    dkim_private_key: str | None = None

    def __post_init__(self) -> None:
        for name, known in (("security", ("none", "starttls", "tls")), ("on_unknown", ("retry", "hold"))):
            if getattr(self, name) not in known:
                raise ProviderMisconfigured(f"`{name}` of smtp must be {', '.join(known[:-1])} or {known[-1]}")
        _check_certificates(self.tls_ca)
        _check_dkim(self.dkim_domain, self.dkim_selector, self.dkim_private_key)

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
            message=self._signed(compose(content, sender, envelope)),
            tls_verify=self.tls_verify,
            tls_ca=self.tls_ca,
        )
        return _outcome(reply, envelope)

    def _signed(self, message: bytes) -> bytes:
        if not (self.dkim_domain and self.dkim_selector and self.dkim_private_key):
            return message
        return Signer(self.dkim_domain, self.dkim_selector, self.dkim_private_key).sign(message)


def _check_certificates(ca: str | None) -> None:
    if ca:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca)
        except (ssl.SSLError, ValueError):
            raise ProviderMisconfigured("`tls_ca` of smtp has no certificates in PEM") from None


def _check_dkim(domain: str | None, selector: str | None, key: str | None) -> None:
    """All three or none; and what they say is in a header, so it is checked before somebody's message is."""
    if not (domain or selector or key):
        return
    if not (domain and selector and key):
        raise ProviderMisconfigured("`dkim_domain`, `dkim_selector` and `dkim_private_key` of smtp go together")
    for name, value in (("dkim_domain", domain), ("dkim_selector", selector)):
        if not _DNS_NAME.fullmatch(value):
            raise ProviderMisconfigured(f"`{name}` of smtp is no name that DNS has")
    try:
        read_key(key)
    except ValueError as error:
        raise ProviderMisconfigured(f"`dkim_private_key` of smtp {error}") from None


def _outcome(reply: SmtpReply, envelope: Envelope) -> SendOutcome:
    said = f"{reply.code} {reply.text} (at {reply.stage})"
    if 200 <= reply.code < 300:
        refused = {address: f"{code} {text}" for address, (code, text) in reply.refused.items()}
        return Sent(envelope.idempotency_key, {"refused": refused} if refused else {})
    if reply.stage == "END" and not 400 <= reply.code < 600:
        return Unknown(said)  # it had the whole message, and said nothing that RFC 5321 knows
    if reply.code < 500:
        return Retry(said)
    if reply.stage == "RCPT" and (reply.code in BAD_ADDRESS or reply.text.startswith("5.1.")):
        return Bounced(said)
    return Refused(said)
