"""Vonage's SMS API (Nexmo): https://developer.vonage.com/en/api/sms"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

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
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.forms import form
from notify_workers.providers.overrides import overridden
from workflows.content import Sms
from workflows.segments import is_gsm

# https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
SENT, INVALID_PARAMETER, INTERNAL_ERROR, DEACTIVATED = "0", "3", "5", "33"
LATER = frozenset({"1", "10"})
"""Throttled, too many connections."""

BAD_ADDRESS = frozenset({"6", "7", DEACTIVATED})
"""No such prefix, a number that may not be sent to, one that is none any more."""


@provider
@dataclass(frozen=True, slots=True)
class Vonage:
    """`from_number` is a number or a name. A step's JSON overrides go over the form's fields."""

    name: ClassVar[str] = "vonage"
    channel_type: ClassVar[str] = "sms"
    secrets: ClassVar[frozenset[str]] = frozenset({"api_secret", "webhook_secret"})

    api_key: str
    api_secret: str
    from_number: str
    status_callback_url: str | None = None
    base_url: str = "https://rest.nexmo.com"
    webhook_secret: str | None = None
    webhook_signature_method: Literal["md5hash", "md5", "sha1", "sha256", "sha512"] = "md5hash"

    def send(self, content: Sms, envelope: Envelope) -> Sends:
        reply = yield HttpRequest(
            method="POST",
            url=f"{self.base_url}/sms/json",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=form(overridden(self._fields(content, envelope), content.overrides)),
        )
        return _outcome(reply)

    def _fields(self, content: Sms, envelope: Envelope) -> dict[str, Any]:
        """Numbers without their `+`."""
        return {
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "from": self.from_number.removeprefix("+"),
            "to": content.to.removeprefix("+"),
            "text": content.body,
            "type": "text" if is_gsm(content.body) else "unicode",
            "client-ref": envelope.message_id,
            **({"callback": self.status_callback_url} if self.status_callback_url else {}),
        }


def _outcome(reply: HttpReply) -> SendOutcome:
    """An error is a 200, too. There is one `message` for each segment."""
    answer = json_of(reply)
    parts = answer.get("messages") if isinstance(answer, dict) else None
    if not is_success(reply) or not isinstance(parts, list) or not parts:
        return failed(reply, text_at(answer, "error-code-label") or text_at(answer, "title"))
    statuses = [text_at(part, "status") for part in parts]
    wrong = next((part for part in parts if text_at(part, "status") != SENT), None)
    if wrong is None:
        return Sent(text_at(parts[0], "message-id"), {"segments": len(parts)})
    said = f"the vendor answered status {text_at(wrong, 'status')}: {text_at(wrong, 'error-text')}"
    if SENT in statuses:
        return Refused(f"{said}, for some of the segments")
    return _error(text_at(wrong, "status"), text_at(wrong, "error-text"), said)


def _error(status: str, text: str, said: str) -> SendOutcome:
    if status in LATER:
        return Retry(said)
    if status in BAD_ADDRESS or (status == INVALID_PARAMETER and text.startswith("to ")):
        return Bounced(said, is_gone=status == DEACTIVATED)
    return Unknown(said) if status in (INTERNAL_ERROR, "") else Refused(said)
