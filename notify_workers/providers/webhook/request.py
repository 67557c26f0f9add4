"""A webhook: the request as the step has it, signed (contract: semantics §12)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar
from urllib.parse import urlsplit

from notify_workers.providers import (
    NEVER,
    Delivered,
    Envelope,
    HttpReply,
    HttpRequest,
    ProviderMisconfigured,
    Refused,
    Retry,
    Sends,
    provider,
)
from notify_workers.providers.answers import retry_after
from notify_workers.signatures import signature
from workflows.content import Call

FINAL = frozenset({401, 403, 404, 405})
"""Answers that another attempt does not change. The contract tries again after any other that is not 2xx."""


@provider
@dataclass(frozen=True, slots=True)
class Webhook:
    """`timeout` in seconds. `allow_http`: plain HTTP too, to this machine only. `on_unknown`: `retry` or `hold`."""

    name: ClassVar[str] = "webhook"
    channel_type: ClassVar[str] = "http"
    secrets: ClassVar[frozenset[str]] = frozenset({"signing_key"})

    signing_key: str | None = None
    timeout: float = 50.0
    allow_http: bool = False
    on_unknown: str = "retry"

    def __post_init__(self) -> None:
        if self.on_unknown not in ("retry", "hold"):
            raise ProviderMisconfigured("`on_unknown` of webhook must be retry or hold")

    def send(self, content: Call, envelope: Envelope) -> Sends:
        if problem := self._problem(content.url):
            return Refused(problem)
        reply = yield HttpRequest(
            method=content.method,
            url=content.url,
            headers=self._headers(content, envelope),
            query_params=content.query_params,
            body=(content.body or "").encode(),
            timeout=self.timeout,
            is_guarded=True,
        )
        return _outcome(reply)

    def _problem(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return "the URL is malformed"
        if not host:
            return "the URL names no host"
        if parts.scheme == "https" or (parts.scheme == "http" and self.allow_http and _is_this_machine(host)):
            return ""
        return "the URL must begin with https://"

    def _headers(self, content: Call, envelope: Envelope) -> dict[str, str]:
        """The author's own go before ours, except for the signature."""
        ours = {"idempotency-key": envelope.idempotency_key}
        if content.body is not None:
            ours["content-type"] = "application/json"
        written = {name.lower() for name in content.headers}
        headers = {**{name: value for name, value in ours.items() if name not in written}, **content.headers}
        if self.signing_key:
            headers = {name: value for name, value in headers.items() if name.lower() != "x-webhook-signature"}
            signed = signature(self.signing_key, (content.body or "").encode(), time.time())
            headers["x-webhook-signature"] = signed
        return headers


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _outcome(reply: HttpReply) -> Delivered | Refused | Retry:
    if 200 <= reply.status < 300:
        return Delivered()
    if reply.status == 0:
        return Refused(reply.error) if reply.failure in NEVER else Retry(reply.error)
    said = f"the server answered {reply.status}"
    return Refused(said) if reply.status in FINAL else Retry(said, retry_after(reply))
