"""Microsoft Teams: https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages, https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from pydantic_core import to_json

from notify_workers.providers import (
    Bounced,
    Envelope,
    Exchange,
    HttpReply,
    HttpRequest,
    Refused,
    SendOutcome,
    Sends,
    Sent,
    TokenReply,
    TokenRequest,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.chat.connections import REMOVED, has_webhook, webhook_of
from workflows.content import Chat

CARD = "application/vnd.microsoft.card.adaptive"
ALL_TENANTS = "botframework.com"
SCOPE = "https://api.botframework.com/.default"

NOBODY = frozenset(
    {
        *("ConversationNotFound", "ConversationBlockedByUser", "MessageWritesBlocked", "BotDisabledByAdmin"),
        *("BotNotInConversationRoster", "ChannelNotFound", "TeamNotFound"),
    }
)
"""https://learn.microsoft.com/microsoftteams/platform/bots/build-notification-capability#handle-errors"""

Asking = Generator[Exchange, Any, HttpReply]


@provider
@dataclass(frozen=True, slots=True)
class MsTeams:
    """JSON content is an Adaptive Card, or goes over the activity; an incoming webhook gets Markdown as a card.

    `client_id` and `client_secret` are the bot's; `bot_tenant_id` is where it is registered, unless that is for all tenants.
    Incoming webhooks, Workflows' too, need none of them, but a host of `webhook_hosts`.
    """

    name: ClassVar[str] = "ms_teams"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset({"client_secret"})

    client_id: str | None = None
    client_secret: str | None = None
    bot_tenant_id: str = ALL_TENANTS
    service_url: str = "https://smba.trafficmanager.net/teams"
    login_url: str = "https://login.microsoftonline.com"
    webhook_hosts: str = ".webhook.office.com outlook.office.com .logic.azure.com .api.powerplatform.com"

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        if has_webhook(content):
            url = webhook_of(envelope, self.webhook_hosts)
            if not isinstance(url, str):
                return url
            body = to_json(_for_webhook(content))
            reply = yield HttpRequest("POST", url, {"content-type": "application/json"}, body=body)
            return _webhook_outcome(reply)
        if envelope.connection is None:
            return REMOVED
        if not self.client_id or not self.client_secret:
            return Refused("the channel has no bot: set client_id and client_secret, or use an incoming webhook")
        tenant = envelope.connection.tenant_id or (self.bot_tenant_id if self.bot_tenant_id != ALL_TENANTS else "")
        if not tenant:
            return Refused("there is no ms_teams_tenant_id: nobody has connected yet")
        if channel := content.connection.get("ms_teams_channel_id"):
            where = {"isGroup": True, "channelData": {"channel": {"id": channel}, "tenant": {"id": tenant}}}
            posted = yield from self._post(
                "conversations", {**self._as_bot(tenant), **where, "activity": _for_bot(content)}
            )
            return _outcome(posted)
        user = content.connection.get("ms_teams_user_id")
        if not user:
            return Bounced("the connection names no channel and no user")
        where = {"isGroup": False, "members": [{"id": user}], "channelData": {"tenant": {"id": tenant}}}
        opened = yield from self._post("conversations", {**self._as_bot(tenant), **where}, carries_message=False)
        conversation = text_at(json_of(opened), "id")
        if not is_success(opened) or not conversation:
            return _outcome(opened)
        posted = yield from self._post(f"conversations/{quote(conversation, safe='')}/activities", _for_bot(content))
        return _outcome(posted)

    def _as_bot(self, tenant: str) -> dict[str, Any]:
        return {"bot": {"id": f"28:{self.client_id}"}, "tenantId": tenant}

    def _post(self, path: str, body: dict[str, Any], *, carries_message: bool = True) -> Asking:
        """The Bot Connector's answer, or why it could not be asked. A token that it does not take is renewed once."""
        reply = HttpReply(401)
        for is_renewed in (False, True):
            got: TokenReply = yield self._token(is_renewed)
            if not got.token:
                return got.answer
            reply = yield HttpRequest(
                "POST",
                f"{self.service_url.rstrip('/')}/v3/{path}",
                {"authorization": f"Bearer {got.token}", "content-type": "application/json"},
                body=to_json(body),
                carries_message=carries_message,
            )
            if reply.status != 401:
                break
        return reply

    def _token(self, is_renewed: bool) -> TokenRequest:
        """https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication"""
        form = {
            "grant_type": "client_credentials",
            "client_id": str(self.client_id),
            "client_secret": str(self.client_secret),
            "scope": SCOPE,
        }
        request = HttpRequest(
            "POST",
            f"{self.login_url}/{self.bot_tenant_id}/oauth2/v2.0/token",
            {"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            carries_message=False,
        )
        return TokenRequest((form["client_id"], form["client_secret"]), request, is_renewed)


def _for_bot(content: Chat) -> dict[str, Any]:
    summary = {"summary": content.summary} if content.summary else {}
    card = content.json_content
    if card is None:
        return {"type": "message", "textFormat": "markdown", "text": content.markdown, **summary}
    return {"type": "message", **summary, **(_attached(card) if card.get("type") == "AdaptiveCard" else card)}


def _for_webhook(content: Chat) -> dict[str, Any]:
    """Workflows take Adaptive Cards only; the older connectors take them too, and MessageCards."""
    card = content.json_content
    if card is not None and card.get("type") != "AdaptiveCard":
        return dict(card)
    text = {"type": "TextBlock", "text": content.markdown, "wrap": True}
    summary = {"summary": content.summary} if content.summary else {}
    shown = card if card is not None else {"type": "AdaptiveCard", "version": "1.4", "body": [text]}
    return {"type": "message", **summary, **_attached(shown)}


def _attached(card: Any) -> dict[str, Any]:
    return {"attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}


def _outcome(reply: HttpReply) -> SendOutcome:
    answer = json_of(reply)
    external_id = text_at(answer, "activityId") or text_at(answer, "id")
    if is_success(reply) and external_id:
        return Sent(external_id)
    code, said = text_at(answer, "error", "code"), text_at(answer, "error", "message")
    words = said or text_at(answer, "error_description") or text_at(answer, "error")
    if code in NOBODY:
        return Bounced(f"the vendor answered {reply.status}: {code}", is_gone=code.endswith("NotFound"))
    return failed(reply, words)


def _webhook_outcome(reply: HttpReply) -> SendOutcome:
    """A connector says `1`, Workflows nothing (202). A connector's 200 may report in words what Teams answered to it."""
    if not is_success(reply):
        gone = Bounced(f"the vendor answered {reply.status}: there is no such webhook", is_gone=True)
        return gone if reply.status in (404, 410) else failed(reply)
    said = re.search(rb"HTTP error (\d{3})", reply.body)
    return failed(HttpReply(int(said[1]), reply.headers)) if said else Sent()
