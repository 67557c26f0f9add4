"""Twilio's status callbacks: https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from notify_workers.providers.callbacks import PARAMETER
from notify_workers.providers.sms.twilio import Twilio
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import hmac_base64, is_same

KINDS: Mapping[str, Kind] = {
    "sent": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "failed": "undelivered",
    "read": "opened",
}
ADDRESS = frozenset({"21211", "21610", "21614", "30005", "30006"})
"""No number, one that said STOP, none of a mobile, one that does not exist, a landline: https://www.twilio.com/docs/api/errors"""


def verify(provider: Twilio, request: VendorRequest) -> bool:
    """https://www.twilio.com/docs/usage/security#validating-requests. Signed with the account's token, not with an API key's."""
    secret = provider.webhook_secret or ("" if provider.api_key_sid else provider.auth_token)
    signed = request.url + "".join(name + value for name, value in sorted(request.form.items()))
    return bool(secret) and is_same(
        hmac_base64(secret, signed.encode(), "sha1"), request.header("x-twilio-signature").strip()
    )


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    told = request.form
    name, code = told.get("MessageStatus", ""), told.get("ErrorCode", "")
    if name in KINDS:
        is_address = KINDS[name] == "undelivered" and code in ADDRESS
        yield VendorEvent(
            kind="bounced" if is_address else KINDS[name],
            name=name,
            message_id=request.query.get(PARAMETER, ""),
            external_id=told.get("MessageSid", ""),
            words=" ".join(filter(None, (code, told.get("ErrorMessage", "")))),
        )
