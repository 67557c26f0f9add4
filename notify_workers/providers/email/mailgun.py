"""Mailgun: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/post-v3--domain-name--messages"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic_core import to_json
from urllib3.filepost import encode_multipart_formdata

from notify_workers.providers import Bounced, Envelope, HttpReply, HttpRequest, SendOutcome, Sends, Sent, provider
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.email.mime import addresses, mailboxes
from notify_workers.providers.overrides import overridden
from workflows.content import Attachment, Email

Part = str | tuple[str, bytes, str]
BAD_ADDRESS = re.compile("'?to'? parameter is not a valid address")


@provider
@dataclass(frozen=True, slots=True)
class Mailgun:
    """`base_url`: https://api.eu.mailgun.net for domains in the EU.

    A step's JSON overrides go over the form's fields: `{"o:tag": ["news"], "h:X-Mine": "1"}`.
    """

    name: ClassVar[str] = "mailgun"
    channel_type: ClassVar[str] = "email"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key", "webhook_secret"})

    api_key: str
    domain: str
    from_address: str
    base_url: str = "https://api.mailgun.net"
    webhook_secret: str | None = None
    tracks_engagement: bool = False

    def send(self, content: Email, envelope: Envelope) -> Sends:
        if not addresses(content.to):
            return Bounced("there is no address to send to")
        fields = overridden(self._fields(content, envelope), content.overrides)
        parts = [*_texts(fields), *(_file(each) for each in content.attachments)]
        body, content_type = encode_multipart_formdata(parts, boundary=f"doorbell-{envelope.message_id}")
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url.rstrip('/')}/v3/{quote(self.domain, safe='')}/messages",
            headers={
                "authorization": f"Basic {b64encode(f'api:{self.api_key}'.encode()).decode()}",
                "content-type": content_type,
            },
            body=body,
        )
        return _outcome(reply)

    def _fields(self, content: Email, envelope: Envelope) -> dict[str, Any]:
        lists = {"to": content.to, "cc": content.cc, "bcc": content.bcc}
        return {
            "from": content.sender or self.from_address,
            **{name: mailboxes(value) for name, value in lists.items() if value},
            "subject": content.subject,
            "text": content.text,
            "html": content.html,
            **({"h:Reply-To": content.reply_to} if content.reply_to else {}),
            **{f"h:{name}": value for name, value in content.headers.items()},
            "v:doorbell_message": envelope.message_id,
        }


def _texts(fields: Mapping[str, Any]) -> Iterator[tuple[str, Part]]:
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, each if isinstance(each, str) else to_json(each).decode()


def _file(attachment: Attachment) -> tuple[str, Part]:
    """A picture in the HTML is called by its file's name: `cid:` and that."""
    shown = attachment.is_inline and attachment.content_id
    content = b64decode(attachment.content)
    return "inline" if shown else "attachment", (shown or attachment.name, content, attachment.content_type)


def _outcome(reply: HttpReply) -> SendOutcome:
    """An address in `to` that is none fails the whole request: 400 with these words."""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "id"):
        return Sent(text_at(answer, "id"))
    said = text_at(answer, "message")
    if reply.status == 400 and BAD_ADDRESS.match(said):
        return Bounced(f"the vendor answered 400: {said}")
    return failed(reply, said)
