"""Amazon SES by Amazon SNS: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate
from pydantic_core import from_json

from notify_workers import http_client
from notify_workers.errors import StoreUnavailable
from notify_workers.providers import HttpRequest
from notify_workers.providers.answers import text_at
from notify_workers.providers.email.ses import TAG, Ses
from notify_workers.settings import settings
from notify_workers.vendor_events import Kind, VendorEvent, VendorRequest
from notify_workers.vendor_events.checks import decoded, is_recent, is_same

HOST = re.compile(r"sns\.[a-z0-9-]{3,32}\.amazonaws\.com(\.cn)?")
CERTIFICATE = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
HASHES = {"1": SHA1, "2": SHA256}
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
"""Fields that are signed: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html"""

KINDS: Mapping[str, tuple[Kind, str]] = {
    "Send": ("sent", "send"),
    "Delivery": ("delivered", "delivery"),
    "Bounce": ("undelivered", "bounce"),
    "Complaint": ("complained", "complaint"),
    "Reject": ("undelivered", "reject"),
    "Rendering Failure": ("undelivered", "failure"),
    "Open": ("opened", "open"),
    "Click": ("clicked", "click"),
}
"""And where in the event what is told of it stands."""

MOST_KEYS = 32
_keys: dict[str, RSAPublicKey] = {}


def verify(provider: Ses, request: VendorRequest) -> bool:
    """Everybody with an AWS account can have SNS sign what they like, so the topic must be the channel's, too."""
    told = request.json
    kind, version = text_at(told, "Type"), text_at(told, "SignatureVersion")
    if not is_same(provider.webhook_topic_arn or "", text_at(told, "TopicArn")) or version not in HASHES:
        return False
    names = NOTIFICATION if kind == "Notification" else CONFIRMATION
    signed = "".join(f"{name}\n{told[name]}\n" for name in names if told.get(name) is not None)
    key = _key(text_at(told, "SigningCertURL"))
    if key is None:
        return False
    try:
        key.verify(decoded(text_at(told, "Signature")), signed.encode(), PKCS1v15(), HASHES[version]())
    except InvalidSignature:
        return False
    return is_recent(text_at(told, "Timestamp"))


def _key(url: str) -> RSAPublicKey | None:
    """The key of a certificate that SNS itself hands out. Raises `StoreUnavailable` when it does not now."""
    parts = urlsplit(url)
    if not _is_sns(url) or parts.query or not CERTIFICATE.fullmatch(parts.path):
        return None
    if url not in _keys:
        reply = http_client.perform(
            HttpRequest("GET", url, timeout=settings().vendor_timeout, carries_message=False, is_guarded=True)
        )
        if reply.status != 200 or reply.failure:
            raise StoreUnavailable("Amazon's certificate does not come")
        try:
            key = load_pem_x509_certificate(reply.body).public_key()
        except ValueError:
            return None
        if not isinstance(key, RSAPublicKey):
            return None
        if len(_keys) >= MOST_KEYS:
            _keys.clear()
        _keys[url] = key
    return _keys[url]


def _is_sns(url: str) -> bool:
    """Amazon's own host, by TLS: neither a user before it, nor a port behind it."""
    parts = urlsplit(url)
    return parts.scheme == "https" and HOST.fullmatch(parts.netloc) is not None


def confirm(request: VendorRequest) -> HttpRequest | None:
    """https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html"""
    told = request.json
    url = text_at(told, "SubscribeURL")
    if text_at(told, "Type") != "SubscriptionConfirmation" or not _is_sns(url):
        return None
    return HttpRequest("GET", url, timeout=settings().vendor_timeout, carries_message=False, is_guarded=True)


def events(request: VendorRequest) -> Iterable[VendorEvent]:
    """An event of a configuration set, or a notification of an identity, which brings no tags."""
    if text_at(request.json, "Type") != "Notification":
        return
    told = _inner(text_at(request.json, "Message"))
    name = text_at(told, "eventType") or text_at(told, "notificationType")
    if name not in KINDS:
        return
    kind, place = KINDS[name]
    detail = told.get(place)
    for recipient, words in _recipients(detail):
        yield VendorEvent(
            kind="bounced" if kind == "undelivered" and text_at(detail, "bounceType") == "Permanent" else kind,
            name=name,
            message_id=text_at(told, "mail", "tags", TAG, 0),
            external_id=text_at(told, "mail", "messageId"),
            recipient=recipient,
            words=words,
            at=text_at(detail, "timestamp") or text_at(told, "mail", "timestamp"),
            url=text_at(detail, "link"),
        )


def _inner(message: str) -> Any:
    try:
        return from_json(message)
    except ValueError:
        return None


def _recipients(detail: Any) -> Iterator[tuple[str, str]]:
    """Whom it is about, and why; nobody in particular for an event of the whole message."""
    lists = ("bouncedRecipients", "complainedRecipients", "recipients")
    named: list[Any] = next(
        (detail[name] for name in lists if isinstance(detail, dict) and isinstance(detail.get(name), list)), []
    )
    for each in named:
        if isinstance(each, str):
            yield each, ""
        else:
            why = text_at(each, "diagnosticCode") or text_at(detail, "complaintFeedbackType")
            yield (
                text_at(each, "emailAddress"),
                why or " ".join(text_at(detail, f"bounce{part}") for part in ("Type", "SubType")),
            )
    if not named:
        yield "", text_at(detail, "reason") or text_at(detail, "errorMessage")
