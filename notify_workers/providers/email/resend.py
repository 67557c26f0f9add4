"""Resend: https://resend.com/docs/api-reference/emails/send-email"""

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
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.email.mime import addresses, mailboxes
from notify_workers.providers.overrides import overridden
from workflows.content import Attachment, Email


@provider
@dataclass(frozen=True, slots=True)
class Resend:
    """A step's JSON overrides go over the request's body."""

    name: ClassVar[str] = "resend"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key", "webhook_secret"})
    recognises_repeats: ClassVar[bool] = True

    api_key: str
    from_address: str
    webhook_secret: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        reply = yield HttpRequest(
            method="POST",
            url="https://api.resend.com/emails",
            headers={
                "authorization": f"Bearer {self.api_key}",
                "content-type": "application/json",
                "idempotency-key": envelope.idempotency_key,
            },
            body=to_json(overridden(self._body(content), content.overrides)),
        )
        return _outcome(reply)

    def _body(self, content: Email) -> dict[str, Any]:
        lists = {"to": content.to, "cc": content.cc, "bcc": content.bcc, "reply_to": content.reply_to}
        return {
            "from": content.sender or self.from_address,
            **{name: mailboxes(value) for name, value in lists.items() if value},
            "subject": content.subject,
            "html": content.html,
            "text": content.text,
            **({"headers": dict(content.headers)} if content.headers else {}),
            **({"attachments": [_file(each) for each in content.attachments]} if content.attachments else {}),
        }


def _file(attachment: Attachment) -> dict[str, str]:
    shown = {"content_id": attachment.content_id} if attachment.content_id else {}
    return {
        "filename": attachment.name,
        "content": attachment.content,
        "content_type": attachment.content_type,
        **shown,
    }


def _outcome(reply: HttpReply) -> SendOutcome:
    """Errors: https://resend.com/docs/api-reference/errors"""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "id"):
        return Sent(text_at(answer, "id"))
    if reply.status == 409:  # the same key with another body, or while the first is being processed
        return Refused(f"the vendor answered 409: {text_at(answer, 'message')}")
    return failed(reply, text_at(answer, "message"))
