"""Twilio: https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any, ClassVar

from notify_workers.providers import (
    Bounced,
    Envelope,
    HttpReply,
    HttpRequest,
    ProviderMisconfigured,
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.callbacks import naming
from notify_workers.providers.forms import form
from notify_workers.providers.overrides import overridden
from workflows.content import Sms
from workflows.segments import segments

# https://www.twilio.com/docs/api/errors: no number, a short code, one that said STOP, none of a mobile, a landline.
BAD_ADDRESS = frozenset({"21211", "21265", "21610", "21614", "21635"})


@provider
@dataclass(frozen=True, slots=True)
class Twilio:
    """`from_number` is a number, a short code or an alphanumeric sender; or a `messaging_service_sid` chooses the sender.

    With an `api_key_sid`, `auth_token` is that key's secret. A step's JSON overrides go over the form's fields.
    """

    name: ClassVar[str] = "twilio"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset({"auth_token", "webhook_secret"})

    account_sid: str
    auth_token: str
    from_number: str | None = None
    messaging_service_sid: str | None = None
    api_key_sid: str | None = None
    status_callback_url: str | None = None
    base_url: str = "https://api.twilio.com"
    webhook_secret: str | None = None

    def __post_init__(self) -> None:
        if not (self.from_number or self.messaging_service_sid):
            raise ProviderMisconfigured("twilio needs a `from_number` or a `messaging_service_sid`")

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        user = f"{self.api_key_sid or self.account_sid}:{self.auth_token}"
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url}/2010-04-01/Accounts/{self.account_sid}/Messages.json",
            headers={
                "authorization": f"Basic {b64encode(user.encode()).decode()}",
                "content-type": "application/x-www-form-urlencoded",
            },
            body=form(overridden(self._fields(content, envelope), content.overrides)),
        )
        return _outcome(reply, content)

    def _fields(self, content: Sms, envelope: Envelope) -> dict[str, Any]:
        known = {
            "To": content.to,
            "From": self.from_number,
            "MessagingServiceSid": self.messaging_service_sid,
            "Body": content.body,
            "StatusCallback": self.status_callback_url and naming(self.status_callback_url, envelope),
        }
        return {name: value for name, value in known.items() if value is not None}


def _outcome(reply: HttpReply, content: Sms) -> SendOutcome:
    """A messaging service has not chosen a sender yet when it answers; its count of segments is 0 then."""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "sid"):
        counted = text_at(answer, "num_segments")
        count = int(counted) if counted.isdecimal() else 0
        return Sent(text_at(answer, "sid"), {"segments": count or segments(content.body)})
    said = " ".join(filter(None, (text_at(answer, "code"), text_at(answer, "message"))))
    if reply.status == 400 and text_at(answer, "code") in BAD_ADDRESS:
        return Bounced(f"the vendor answered 400: {said}")
    return failed(reply, said)
