"""Sinch's delivery reports: https://developers.sinch.com/docs/sms/api-reference/sms/tag/Webhooks/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from notify_workers.providers.answers import text_at
from notify_workers.providers.sms.sinch import Sinch
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import hmac_base64, is_recent, is_same

KINDS: Mapping[str, Kind] = {
    "Dispatched": "sent",
    "Delivered": "delivered",
    "Failed": "undelivered",
    "Rejected": "undelivered",
    "Expired": "undelivered",
    "Aborted": "undelivered",
    "Cancelled": "undelivered",
    "Deleted": "bounced",  # "if the destination is an invalid MSISDN or opted out subscriber"
}
"""https://developers.sinch.com/docs/sms/api-reference/sms/tag/Delivery-reports/"""


def verify(provider: Sinch, request: VendorRequest) -> bool:
    """Reports are signed for service plans that have asked for it; without a secret the address alone is the credential.

    `<body>.<nonce>.<time>`, as in https://developers.sinch.com/docs/conversation/callbacks/#validating-callbacks.
    """
    if not provider.webhook_secret:
        return True
    given, nonce, moment = (request.header(f"x-sinch-webhook-signature{each}") for each in ("", "-nonce", "-timestamp"))
    expected = hmac_base64(provider.webhook_secret, request.body + f".{nonce}.{moment}".encode())
    return is_same(expected, given) and is_recent(moment)


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.json
    name, code = text_at(told, "status"), text_at(told, "code")
    if text_at(told, "type") == "recipient_delivery_report_sms" and name in KINDS:
        is_bad = KINDS[name] in ("undelivered", "bounced")
        yield VendorEvent(
            kind=KINDS[name],
            name=name,
            message_id=text_at(told, "client_reference"),
            external_id=text_at(told, "batch_id"),
            words=f"code {code}" if is_bad else "",
            at=text_at(told, "operator_status_at") or text_at(told, "at"),
        )
