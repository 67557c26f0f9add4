"""Sinch's SMS API: https://developers.sinch.com/docs/sms/api-reference/sms/batches/sendsms"""

from __future__ import annotations

import re
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

# https://developers.sinch.com/docs/sms/api-reference/status-codes/: "for example if a MSISDN is not correctly formatted".
WRONG_FORMAT = "syntax_invalid_parameter_format"
_RECIPIENT = re.compile(r"\b(to|recipients?|msisdns?|number)\b", re.IGNORECASE)
_SENDER = re.compile(r"\b(from|sender|originator)\b", re.IGNORECASE)


@provider
@dataclass(frozen=True, slots=True)
class Sinch:
    """`region` is where the service plan is: `us`, `eu`, `br`, `au` or `ca`. `from_number` is a number or a name.

    A step's JSON overrides go over the request's body.
    """

    name: ClassVar[str] = "sinch"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_token", "webhook_secret"})

    service_plan_id: str
    api_token: str
    from_number: str | None = None
    region: str = "us"
    status_callback_url: str | None = None
    webhook_secret: str | None = None

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        reply = yield HttpRequest(
            method="POST",
            url=f"https://{self.region}.sms.api.sinch.com/xms/v1/{self.service_plan_id}/batches",
            headers={"authorization": f"Bearer {self.api_token}", "content-type": "application/json"},
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply, content)

    def _body(self, content: Sms, envelope: Envelope) -> dict[str, Any]:
        told = {"delivery_report": "per_recipient", "callback_url": self.status_callback_url}
        return {
            **({"from": self.from_number} if self.from_number else {}),
            "to": [content.to],
            "body": content.body,
            "client_reference": envelope.message_id,
            **(told if self.status_callback_url else {}),
        }


def _outcome(reply: HttpReply, content: Sms) -> SendOutcome:
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "id"):
        return Sent(text_at(answer, "id"), {"segments": segments(content.body)})
    code, text = text_at(answer, "code"), text_at(answer, "text")
    said = " ".join(filter(None, (code, text)))
    is_recipient = _RECIPIENT.search(text) and not _SENDER.search(text)
    if reply.status == 400 and code == WRONG_FORMAT and is_recipient:
        return Bounced(f"the vendor answered 400: {said}")
    return failed(reply, said)
