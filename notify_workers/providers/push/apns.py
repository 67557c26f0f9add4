"""Apple Push Notification service: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import jwt
from pydantic_core import to_json

from notify_workers.access_tokens import Tokens
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
from notify_workers.providers.answers import failed, json_of, text_at
from notify_workers.providers.overrides import overridden
from workflows.content import Push

SIGNED_FOR = 2700.0
"""Seconds that a provider token is used: Apple takes a new one every 20 minutes at most, and none older than an hour."""

GONE = frozenset({"BadDeviceToken", "Unregistered", "ExpiredToken"})
OTHERS = frozenset({"DeviceTokenNotForTopic", "MissingDeviceToken"})
"""The token is not one for this app."""

_tokens: Tokens[tuple[str, str, str]] = Tokens()


@provider
@dataclass(frozen=True, slots=True)
class Apns:
    """`private_key` is the text of the `.p8` file. Development builds have tokens of `api.sandbox.push.apple.com`, which are
    bad ones anywhere else. A step's JSON overrides go over the payload.
    """

    name: ClassVar[str] = "apns"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = frozenset({"private_key"})

    team_id: str
    key_id: str
    private_key: str
    bundle_id: str
    host: str = "api.push.apple.com"
    token_deregistration: bool = True

    def send(self, content: Push, envelope: Envelope) -> Sends:
        reply = HttpReply(403)
        for is_renewed in (False, True):
            try:
                token = self._token(is_renewed)
            except (ValueError, TypeError, jwt.PyJWTError):
                return Refused("the channel's private_key is not the key of a .p8 file")
            reply = yield HttpRequest(
                method="POST",
                url=f"https://{self.host}/3/device/{quote(content.token, safe='')}",
                headers={"authorization": f"bearer {token}", **self._headers(content, envelope)},
                body=to_json(overridden(_payload(content, envelope), content.overrides)),
                http_version="2",
            )
            if text_at(json_of(reply), "reason") != "ExpiredProviderToken":
                break
        return _outcome(reply)

    def _headers(self, content: Push, envelope: Envelope) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "apns-id": str(uuid5(NAMESPACE_URL, envelope.idempotency_key)),
            "apns-topic": self.bundle_id,
            "apns-push-type": "background" if content.is_silent else "alert",
            "apns-priority": "5" if content.is_silent else "10",
        }

    def _token(self, is_renewed: bool) -> str:
        """https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns"""
        key = (self.team_id, self.key_id, self.private_key)
        known = None if is_renewed else _tokens.get(key)
        if known is None:
            claims = {"iss": self.team_id, "iat": int(time.time())}
            known = jwt.encode(claims, self.private_key, "ES256", headers={"kid": self.key_id})
            _tokens.put(key, known, SIGNED_FOR)
        return known


def _payload(content: Push, envelope: Envelope) -> dict[str, Any]:
    aps = {"content-available": 1} if content.is_silent else {"alert": {"title": content.title, "body": content.body}}
    return {"aps": aps, "knock_message_id": envelope.message_id}


def _outcome(reply: HttpReply) -> SendOutcome:
    """Errors: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns"""
    if reply.status == 200:
        return Sent(reply.headers.get("apns-id"))
    reason = text_at(json_of(reply), "reason")
    if reason in GONE or reply.status == 410:
        return Bounced(f"the vendor answered {reply.status}: {reason}", is_gone=True)
    if reason in OTHERS:
        return Bounced(f"the vendor answered {reply.status}: {reason}")
    return failed(reply, reason)
