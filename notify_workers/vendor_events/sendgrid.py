"""SendGrid's Event Webhook: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from notify_workers.providers.answers import text_at
from notify_workers.providers.email.sendgrid import SendGrid
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import decoded, is_recent

KINDS: Mapping[str, Kind] = {
    "processed": "sent",
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "undelivered",
    "spamreport": "complained",
    "open": "opened",
    "click": "clicked",
}
ADDRESS = frozenset({"Bounced Address", "Invalid", "Spam Reporting Address", "Unsubscribed Address"})
"""Why it drops an e-mail, when the address is the reason."""

_INTERNAL = re.compile(r"\.(?:filter|recvd)")
"""What follows the name that it answered with is about its own machines."""


def verify(provider: SendGrid, request: VendorRequest) -> bool:
    """https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features"""
    prefix = "x-twilio-email-event-webhook-"
    moment, signature = (request.header(prefix + each) for each in ("timestamp", "signature"))
    try:
        key = load_der_public_key(decoded(provider.webhook_public_key or ""))
        if not isinstance(key, EllipticCurvePublicKey):
            return False
        key.verify(decoded(signature), moment.encode() + request.body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return is_recent(moment)


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.json
    for each in told if isinstance(told, list) else []:
        name = text_at(each, "event")
        if name in KINDS and not each.get("sg_machine_open"):  # Apple's proxy opens everything
            yield VendorEvent(
                kind=_kind(name, each),
                name=name,
                message_id=text_at(each, "doorbell_message"),
                external_id=_INTERNAL.split(text_at(each, "sg_message_id"))[0],
                recipient=text_at(each, "email"),
                words=": ".join(filter(None, (text_at(each, "reason"), text_at(each, "response")))),
                at=text_at(each, "timestamp"),
                url=text_at(each, "url"),
            )


def _kind(name: str, told: Any) -> Kind:
    """`blocked` is a bounce for now: the next e-mail is tried."""
    if name == "bounce" and text_at(told, "type") == "blocked":
        return "undelivered"
    if name == "dropped" and text_at(told, "reason") in ADDRESS:
        return "bounced"
    return KINDS[name]
