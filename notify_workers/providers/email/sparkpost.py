"""SparkPost (Bird): https://developers.sparkpost.com/api/transmissions/"""

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
    Retry,
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, retry_after, text_at
from notify_workers.providers.email.mime import addresses, each_once, mailboxes
from notify_workers.providers.overrides import overridden
from workflows.content import Attachment, Email

_CURLY = re.compile(r"\{\{|\}\}")
_MACROS = {"{{": "{{opening_double_curly()}}", "}}": "{{closing_double_curly()}}"}


@provider
@dataclass(frozen=True, slots=True)
class SparkPost:
    """`base_url`: https://api.eu.sparkpost.com for accounts in the EU.

    E-mails are sent as `transactional`: to all others it adds a List-Unsubscribe of its own. A step's JSON overrides go
    over the request's body.
    """

    name: ClassVar[str] = "sparkpost"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key", "webhook_secret"})

    api_key: str
    from_address: str
    base_url: str = "https://api.sparkpost.com"
    webhook_secret: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url.rstrip('/')}/api/v1/transmissions",
            headers={"authorization": self.api_key, "content-type": "application/json"},
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply)

    def _body(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        """Who gets it, and what its headers say of that, are apart: https://support.sparkpost.com/docs/faq/cc-bcc-with-rest-api"""
        to = ", ".join(mailboxes(content.to))
        recipients = [each["email"] for listed in each_once(content.to, content.cc, content.bcc) for each in listed]
        return {
            "recipients": [{"address": {"email": each, "header_to": to}} for each in recipients],
            "content": {name: value for name, value in self._content(content).items() if value},
            "metadata": {"doorbell_message": envelope.message_id},
            "options": {"transactional": True},
        }

    def _content(self, content: Email) -> dict[str, Any]:
        shown = [each for each in content.attachments if each.is_inline and each.content_id]
        files = [each for each in content.attachments if each not in shown]
        copies = {"CC": ", ".join(mailboxes(content.cc))} if content.cc else {}
        return {
            "from": content.sender or self.from_address,
            "reply_to": content.reply_to,
            "subject": _literally(content.subject),
            "text": _literally(content.text),
            "html": _literally(content.html),
            "headers": {**{name: _literally(value) for name, value in content.headers.items()}, **copies},
            "attachments": [_file(each, each.name) for each in files],
            "inline_images": [_file(each, each.content_id) for each in shown],
        }


def _literally(text: str) -> str:
    """The vendor takes `{{` and `}}` for its template language: what was rendered must not be rendered again."""
    return _CURLY.sub(lambda found: _MACROS[found[0]], text)


def _file(attachment: Attachment, name: str) -> dict[str, str]:
    return {"name": name, "type": attachment.content_type, "data": attachment.content}


def _outcome(reply: HttpReply) -> SendOutcome:
    """Codes: https://support.sparkpost.com/docs/tech-resources/extended-error-codes. 1902: suppressed; 5002: no address."""
    answer = json_of(reply)
    sent, refused = (text_at(answer, "results", name) for name in ("id", "total_rejected_recipients"))
    code, said = text_at(answer, "errors", 0, "code"), text_at(answer, "errors", 0, "message")
    said = ": ".join(each for each in (said, text_at(answer, "errors", 0, "description")) if each)
    if is_success(reply) and sent and not code:
        return Sent(sent, {"refused": int(refused)} if refused not in ("", "0") else {})
    reason = f"the vendor answered {reply.status}: {said}"
    if code == "5002" or (code == "1902" and "recipient address" in said):
        return Bounced(reason)
    if reply.status == 420:  # a limit of the account: https://developers.sparkpost.com/api/#header-errors
        return Retry(reason, retry_after(reply))
    return Refused(reason) if is_success(reply) and code else failed(reply, said)
