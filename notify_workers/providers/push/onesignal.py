"""OneSignal: https://documentation.onesignal.com/reference/push-notification"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

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
from notify_workers.providers.overrides import overridden
from workflows.content import Push

URL = "https://api.onesignal.com/notifications"


@provider
@dataclass(frozen=True, slots=True)
class OneSignal:
    """Channel data names subscriptions, which were once called players. A step's JSON overrides go over the request's body."""

    name: ClassVar[str] = "onesignal"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_key"})
    recognises_repeats: ClassVar[bool] = True

    app_id: str
    api_key: str
    token_deregistration: bool = True

    def send(self, content: Push, envelope: Envelope) -> Sends:
        reply = yield HttpRequest(
            method="POST",
            url=URL,
            headers={"authorization": f"Key {self.api_key}", "content-type": "application/json"},
            query_params=(("c", "push"),),
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply, content.token)

    def _body(self, content: Push, envelope: Envelope) -> dict[str, Any]:
        """A repeat is known by a UUID: https://documentation.onesignal.com/reference/idempotent-notification-requests"""
        shown: dict[str, Any] = {"headings": {"en": content.title}, "contents": {"en": content.body}}
        return {
            "app_id": self.app_id,
            "target_channel": "push",
            "include_subscription_ids": [content.token],
            **({"content_available": True} if content.is_silent else shown),
            "data": {"knock_message_id": envelope.message_id},
            "idempotency_key": str(uuid5(NAMESPACE_URL, envelope.idempotency_key)),
        }


def _outcome(reply: HttpReply, token: str) -> SendOutcome:
    """A 200 without an id has sent nothing; `errors` is then a list of sentences, or a map of what was wrong."""
    answer = json_of(reply)
    errors = answer.get("errors") if isinstance(answer, dict) else None
    invalid = errors.get("invalid_player_ids") if isinstance(errors, dict) else None
    if isinstance(invalid, list) and token in invalid:
        return Bounced(f"the vendor answered {reply.status}: invalid_player_ids", is_gone=True)
    if is_success(reply) and text_at(answer, "id"):
        return Sent(text_at(answer, "id"))
    said = text_at(errors, 0)
    if "not subscribed" in said:  # and may be again, under the same id
        return Bounced(f"the vendor answered {reply.status}: {said}")
    return Refused(f"the vendor answered {reply.status}: {said}") if is_success(reply) and said else failed(reply, said)
