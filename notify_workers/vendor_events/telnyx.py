"""Telnyx's webhooks: https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from notify_workers.providers.answers import text_at
from notify_workers.providers.callbacks import PARAMETER
from notify_workers.providers.sms.telnyx import BAD_ADDRESS, Telnyx
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import decoded, is_recent

KINDS: Mapping[str, Kind] = {
    "sent": "sent",
    "delivered": "delivered",
    "sending_failed": "undelivered",
    "delivery_failed": "undelivered",
}
ADDRESS = BAD_ADDRESS | {"40012"}
"""Besides those that its API names: what the carrier says is no number."""


def verify(provider: Telnyx, request: VendorRequest) -> bool:
    moment = request.header("telnyx-timestamp")
    try:
        key = Ed25519PublicKey.from_public_bytes(decoded(provider.webhook_public_key or ""))
        key.verify(decoded(request.header("telnyx-signature-ed25519")), moment.encode() + b"|" + request.body)
    except (InvalidSignature, ValueError):
        return False
    return is_recent(moment)


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.json
    event, status = text_at(told, "data", "event_type"), text_at(told, "data", "payload", "to", 0, "status")
    if event not in ("message.sent", "message.finalized") or status not in KINDS:
        return
    error = ("data", "payload", "errors", 0)
    code = text_at(told, *error, "code")
    yield VendorEvent(
        kind="bounced" if KINDS[status] == "undelivered" and code in ADDRESS else KINDS[status],
        name=status,
        message_id=request.query.get(PARAMETER, ""),
        external_id=text_at(told, "data", "payload", "id"),
        words=" ".join(filter(None, (code, text_at(told, *error, "title"), text_at(told, *error, "detail")))),
        at=text_at(told, "data", "occurred_at"),
    )
