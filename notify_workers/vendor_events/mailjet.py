"""Mailjet's Event API: https://dev.mailjet.com/email/guides/webhooks/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from notify_workers.providers.answers import text_at
from notify_workers.providers.email.mailjet import Mailjet
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import has_password

KINDS: Mapping[str, Kind] = {
    "sent": "delivered",  # the recipient's server has taken it
    "bounce": "undelivered",
    "blocked": "undelivered",
    "spam": "complained",
    "open": "opened",
    "click": "clicked",
}
ADDRESS = frozenset(
    {
        "blacklisted",
        "invalid domain",
        "mailbox inactive",
        "no mail host",
        "preblocked",
        "spam reporter",
        "typofix",
        "user unknown",
    }
)
"""Errors of a message that was blocked before it was sent, when the address is the reason."""


def verify(provider: Mailjet, request: VendorRequest) -> bool:
    """It signs nothing: the address is the credential, and a user and a password if they are in the URL that it has."""
    return has_password(provider.webhook_secret, request.header("authorization"))


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    """One, or several when they are grouped. What is greylisted is tried again."""
    told = request.json
    for each in told if isinstance(told, list) else [told]:
        name, error = text_at(each, "event"), text_at(each, "error")
        if name in KINDS and error != "greylisted":
            yield VendorEvent(
                kind="bounced" if _is_address(name, error, each) else KINDS[name],
                name=name,
                message_id=text_at(each, "CustomID"),
                external_id=text_at(each, "MessageID"),
                recipient=text_at(each, "email"),
                words=": ".join(filter(None, (text_at(each, "error_related_to"), error, text_at(each, "comment")))),
                at=text_at(each, "time"),
                url=text_at(each, "url"),
            )


def _is_address(name: str, error: str, told: Any) -> bool:
    return (name == "bounce" and told.get("hard_bounce") in (True, 1)) or (name == "blocked" and error in ADDRESS)
