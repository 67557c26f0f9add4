"""Mailgun's webhooks: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from notify_workers.providers.answers import text_at
from notify_workers.providers.email.mailgun import Mailgun
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import hmac_hex, is_recent, is_same

KINDS: Mapping[str, Kind] = {
    "accepted": "sent",
    "delivered": "delivered",
    "failed": "undelivered",
    "complained": "complained",
    "opened": "opened",
    "clicked": "clicked",
}
ADDRESS = frozenset({"bounce", "suppress-bounce", "suppress-complaint", "suppress-unsubscribe"})
"""Reasons of a permanent failure that are the address'."""


def verify(provider: Mailgun, request: VendorRequest) -> bool:
    """Time and token are signed, the event is not: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks

    What else proves where it comes from is the address, which nobody can guess.
    """
    moment, token, signature = (
        text_at(request.json, "signature", each) for each in ("timestamp", "token", "signature")
    )
    if not provider.webhook_secret or not is_recent(moment):
        return False
    return is_same(hmac_hex(provider.webhook_secret, f"{moment}{token}".encode()), signature)


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    body = request.json
    told: Any = body.get("event-data") if isinstance(body, dict) else None
    name = text_at(told, "event")
    if name not in KINDS or (name == "failed" and text_at(told, "severity") != "permanent"):
        return
    identifier = text_at(told, "message", "headers", "message-id")
    yield VendorEvent(
        kind="bounced" if name == "failed" and text_at(told, "reason") in ADDRESS else KINDS[name],
        name=name,
        message_id=text_at(told, "user-variables", "doorbell_message"),
        external_id=f"<{identifier}>" if identifier else "",
        recipient=text_at(told, "recipient"),
        words=_words(told) if name == "failed" else "",
        at=str(told.get("timestamp") or ""),
        url=text_at(told, "url"),
    )


def _words(told: Any) -> str:
    status = told.get("delivery-status")
    return " ".join(
        filter(None, (text_at(status, "code"), text_at(status, "message") or text_at(status, "description")))
    )
