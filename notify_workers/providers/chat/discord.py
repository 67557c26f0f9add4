"""Discord: https://discord.com/developers/docs/resources/message#create-message, .../resources/webhook#execute-webhook"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import Bounced, Envelope, HttpReply, HttpRequest, SendOutcome, Sends, Sent, provider
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.chat.connections import has_webhook, token_of, webhook_of
from workflows.content import Chat

NOBODY = frozenset({"10003", "10004", "10013", "10015", "50001", "50007", "50013"})
"""Unknown channel, guild, user, webhook; no access to the channel; no messages to this user; not allowed to write there."""

GONE = frozenset({"10003", "10004", "10013", "10015"})

NONCE = 25
"""Characters that it may have."""


@provider
@dataclass(frozen=True, slots=True)
class Discord:
    """JSON content goes over the request's body. Nobody is called by `@everyone`, unless JSON says so.

    `bot_token` writes to connections with a `channel_id`; incoming webhooks need none.
    """

    name: ClassVar[str] = "discord"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset({"bot_token"})

    bot_token: str | None = None
    webhook_hosts: str = "discord.com discordapp.com ptb.discord.com canary.discord.com"

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        body = _body(content)
        headers = {"content-type": "application/json"}
        if has_webhook(content):
            url = webhook_of(envelope, self.webhook_hosts)
            if not isinstance(url, str):
                return url
            reply = yield HttpRequest("POST", url, headers, (("wait", "true"),), to_json(body))
            return _outcome(reply)
        token = token_of(envelope, self.bot_token)
        if not isinstance(token, str):
            return token
        url = f"https://discord.com/api/v10/channels/{content.connection.get('channel_id', '')}/messages"
        once = {"nonce": envelope.idempotency_key[-NONCE:], "enforce_nonce": True}  # for the next minutes
        reply = yield HttpRequest(
            "POST", url, {"authorization": f"Bot {token}", **headers}, body=to_json({**body, **once})
        )
        return _outcome(reply)


def _body(content: Chat) -> dict[str, Any]:
    said = {"content": content.markdown} if content.json_content is None else content.json_content
    return {"allowed_mentions": {"parse": ["users", "roles"]}, **said}


def _outcome(reply: HttpReply) -> SendOutcome:
    """https://discord.com/developers/docs/topics/opcodes-and-status-codes#json"""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "id"):
        return Sent(text_at(answer, "id"))
    said, code = text_at(answer, "message"), text_at(answer, "code")
    if code in NOBODY:
        return Bounced(f"the vendor answered {reply.status}: {said}", is_gone=code in GONE)
    return failed(reply, said)
