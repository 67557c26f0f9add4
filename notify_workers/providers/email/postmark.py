"""Postmark: https://postmarkapp.com/developer/api/email-api"""

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
class Postmark:
    """`message_stream`: `broadcast` for news. A step's JSON overrides go over the request's body."""

    name: ClassVar[str] = "postmark"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"server_token", "webhook_secret"})

    server_token: str
    from_address: str
    message_stream: str = "outbound"
    webhook_secret: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        reply = yield HttpRequest(
            method="POST",
            url="https://api.postmarkapp.com/email",
            headers={
                "accept": "application/json",
                "content-type": "application/json",
                "x-postmark-server-token": self.server_token,
            },
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply)

    def _body(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        lists = {"To": content.to, "Cc": content.cc, "Bcc": content.bcc, "ReplyTo": content.reply_to}
        headers = [{"Name": name, "Value": value} for name, value in content.headers.items()]
        return {
            "From": content.sender or self.from_address,
            **{name: ", ".join(mailboxes(value)) for name, value in lists.items() if value},
            "Subject": content.subject,
            "HtmlBody": content.html,
            "TextBody": content.text,
            **({"Headers": headers} if headers else {}),
            **({"Attachments": [_file(each) for each in content.attachments]} if content.attachments else {}),
            "MessageStream": self.message_stream,
            "Metadata": {"doorbell_message": envelope.message_id},
        }


def _file(attachment: Attachment) -> dict[str, str]:
    return {
        "Name": attachment.name,
        "Content": attachment.content,
        "ContentType": attachment.content_type,
        **({"ContentID": f"cid:{attachment.content_id}"} if attachment.content_id else {}),
    }


def _outcome(reply: HttpReply) -> SendOutcome:
    """Codes: https://postmarkapp.com/developer/api/overview#error-codes. 406: every recipient has bounced or complained."""
    answer = json_of(reply)
    code, said = text_at(answer, "ErrorCode"), text_at(answer, "Message")
    if is_success(reply) and code == "0":
        some_refused = said.startswith("Message OK, but")  # …will not deliver to these inactive addresses
        return Sent(text_at(answer, "MessageID") or None, {"refused": said} if some_refused else {})
    reason = f"the vendor answered {reply.status} with code {code}: {said}"
    if code == "406" or (code == "300" and "'To'" in said):
        return Bounced(reason)
    return Refused(reason) if is_success(reply) and code else failed(reply, said)
