"""Slack: https://docs.slack.dev/reference/methods/chat.postMessage, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    Unknown,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, retry_after, text_at
from notify_workers.providers.chat.connections import has_webhook, token_of, webhook_of
from notify_workers.providers.chat.marks import MRKDWN, marked
from workflows.content import Chat

NOBODY = frozenset(
    {
        *("channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "is_inactive"),
        *("user_not_found", "users_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot"),
        *("messages_tab_disabled", "no_service", "no_service_id", "no_active_hooks", "no_team", "team_disabled"),
    }
)
"""Errors that are about the channel, the user or the webhook."""

GONE = frozenset({"is_archived", "channel_is_archived", "no_service", "no_active_hooks", "no_team", "team_disabled"})
LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"})
PERHAPS = frozenset({"internal_error", "fatal_error", "request_timeout"})

SECTION = 3000
"""Characters that a section's text may have."""


@provider
@dataclass(frozen=True, slots=True)
class Slack:
    """JSON content goes over the request's body: `thread_ts` there makes a reply of the message.

    `access_token` is for connections that have none, of a workspace of one's own; with `client_id` and `client_secret`
    customers connect theirs. `webhook_hosts` are those, apart by blanks, that incoming webhooks may be at.
    """

    name: ClassVar[str] = "slack"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset({"access_token", "client_secret"})

    access_token: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    api_url: str = "https://slack.com/api"
    webhook_hosts: str = "hooks.slack.com hooks.slack-gov.com"

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        if has_webhook(content):
            url = webhook_of(envelope, self.webhook_hosts)
            if not isinstance(url, str):
                return url
            reply = yield _posting(url, {}, _body(content))
            return Sent() if is_success(reply) else _refusal(reply, _said(reply))
        token = token_of(envelope, self.access_token)
        if not isinstance(token, str):
            return token
        authorization = {"authorization": f"Bearer {token}"}
        channel = content.connection.get("channel_id") or content.connection.get("user_id")
        if not channel:
            found = yield self._lookup(content, authorization)
            channel = text_at(json_of(found), "user", "id")
            if not channel:
                return _outcome(found)
        body = {"channel": channel, **_body(content), "metadata": _metadata(envelope)}
        reply = yield _posting(f"{self.api_url}/chat.postMessage", authorization, body)
        return _outcome(reply)

    def _lookup(self, content: Chat, authorization: Mapping[str, str]) -> HttpRequest:
        """https://docs.slack.dev/reference/methods/users.lookupByEmail"""
        email = str(content.connection.get("email", ""))
        url = f"{self.api_url}/users.lookupByEmail"
        return HttpRequest("GET", url, authorization, (("email", email),), carries_message=False)


def _posting(url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> HttpRequest:
    return HttpRequest("POST", url, {**headers, "content-type": "application/json; charset=utf-8"}, body=to_json(body))


def _metadata(envelope: Envelope) -> dict[str, Any]:
    """https://docs.slack.dev/messaging/message-metadata"""
    return {"event_type": "doorbell_message", "event_payload": {"message_id": envelope.message_id}}


def _body(content: Chat) -> dict[str, Any]:
    """With a summary, it is the text of notifications, and the message is a block."""
    summary = {"text": content.summary} if content.summary else {}
    if content.json_content is not None:
        return {**summary, **content.json_content}
    text = marked(content.markdown, MRKDWN)
    if summary and text and len(text) <= SECTION:
        return {**summary, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}
    return {"text": text}


def _outcome(reply: HttpReply) -> SendOutcome:
    """Slack says what went wrong in the body of an answer whose status is 200."""
    answer = json_of(reply)
    ts = text_at(answer, "ts")
    if is_success(reply) and ts and not text_at(answer, "error"):
        channel = text_at(answer, "channel")
        return Sent(ts, {"channel_id": channel} if channel else {})
    return _refusal(reply, text_at(answer, "error"))


def _refusal(reply: HttpReply, error: str) -> Bounced | Refused | Retry | Unknown:
    reason = f"the vendor answered {reply.status}: {error}"
    if error in NOBODY:
        return Bounced(reason, is_gone=error in GONE)
    if error in LATER:
        return Retry(reason, retry_after(reply))
    if error in PERHAPS:
        return Unknown(reason)
    return Refused(reason) if error and is_success(reply) else failed(reply, error)


def _said(reply: HttpReply) -> str:
    """A webhook's error is one word of plain text."""
    found = re.fullmatch(rb"[a-z_]{1,100}", reply.body.strip())
    return found[0].decode() if found else ""
