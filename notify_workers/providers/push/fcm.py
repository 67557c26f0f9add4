"""Firebase Cloud Messaging: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, ValidationError
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
    TokenReply,
    TokenRequest,
    Unknown,
    provider,
)
from notify_workers.providers.answers import failed, is_success, json_of, text_at
from notify_workers.providers.overrides import overridden
from workflows.content import Push

URL = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
HOUR = 3600

IN_THE_BACKGROUND = {
    "headers": {"apns-push-type": "background", "apns-priority": "5"},
    "payload": {"aps": {"content-available": 1}},
}
"""Of a silent message, for Apple's devices."""


class Account(BaseModel):
    """A service account's key file."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"


@provider
@dataclass(frozen=True, slots=True)
class Fcm:
    """`service_account` is the text of its key file (JSON). A step's JSON overrides go over the request's `message`."""

    name: ClassVar[str] = "fcm"
    channel_type: ClassVar[str] = "push"
    secrets: ClassVar[frozenset[str]] = frozenset({"service_account"})

    service_account: str
    token_deregistration: bool = True

    def send(self, content: Push, envelope: Envelope) -> Sends:
        try:
            account = Account.model_validate_json(self.service_account)
            token_request = _token_request(account)
        except (ValidationError, ValueError, TypeError):
            return Refused("the channel's service_account is not a service account's key file")
        reply = HttpReply(401)
        for is_renewed in (False, True):
            got: TokenReply = yield replace(token_request, is_renewed=is_renewed)
            if not got.token:
                return _unauthorized(got.answer)
            reply = yield HttpRequest(
                method="POST",
                url=f"{URL}/v1/projects/{quote(account.project_id, safe='')}/messages:send",
                headers={"authorization": f"Bearer {got.token}", "content-type": "application/json"},
                body=to_json({"message": overridden(_message(content, envelope), content.overrides)}),
            )
            if reply.status != 401:
                break
        return _outcome(reply)


def _message(content: Push, envelope: Envelope) -> dict[str, Any]:
    visible = {"notification": {"title": content.title, "body": content.body}}
    shown = {"apns": IN_THE_BACKGROUND} if content.is_silent else visible
    return {"token": content.token, **shown, "data": {"knock_message_id": envelope.message_id}}


@lru_cache(maxsize=64)
def _key(pem: str) -> RSAPrivateKey:
    """Read once: that takes longer than signing."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("it is not an RSA key")
    return key


def _token_request(account: Account) -> TokenRequest:
    """https://developers.google.com/identity/protocols/oauth2/service-account#httprest"""
    now = int(time.time())
    claims = {"iss": account.client_email, "scope": SCOPE, "aud": account.token_uri, "iat": now, "exp": now + HOUR}
    signed = jwt.encode(claims, _key(account.private_key), "RS256", headers={"kid": account.private_key_id})
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}
    request = HttpRequest(
        method="POST",
        url=account.token_uri,
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode(form).encode(),
        carries_message=False,
    )
    digest = sha256(account.private_key.encode()).hexdigest()  # nobody gets a token with somebody else's address alone
    return TokenRequest((account.client_email, digest), request)


def _unauthorized(reply: HttpReply) -> SendOutcome:
    """Google gave no access token. Whatever that was, nothing was sent."""
    answer = json_of(reply)
    outcome = failed(reply, text_at(answer, "error_description") or text_at(answer, "error"))
    return Retry(outcome.reason) if isinstance(outcome, Unknown) else outcome


def _outcome(reply: HttpReply) -> SendOutcome:
    """Errors: https://firebase.google.com/docs/cloud-messaging/error-codes"""
    answer = json_of(reply)
    if is_success(reply) and text_at(answer, "name"):
        return Sent(text_at(answer, "name"))
    code, said = _code(answer), text_at(answer, "error", "message")
    reason = f"the vendor answered {reply.status}: {code or said}"
    if reply.status == 404 or code == "UNREGISTERED":
        return Bounced(reason, is_gone=True)
    if code == "INVALID_ARGUMENT" and "registration token" in said:  # else it is about the message
        return Bounced(f"{reason}: {said}", is_gone=True)
    if code == "SENDER_ID_MISMATCH":
        return Bounced(reason)
    outcome = failed(reply, f"{code}: {said}" if code else said)
    if isinstance(outcome, Retry) and outcome.after is None and reply.status == 429:
        return replace(outcome, after=60.0)  # the least that the vendor asks for when it says no time
    return outcome


def _code(answer: Any) -> str:
    """FCM's own code. The invalid values of a message have details of another type, and no such code."""
    details = answer.get("error", {}).get("details") if isinstance(answer, dict) and _is_error(answer) else None
    codes = [text_at(each, "errorCode") for each in details] if isinstance(details, list) else []
    return next((each for each in codes if each), "")


def _is_error(answer: dict[str, Any]) -> bool:
    return isinstance(answer.get("error"), dict)
