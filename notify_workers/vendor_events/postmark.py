"""Postmark's webhooks: https://postmarkapp.com/developer/webhooks/webhooks-overview"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from notify_workers.providers.answers import text_at
from notify_workers.providers.email.postmark import Postmark
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import has_password

KINDS: Mapping[str, Kind] = {
    "Delivery": "delivered",
    "Bounce": "undelivered",
    "SpamComplaint": "complained",
    "Open": "opened",
    "Click": "clicked",
}
ADDRESS = frozenset({"HardBounce", "BadEmailAddress", "ManuallyDeactivated", "Unconfirmed"})
HARMLESS = frozenset(
    {
        "AddressChange",
        "AutoResponder",
        "ChallengeVerification",
        "OpenRelayTest",
        "Subscribe",
        "Transient",
        "Unsubscribe",
    }
)
"""Types of a bounce that are an answer, or are tried again: https://postmarkapp.com/developer/api/bounce-api#bounce-types"""


def verify(provider: Postmark, request: VendorRequest) -> bool:
    """It signs nothing: the address is the credential, and a user and a password if it was given them."""
    return has_password(provider.webhook_secret, request.header("authorization"))


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.json
    name, reason = text_at(told, "RecordType"), text_at(told, "Type")
    if name not in KINDS or (name == "Bounce" and reason in HARMLESS):
        return
    yield VendorEvent(
        kind=_kind(name, reason),
        name=reason or name,
        message_id=text_at(told, "Metadata", "doorbell_message"),
        external_id=text_at(told, "MessageID"),
        recipient=text_at(told, "Recipient") or text_at(told, "Email"),
        words=_words(told) if name == "Bounce" else "",
        at=text_at(told, "DeliveredAt") or text_at(told, "BouncedAt") or text_at(told, "ReceivedAt"),
        url=text_at(told, "OriginalLink"),
    )


def _kind(name: str, reason: str) -> Kind:
    if reason == "SpamComplaint":
        return "complained"
    return "bounced" if name == "Bounce" and reason in ADDRESS else KINDS[name]


def _words(told: Any) -> str:
    return " ".join(filter(None, (text_at(told, "Description"), text_at(told, "Details"))))
