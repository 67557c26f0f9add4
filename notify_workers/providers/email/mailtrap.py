"""Mailtrap: https://docs.mailtrap.io/developers/email-sending/transactional"""

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
    Refused,
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.email.mime import addresses, people
from notify_workers.providers.overrides import overridden
from workflows.content import Attachment, Email

BAD_ADDRESS = re.compile(r"'to\b.* address is invalid")


@provider
@dataclass(frozen=True, slots=True)
class Mailtrap:
    """`base_url`: https://bulk.api.mailtrap.io for news, https://sandbox.api.mailtrap.io for tests, which needs `inbox_id`.

    A step's JSON overrides go over the request's body.
    """

    name: ClassVar[str] = "mailtrap"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_token"})

    api_token: str
    from_address: str
    base_url: str = "https://send.api.mailtrap.io"
    inbox_id: str | None = None

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url.rstrip('/')}/api/send" + (f"/{self.inbox_id}" if self.inbox_id else ""),
            headers={"authorization": f"Bearer {self.api_token}", "content-type": "application/json"},
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply)

    def _body(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        further = {
            "cc": people(content.cc),
            "bcc": people(content.bcc),
            "reply_to": next(iter(people(content.reply_to)), None),  # it takes one
            "text": content.text,
            "html": content.html,
            "headers": dict(content.headers),
            "attachments": [_file(each) for each in content.attachments],
        }
        return {
            "from": next(iter(people(content.sender or self.from_address)), {}),
            "to": people(content.to),
            "subject": content.subject,
            **{name: value for name, value in further.items() if value},
            "custom_variables": {"doorbell_message": envelope.message_id},
        }


def _file(attachment: Attachment) -> dict[str, str]:
    return {
        "content": attachment.content,
        "type": attachment.content_type,
        "filename": attachment.name,
        "disposition": "inline" if attachment.is_inline else "attachment",
        **({"content_id": attachment.content_id} if attachment.content_id else {}),
    }


def _outcome(reply: HttpReply) -> SendOutcome:
    """It has a name for the message to each recipient; the first is that of the first in `to`. Errors are words only."""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "message_ids", 0):
        return Sent(text_at(answer, "message_ids", 0))
    said = text_at(answer, "errors", 0) or text_at(answer, "errors")
    reason = f"the vendor answered {reply.status}: {said}"
    if reply.status == 400 and BAD_ADDRESS.match(said):
        return Bounced(reason)
    return Refused(reason) if is_success(reply) and said else failed(reply, said)
