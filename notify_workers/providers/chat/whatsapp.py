"""WhatsApp Cloud API: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import (
    Bounced,
    Envelope,
    HttpReply,
    HttpRequest,
    Retry,
    SendOutcome,
    Sends,
    Sent,
    Unknown,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, retry_after, text_at
from notify_workers.providers.chat.connections import REMOVED
from notify_workers.providers.chat.marks import WHATSAPP, marked
from notify_workers.providers.overrides import overridden
from workflows.content import Chat

NOBODY = frozenset({"131021", "131026", "131030", "131050", "133010"})
"""Sender and recipient are the same; undeliverable; not on the test number's list; wants no marketing; not registered."""

LATER = frozenset({"2", "4", "80007", "130429", "131016", "131048", "131056", "131057", "133004"})
"""Limits, and times in which the service, or our number, is not there."""

PERHAPS = frozenset({"1", "131000"})


@provider
@dataclass(frozen=True, slots=True)
class WhatsApp:
    """Writes to the recipient's phone number, or a connection's. JSON content goes over the request's body: a template
    (`{"type": "template", "template": {…}}`) opens a conversation, which text cannot."""

    name: ClassVar[str] = "whatsapp"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset({"access_token"})

    access_token: str
    phone_number_id: str
    api_url: str = "https://graph.facebook.com/v23.0"

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        if envelope.connection is None:
            return REMOVED
        number = str(content.connection.get("phone_number", ""))
        if not number:
            return Bounced("there is no phone number")
        reply = yield HttpRequest(
            "POST",
            f"{self.api_url}/{self.phone_number_id}/messages",
            {"authorization": f"Bearer {self.access_token}", "content-type": "application/json"},
            body=to_json(_body(content, number, envelope)),
        )
        return _outcome(reply)


def _body(content: Chat, number: str, envelope: Envelope) -> dict[str, Any]:
    """What is opaque to Meta comes back with the message's statuses."""
    known = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": number,
        "biz_opaque_callback_data": envelope.message_id,
    }
    if content.json_content is not None:
        return overridden(known, content.json_content)
    return {**known, "type": "text", "text": {"body": marked(content.markdown, WHATSAPP)}}


def _outcome(reply: HttpReply) -> SendOutcome:
    """https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes"""
    answer = json_of(reply)
    external_id = text_at(answer, "messages", 0, "id")
    if is_success(reply) and external_id:
        return Sent(external_id)
    said, code = text_at(answer, "error", "message"), text_at(answer, "error", "code")
    reason = f"the vendor answered {reply.status}: {said}"
    if code in NOBODY:
        return Bounced(reason)
    if code in LATER:
        return Retry(reason, retry_after(reply))
    return Unknown(reason) if code in PERHAPS else failed(reply, said)
