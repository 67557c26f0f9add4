"""SparkPost's webhooks: https://developers.sparkpost.com/api/webhooks/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from notify_workers.providers.answers import text_at
from notify_workers.providers.email.sparkpost import SparkPost
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import has_password

KINDS: Mapping[str, Kind] = {
    "injection": "sent",
    "delivery": "delivered",
    "bounce": "undelivered",
    "out_of_band": "undelivered",
    "policy_rejection": "undelivered",
    "generation_failure": "undelivered",
    "generation_rejection": "undelivered",
    "spam_complaint": "complained",
    "open": "opened",
    "amp_open": "opened",
    "click": "clicked",
    "amp_click": "clicked",
}
ADDRESS, HARMLESS = frozenset({"10", "30", "90"}), frozenset({"60", "80", "100"})
"""Classes of bounces: https://support.sparkpost.com/docs/deliverability/bounce-classification-codes

An address that is none or does not want it; and answers of machines.
"""


def verify(provider: SparkPost, request: VendorRequest) -> bool:
    """It signs nothing: the address is the credential, and a user and a password if it was given them."""
    return has_password(provider.webhook_secret, request.header("authorization"))


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.json
    for each in told if isinstance(told, list) else []:
        yield from _event(each)


def _event(told: Any) -> Iterable[VendorEvent]:
    """`{"msys": {"message_event": {…}}}`; nothing inside, when it tries the address."""
    inside = told.get("msys") if isinstance(told, dict) else None
    event = next(iter(inside.values()), None) if isinstance(inside, dict) else None
    name, bounce = text_at(event, "type"), text_at(event, "bounce_class")
    if name not in KINDS or bounce in HARMLESS:
        return
    yield VendorEvent(
        kind="bounced" if bounce in ADDRESS and KINDS[name] == "undelivered" else KINDS[name],
        name=name,
        message_id=text_at(event, "rcpt_meta", "doorbell_message"),
        external_id=text_at(event, "transmission_id"),
        recipient=text_at(event, "raw_rcpt_to") or text_at(event, "rcpt_to"),
        words=text_at(event, "raw_reason") or text_at(event, "reason"),
        at=text_at(event, "timestamp"),
        url=text_at(event, "target_link_url"),
    )
