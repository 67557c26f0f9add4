"""Web Push: https://www.rfc-editor.org/rfc/rfc8030, with VAPID: https://www.rfc-editor.org/rfc/rfc8292"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ValidationError
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
from notify_workers.providers.answers import failed, is_success
from notify_workers.providers.overrides import overridden
from notify_workers.providers.push.web_push_encryption import CURVE, decode, encode, encrypt, point, private_key
from workflows.content import Push

SIGNED_FOR = 12 * 3600
"""Seconds; VAPID allows a day."""


class _Keys(BaseModel):
    p256dh: str
    auth: str


class Subscription(BaseModel):
    """A `PushSubscription`, as browsers write it in JSON (https://www.w3.org/TR/push-api/#pushsubscription-interface)."""

    endpoint: str
    keys: _Keys


@provider
@dataclass(frozen=True, slots=True)
class WebPush:
    """A token is the JSON text of a browser's `PushSubscription`. `vapid_subject` is a `mailto:` or `https:` address.

    `ttl` is for how many seconds the push service keeps a message. The service worker gets `{title, body, data}` as JSON, and
    of a silent message `{is_silent, data}`; a step's JSON overrides go over that.
    """

    name: ClassVar[str] = "web_push"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = frozenset({"vapid_private_key"})

    vapid_private_key: str
    vapid_subject: str
    ttl: int = 2_419_200
    token_deregistration: bool = True

    def send(self, content: Push, envelope: Envelope) -> Sends:
        try:
            subscription = Subscription.model_validate_json(content.token)
            p256dh, auth = decode(subscription.keys.p256dh), decode(subscription.keys.auth)
            ec.EllipticCurvePublicKey.from_encoded_point(CURVE, p256dh)
        except (ValidationError, ValueError):
            return Bounced("the token is not the JSON of a PushSubscription")
        if not subscription.endpoint.startswith("https://"):
            return Bounced("the subscription's endpoint must begin with https://")
        try:
            authorization = self._authorization(subscription.endpoint)
        except (ValueError, TypeError):
            return Refused("the channel's vapid_private_key is not a key of P-256")
        message = to_json(overridden(_message(content, envelope), content.overrides))
        reply = yield HttpRequest(
            method="POST",
            url=subscription.endpoint,
            headers={"authorization": authorization, **self._headers(content, envelope)},
            body=encrypt(message, p256dh, auth, salt=os.urandom(16), key=ec.generate_private_key(CURVE)),
            is_guarded=True,
        )
        return _outcome(reply)

    def _headers(self, content: Push, envelope: Envelope) -> dict[str, str]:
        """A message takes the place of one under the same topic that has not arrived yet: so does a repeated attempt."""
        return {
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(self.ttl),
            "topic": envelope.idempotency_key,
            "urgency": "low" if content.is_silent else "normal",
        }

    def _authorization(self, endpoint: str) -> str:
        key = private_key(self.vapid_private_key)
        parts = urlsplit(endpoint)
        claims = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int(time.time()) + SIGNED_FOR,
            "sub": self.vapid_subject,
        }
        return f"vapid t={jwt.encode(claims, key, 'ES256')}, k={encode(point(key))}"


def _message(content: Push, envelope: Envelope) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": content.title, "body": content.body}
    return {**({"is_silent": True} if content.is_silent else shown), "data": {"knock_message_id": envelope.message_id}}


def _outcome(reply: HttpReply) -> SendOutcome:
    """RFC 8030 §5, and §7.3 of a subscription that is no more. The new message's address is its name."""
    if is_success(reply):
        return Sent(reply.headers.get("location"))
    if reply.status in (404, 410):
        return Bounced(f"the vendor answered {reply.status}: the subscription is no more", is_gone=True)
    return failed(reply)
