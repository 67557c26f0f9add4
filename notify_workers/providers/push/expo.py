"""Expo: https://docs.expo.dev/push-notifications/sending-notifications/"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import (
    Bounced,
    Envelope,
    HttpReply,
    HttpRequest,
    Refused,
    Retry,
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.overrides import overridden
from workflows.content import Push

URL = "https://exp.host/--/api/v2/push/send"


@provider
@dataclass(frozen=True, slots=True)
class Expo:
    """`access_token` is needed where the Expo account asks for it (enhanced security). A step's JSON overrides go over the
    message.
    """

    name: ClassVar[str] = "expo"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = frozenset({"access_token"})

    access_token: str | None = None
    token_deregistration: bool = True

    def send(self, content: Push, envelope: Envelope) -> Sends:
        authorization = {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        reply = yield HttpRequest(
            method="POST",
            url=URL,
            headers={"accept": "application/json", "content-type": "application/json", **authorization},
            body=to_json(overridden(_message(content, envelope), content.overrides)),
        )
        return _outcome(reply)


def _message(content: Push, envelope: Envelope) -> dict[str, Any]:
    shown = {"_contentAvailable": True} if content.is_silent else {"title": content.title, "body": content.body}
    return {"to": content.token, **shown, "data": {"knock_message_id": envelope.message_id}}


def _outcome(reply: HttpReply) -> SendOutcome:
    """The ticket; what comes of it afterwards stands in a receipt, which is not asked for. Errors: the same page."""
    answer = json_of(reply)
    ticket = answer.get("data") if isinstance(answer, dict) else None
    if not is_success(reply) or not isinstance(ticket, dict):
        return failed(reply, text_at(answer, "errors", 0, "message") or text_at(answer, "errors", 0, "code"))
    if text_at(ticket, "status") == "ok" and text_at(ticket, "id"):
        return Sent(text_at(ticket, "id"))
    code = text_at(ticket, "details", "error")
    reason = f"the vendor answered {reply.status}: {code or text_at(ticket, 'message')}"
    if code == "DeviceNotRegistered":
        return Bounced(reason, is_gone=True)
    return Retry(reason) if code == "MessageRateExceeded" else Refused(reason)
