"""Vonage's delivery receipts: https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import md5

from notify_workers.providers.sms.vonage import Vonage
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import hmac_hex, is_recent, is_same

KINDS: Mapping[str, Kind] = {
    "accepted": "sent",
    "delivered": "delivered",
    "expired": "undelivered",
    "failed": "undelivered",
    "rejected": "undelivered",
}
ADDRESS = frozenset({"3", "4", "9", "12"})
"""Absent for good, barred by the user, said STOP, no route to the number:
https://api.support.vonage.com/hc/en-us/articles/204014733"""


def verify(provider: Vonage, request: VendorRequest) -> bool:
    """https://developer.vonage.com/en/getting-started/concepts/signing-messages

    Receipts are signed for accounts that have asked for it; without a secret the address alone is the credential.
    """
    if not provider.webhook_secret:
        return True
    told = _told(request)
    given = told.pop("sig", "")
    signed = "".join(f"&{name}={_safe(value)}" for name, value in sorted(told.items()))
    method = provider.webhook_signature_method
    if method == "md5hash":
        expected = md5((signed + provider.webhook_secret).encode(), usedforsecurity=False).hexdigest()
    else:
        expected = hmac_hex(provider.webhook_secret, signed.encode(), method)
    return is_same(expected, given.lower()) and is_recent(told.get("timestamp", ""))


def _safe(value: str) -> str:
    return value.replace("&", "_").replace("=", "_")


def _told(request: VendorRequest) -> dict[str, str]:
    """As the account is set up: in the query, a form or JSON."""
    told = request.json
    if isinstance(told, dict):
        return {name: str(value) for name, value in told.items()}
    return request.form if request.body else request.query


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = _told(request)
    name, code = told.get("status", ""), told.get("err-code", "")
    if name in KINDS:
        is_address = KINDS[name] == "undelivered" and code in ADDRESS
        yield VendorEvent(
            kind="bounced" if is_address else KINDS[name],
            name=name,
            message_id=told.get("client-ref", ""),
            external_id=told.get("messageId", ""),
            words=f"error {code}" if KINDS[name] == "undelivered" else "",
            at=told.get("message-timestamp", ""),
        )
