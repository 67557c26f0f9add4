"""Plivo: https://www.plivo.com/docs/messaging/api/messages/"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic_core import to_json

from notify_workers.providers import (
    Bounced,
    Envelope,
    HttpReply,
    HttpRequest,
    ProviderMisconfigured,
    SendOutcome,
    Sends,
    Sent,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.callbacks import naming
from notify_workers.providers.overrides import overridden
from workflows.content import Sms
from workflows.segments import segments


@provider
@dataclass(frozen=True, slots=True)
class Plivo:
    """`from_number` is a number or an alphanumeric sender; or a Powerpack (`powerpack_uuid`) chooses the sender.

    A step's JSON overrides go over the request's body.
    """

    name: ClassVar[str] = "plivo"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset({"auth_token"})

    auth_id: str
    auth_token: str
    from_number: str | None = None
    powerpack_uuid: str | None = None
    status_callback_url: str | None = None

    def __post_init__(self) -> None:
        if bool(self.from_number) == bool(self.powerpack_uuid):
            raise ProviderMisconfigured("plivo needs either a `from_number` or a `powerpack_uuid`")

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        user = f"{self.auth_id}:{self.auth_token}"
        reply = yield HttpRequest(
            method="POST",
            url=f"https://api.plivo.com/v1/Account/{self.auth_id}/Message/",
            headers={
                "authorization": f"Basic {b64encode(user.encode()).decode()}",
                "content-type": "application/json",
            },
            body=to_json(overridden(self._body(content, envelope), content.overrides)),
        )
        return _outcome(reply, content)

    def _body(self, content: Sms, envelope: Envelope) -> dict[str, Any]:
        sender = {"src": self.from_number} if self.from_number else {"powerpack_uuid": self.powerpack_uuid}
        told = {"url": naming(self.status_callback_url, envelope)} if self.status_callback_url else {}
        return {**sender, "dst": content.to, "text": content.body, **told}


def _outcome(reply: HttpReply, content: Sms) -> SendOutcome:
    """A number that is none is left out of the queued ones, or is an error that names the parameter `dst`."""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "message_uuid", 0):
        return Sent(text_at(answer, "message_uuid", 0), {"segments": segments(content.body)})
    said = text_at(answer, "error")
    invalid = text_at(answer, "invalid_number", 0)
    if invalid or (reply.status == 400 and "dst" in said):
        return Bounced(f"the vendor answered {reply.status}: {said or f'{invalid} is no number'}")
    return failed(reply, said)
