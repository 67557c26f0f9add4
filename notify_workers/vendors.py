"""Asking a vendor's API while somebody waits for the answer: JSON back, bounded in time, with errors that say who failed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from notify_workers import http_client
from notify_workers.errors import DoorbellError
from notify_workers.providers import HttpRequest
from notify_workers.settings import settings

LONGEST_REASON = 300
"""Characters of what a vendor says that are passed on."""


RATE_LIMITED = 429


class VendorSilent(DoorbellError):
    """The vendor does not answer, or not in its own way. Not a 5xx: the fault is not here, and clients would try again."""

    code = "provider_unavailable"
    status = 424
    type = "api_error"


class VendorRefused(DoorbellError):
    """The vendor answers, and does not do it. `reason` is its own word for it."""

    code = "authorization"
    status = 403
    type = "authentication_error"

    def __init__(self, vendor: str, reason: str, *, rate_limited: bool = False) -> None:
        self.reason = "".join(each for each in reason if each.isprintable())[:LONGEST_REASON]
        super().__init__(f"{vendor}: {self.reason}")
        if rate_limited:
            self.code, self.status, self.type = "rate_limited", RATE_LIMITED, "rate_limit_error"


@dataclass(frozen=True, slots=True)
class VendorReply:
    """Of an answer that came whole and is a JSON object."""

    status: int
    body: Mapping[str, Any]


def ask(
    vendor: str,
    method: str,
    url: str,
    *,
    token: str | None = None,
    form: Mapping[str, str] | None = None,
    query: Sequence[tuple[str, str]] = (),
) -> VendorReply:
    """Any status is an answer. Raises `VendorSilent`."""
    headers = {"accept": "application/json"}
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    if form is not None:
        headers["content-type"] = "application/x-www-form-urlencoded"
    body = urlencode(form or {}).encode()
    reply = http_client.perform(HttpRequest(method, url, headers, tuple(query), body, settings().vendor_timeout))
    if reply.failure is not None:
        raise VendorSilent(f"{vendor} does not answer: {reply.error}")
    try:
        answer = json.loads(reply.body or b"{}")
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise VendorSilent(f"{vendor} answered {reply.status}, and not in its own way")
    return VendorReply(reply.status, answer)
