"""MessageBird's SMS API: https://developers.messagebird.com/api/sms-messaging/"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import (
    Bounced,
    Envelope,
    HttpReply,
    HttpRequest,
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.overrides import overridden
from workflows.content import Sms
from workflows.segments import segments

ADDRESS = frozenset({"recipient", "recipients"})
"""The parameters that an error about the address names."""


@provider
@dataclass(frozen=True, slots=True)
class MessageBird:
    """`from_number` is a number or a name of at most 11 characters. A step's JSON overrides go over the request's body."""

    name: ClassVar[str] = "messagebird"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset({"access_key", "webhook_secret"})

    access_key: str
    from_number: str
    status_callback_url: str | None = None
    webhook_secret: str | None = None

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        reply = yield HttpRequest(
            method="POST",
            url="https://rest.messagebird.com/messages",
            headers={
                "authorization": f"AccessKey {self.access_key}",
                "accept": "application/json",
                "content-type": "application/json",
            },
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply, content)

    def _body(self, content: Sms, envelope: Envelope) -> dict[str, Any]:
        return {
            "recipients": [content.to],
            "originator": self.from_number,
            "body": content.body,
            "datacoding": "auto",
            "reference": envelope.message_id,
            **({"reportUrl": self.status_callback_url} if self.status_callback_url else {}),
        }


def _outcome(reply: HttpReply, content: Sms) -> SendOutcome:
    """Errors: https://developers.messagebird.com/api/#api-errors"""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "id"):
        counted = text_at(answer, "recipients", "items", 0, "messagePartCount")
        count = int(counted) if counted.isdecimal() else 0
        return Sent(text_at(answer, "id"), {"segments": count or segments(content.body)})
    said = " ".join(filter(None, (text_at(answer, "errors", 0, each) for each in ("code", "description"))))
    if reply.status in (400, 422) and text_at(answer, "errors", 0, "parameter") in ADDRESS:
        return Bounced(f"the vendor answered {reply.status}: {said}")
    return failed(reply, said)
