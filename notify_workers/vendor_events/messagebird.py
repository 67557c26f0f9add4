"""MessageBird's status reports: https://developers.messagebird.com/api/sms-messaging/#handle-a-status-report"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

import jwt

from notify_workers.providers.sms.messagebird import MessageBird
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import is_same

KINDS: Mapping[str, Kind] = {
    "sent": "sent",
    "delivered": "delivered",
    "delivery_failed": "undelivered",
    "expired": "undelivered",
}
ADDRESS = frozenset({"unknown subscriber", "opted-out"})
"""Reasons of a failure that are the number's."""


def verify(provider: MessageBird, request: VendorRequest) -> bool:
    """https://developers.messagebird.com/api/#verifying-http-requests

    Reports are signed for accounts that have a signing key; without one the address alone is the credential.
    """
    if not provider.webhook_secret:
        return True
    try:
        said = jwt.decode(
            request.header("messagebird-signature-jwt"),
            provider.webhook_secret,
            algorithms=["HS256", "HS384", "HS512"],
            issuer="MessageBird",
            leeway=60,
            options={"require": ["iss", "nbf", "exp", "url_hash"], "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        return False
    hashed = sha256(request.body).hexdigest() if request.body else ""
    is_body = is_same(hashed, str(said.get("payload_hash", ""))) if hashed else not said.get("payload_hash")
    return is_body and is_same(sha256(request.url.encode()).hexdigest(), str(said["url_hash"]))


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    """What it says is in the query."""
    told = request.query
    name, reason = told.get("status", ""), told.get("statusReason", "")
    if name in KINDS:
        is_bad = KINDS[name] == "undelivered"
        yield VendorEvent(
            kind="bounced" if is_bad and reason in ADDRESS else KINDS[name],
            name=name,
            message_id=told.get("reference", ""),
            external_id=told.get("id", ""),
            words=" ".join(filter(None, (told.get("statusErrorCode", ""), reason))) if is_bad else "",
            at=told.get("statusDatetime", ""),
        )
