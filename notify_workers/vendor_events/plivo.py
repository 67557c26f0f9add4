"""Plivo's status callbacks: https://www.plivo.com/docs/messaging/api/message/message-status-callbacks"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from notify_workers.providers.callbacks import PARAMETER
from notify_workers.providers.sms.plivo import Plivo
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import hmac_base64, is_same

KINDS: Mapping[str, Kind] = {
    "sent": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "rejected": "undelivered",
    "read": "opened",
}
ADDRESS = frozenset({"50", "70", "200"})
"""No number, unavailable for good, said STOP: https://www.plivo.com/docs/messaging/troubleshooting/error-codes"""


def verify(provider: Plivo, request: VendorRequest) -> bool:
    """The third version signs all that is said, the second, which messages have, the address and a nonce.

    https://www.plivo.com/docs/messaging/concepts/signature-validation
    """
    parts = urlsplit(request.url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if third := request.header("x-plivo-signature-v3"):
        nonce = request.header("x-plivo-signature-v3-nonce")
        expected = hmac_base64(provider.auth_token, f"{base}{_said(request)}.{nonce}".encode())
        return any(is_same(expected, each.strip()) for each in third.split(","))
    nonce = request.header("x-plivo-signature-v2-nonce")
    expected = hmac_base64(provider.auth_token, f"{base}{nonce}".encode())
    return bool(nonce) and is_same(expected, request.header("x-plivo-signature-v2").strip())


def _said(request: VendorRequest) -> str:
    """The query, then the form: both sorted by name."""
    query = "&".join(f"{name}={value}" for name, value in sorted(request.query.items()))
    form = "".join(f"{name}{value}" for name, value in sorted(request.form.items()))
    if not form:
        return f"?{query}" if query else ""
    return f"?{query}.{form}" if query else f"?{form}"


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.form or request.query
    name, code = told.get("Status", ""), told.get("ErrorCode", "")
    if name in KINDS:
        is_bad = KINDS[name] == "undelivered"
        yield VendorEvent(
            kind="bounced" if is_bad and code in ADDRESS else KINDS[name],
            name=name,
            message_id=request.query.get(PARAMETER, ""),
            external_id=told.get("MessageUUID", ""),
            words=f"error {code}" if is_bad else "",
            at=told.get("DeliveryReportTime", ""),
        )
