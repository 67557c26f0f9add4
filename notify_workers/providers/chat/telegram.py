"""Telegram: https://core.telegram.org/bots/api#sendmessage"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    provider,
)
from notify_workers.providers.answers import LONGEST_WAIT, failed, is_success, json_of, text_at
from notify_workers.providers.chat.connections import REMOVED
from notify_workers.providers.chat.marks import TELEGRAM, marked
from workflows.content import Chat

NOBODY = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "group chat was upgraded",
    "group chat was deactivated",
)
GONE = ("blocked by the user", "user is deactivated", "was kicked", "chat was deleted", *NOBODY[3:])


@provider
@dataclass(frozen=True, slots=True)
class Telegram:
    """Connections have a `chat_id`. JSON content goes over the request's body."""

    name: ClassVar[str] = "telegram"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset({"bot_token"})

    bot_token: str
    api_url: str = "https://api.telegram.org"

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        if envelope.connection is None:
            return REMOVED
        chat = content.connection.get("chat_id")
        if not chat:
            return Bounced("the connection has no chat_id")
        reply = yield HttpRequest(
            "POST",
            f"{self.api_url}/bot{self.bot_token}/sendMessage",
            {"content-type": "application/json"},
            body=to_json({"chat_id": chat, **_body(content)}),
        )
        return _outcome(reply)


def _body(content: Chat) -> dict[str, Any]:
    if content.json_content is not None:
        return dict(content.json_content)
    return {"text": marked(content.markdown, TELEGRAM), "parse_mode": "HTML"}


def _outcome(reply: HttpReply) -> SendOutcome:
    """https://core.telegram.org/bots/api#making-requests"""
    answer = json_of(reply)
    external_id = text_at(answer, "result", "message_id")
    if is_success(reply) and external_id:
        return Sent(external_id)
    said = text_at(answer, "description")
    if (reply.status == 403 and said) or any(each in said.lower() for each in NOBODY):
        reason = f"the vendor answered {reply.status}: {said}"
        return Bounced(reason, is_gone=any(each in said.lower() for each in GONE))
    outcome = failed(reply, said)
    seconds = text_at(answer, "parameters", "retry_after")
    if isinstance(outcome, Retry) and seconds.isdigit():
        return replace(outcome, after=min(float(seconds), LONGEST_WAIT))
    return outcome
