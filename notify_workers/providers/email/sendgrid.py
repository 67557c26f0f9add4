"""SendGrid: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import Bounced, Envelope, HttpReply, HttpRequest, SendOutcome, Sends, Sent, provider
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.email.mime import addresses, each_once, people
from notify_workers.providers.overrides import overridden
from workflows.content import Attachment, Email

NO_LINK_OF_ITS_OWN = {"subscription_tracking": {"enable": False}}
"""Where the account has it enabled, it would put its own List-Unsubscribe in place of ours."""


@provider
@dataclass(frozen=True, slots=True)
class SendGrid:
    """`base_url`: https://api.eu.sendgrid.com for subusers in the EU. A step's JSON overrides go over the request's body."""

    name: ClassVar[str] = "sendgrid"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: str
    from_address: str
    base_url: str = "https://api.sendgrid.com"
    webhook_public_key: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url.rstrip('/')}/v3/mail/send",
            headers={"authorization": f"Bearer {self.api_key}", "content-type": "application/json"},
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply)

    def _body(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        lists = zip(("to", "cc", "bcc"), each_once(content.to, content.cc, content.bcc), strict=True)
        texts = {"text/plain": content.text, "text/html": content.html}
        return {
            "personalizations": [{name: listed for name, listed in lists if listed}],
            "from": next(iter(people(content.sender or self.from_address)), {}),
            **_reply_to(each_once(content.reply_to)[0]),
            "subject": content.subject,
            "content": [{"type": kind, "value": text} for kind, text in texts.items() if text],  # it refuses empty ones
            **({"headers": dict(content.headers)} if content.headers else {}),
            **({"attachments": [_file(each) for each in content.attachments]} if content.attachments else {}),
            **({"tracking_settings": NO_LINK_OF_ITS_OWN} if "List-Unsubscribe" in content.headers else {}),
            "custom_args": {"doorbell_message": envelope.message_id},
        }


def _reply_to(known: list[dict[str, str]]) -> dict[str, Any]:
    """It takes the one or the other, each address once."""
    if len(known) > 1:
        return {"reply_to_list": known}
    return {"reply_to": known[0]} if known else {}


def _file(attachment: Attachment) -> dict[str, str]:
    return {
        "content": attachment.content,
        "type": attachment.content_type.partition(";")[0].strip(),  # "cannot include ';' or CRLF"
        "filename": attachment.name,
        "disposition": "inline" if attachment.is_inline else "attachment",
        **({"content_id": attachment.content_id} if attachment.content_id else {}),
    }


def _outcome(reply: HttpReply) -> SendOutcome:
    """Errors: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors"""
    if is_success(reply):
        return Sent(reply.headers.get("x-message-id"))
    answer = json_of(reply)
    said = text_at(answer, "errors", 0, "message")
    if reply.status == 400 and text_at(answer, "errors", 0, "field").startswith("personalizations.0.to."):
        return Bounced(f"the vendor answered 400: {said}")
    return failed(reply, said)
