"""Telnyx: https://developers.telnyx.com/api-reference/messages/send-a-message"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

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
from notify_workers.providers.overrides import overridden
from workflows.content import Sms
from workflows.segments import segments

# https://developers.telnyx.com/docs/messaging/messages/error-codes: a landline, a number that said STOP, no number.
BAD_ADDRESS = frozenset({"40001", "40300", "40310"})
BAD_NUMBER = frozenset({"10002", "10016"})
"""Codes for any number; which one, `source.pointer` says."""


@provider
@dataclass(frozen=True, slots=True)
class Telnyx:
    """`from_number` is a number, a short code or an alphanumeric sender, which needs the `messaging_profile_id`, too.

    Without it the profile's pool chooses the number. A step's JSON overrides go over the request's body.
    """

    name: ClassVar[str] = "telnyx"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: str
    from_number: str | None = None
    messaging_profile_id: str | None = None
    status_callback_url: str | None = None
    webhook_public_key: str | None = None

    def __post_init__(self) -> None:
        if not (self.from_number or self.messaging_profile_id):
            raise ProviderMisconfigured("telnyx needs a `from_number` or a `messaging_profile_id`")

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        reply = yield HttpRequest(
            method="POST",
            url="https://api.telnyx.com/v2/messages",
            headers={"authorization": f"Bearer {self.api_key}", "content-type": "application/json"},
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply, content)

    def _body(self, content: Sms, envelope: Envelope) -> dict[str, Any]:
        known = {
            "from": self.from_number,
            "messaging_profile_id": self.messaging_profile_id,
            "to": content.to,
            "text": content.body,
            "webhook_url": self.status_callback_url and naming(self.status_callback_url, envelope),
        }
        return {name: value for name, value in known.items() if value is not None}


def _outcome(reply: HttpReply, content: Sms) -> SendOutcome:
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "data", "id"):
        counted = text_at(answer, "data", "parts")
        count = int(counted) if counted.isdecimal() else 0
        return Sent(text_at(answer, "data", "id"), {"segments": count or segments(content.body)})
    code = text_at(answer, "errors", 0, "code")
    said = " ".join(filter(None, (text_at(answer, "errors", 0, each) for each in ("code", "title", "detail"))))
    is_to = text_at(answer, "errors", 0, "source", "pointer").startswith("/to")
    if 400 <= reply.status < 500 and (code in BAD_ADDRESS or (code in BAD_NUMBER and is_to)):
        return Bounced(f"the vendor answered {reply.status}: {said}")
    return failed(reply, said)
