"""Mailjet: https://dev.mailjet.com/email/guides/send-api-v31/"""

from __future__ import annotations

from base64 import b64encode
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

AROUND = frozenset({"SandboxMode", "AdvanceErrorHandling", "Globals"})
"""Fields of the request that stand beside its messages."""


@provider
@dataclass(frozen=True, slots=True)
class Mailjet:
    """`base_url`: https://api.us.mailjet.com for accounts in the United States.

    A step's JSON overrides go over the message, those that have their place beside it (`SandboxMode`) over the request.
    """

    name: ClassVar[str] = "mailjet"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_secret", "webhook_secret"})

    api_key: str
    api_secret: str
    from_address: str
    base_url: str = "https://api.mailjet.com"
    webhook_secret: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        around = {name: value for name, value in content.overrides.items() if name in AROUND}
        inside = {name: value for name, value in content.overrides.items() if name not in AROUND}
        message = overridden(self._message(content, envelope), inside)
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url.rstrip('/')}/v3.1/send",
            headers={
                "authorization": f"Basic {b64encode(f'{self.api_key}:{self.api_secret}'.encode()).decode()}",
                "content-type": "application/json",
            },
            body=to_json(overridden({"Messages": [message]}, around)),
        )
        return _outcome(reply)

    def _message(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        lists = {"To": content.to, "Cc": content.cc, "Bcc": content.bcc}
        shown = [each for each in content.attachments if each.is_inline and each.content_id]
        files = [each for each in content.attachments if each not in shown]
        further = {
            "ReplyTo": next(iter(_people(content.reply_to)), None),  # it takes one
            "TextPart": content.text,
            "HTMLPart": content.html,
            "Headers": dict(content.headers),
            "Attachments": [_file(each) for each in files],
            "InlinedAttachments": [{**_file(each), "ContentID": each.content_id} for each in shown],
        }
        return {
            "From": next(iter(_people(content.sender or self.from_address)), {}),
            **{name: _people(value) for name, value in lists.items() if value},
            "Subject": content.subject,
            **{name: value for name, value in further.items() if value},
            "CustomID": envelope.message_id,
        }


def _people(header: str) -> list[dict[str, str]]:
    return [{name.capitalize(): value for name, value in each.items()} for each in people(header)]


def _file(attachment: Attachment) -> dict[str, str]:
    return {
        "ContentType": attachment.content_type,
        "Filename": attachment.name,
        "Base64Content": attachment.content,
    }


def _outcome(reply: HttpReply) -> SendOutcome:
    """A message's errors: `mj-0013` is "an invalid email address", of the field that it is related to."""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "Messages", 0, "Status") == "success":
        return Sent(text_at(answer, "Messages", 0, "To", 0, "MessageID") or None)
    first = ("Messages", 0, "Errors", 0)
    said = text_at(answer, *first, "ErrorMessage") or text_at(answer, "ErrorMessage")
    reason = f"the vendor answered {reply.status}: {said}"
    is_address = text_at(answer, *first, "ErrorRelatedTo", 0).startswith("To[")
    if is_address and text_at(answer, *first, "ErrorCode") == "mj-0013":
        return Bounced(reason)
    return Refused(reason) if is_success(reply) and said else failed(reply, said)
