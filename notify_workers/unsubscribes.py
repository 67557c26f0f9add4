"""The link in commercial messages by which a recipient unsubscribes (contract: semantics §11.5; RFC 8058).

A link holds no secret of the recipient's and needs no row: who it is for, signed with the environment's secret.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from pydantic_core import from_json, to_json

from notify_workers.settings import settings
from notify_workers.store import environments
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from workflows.recipients import Identity, Reference


@dataclass(frozen=True, slots=True)
class Subscriber:
    environment_id: UUID
    recipient: Reference


def link(environment: UUID, secret: str, recipient: Reference) -> str:
    """The address to put into a message."""
    body = _encoded(to_json([str(environment), recipient.collection, recipient.id]))
    return f"{settings().public_url}/unsubscribe/{body}.{_signature(secret, body)}"


def read(token: str) -> Subscriber | None:
    """Whom a link is for; None for one that was not made here."""
    body, _, signature = token.partition(".")
    try:
        environment, collection, identifier = from_json(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        known = UUID(str(environment))
    except (ValueError, TypeError):
        return None
    with transaction() as tx:
        secret = environments.signing_secret(tx, known)
    if secret is None or not hmac.compare_digest(_signature(secret, body).encode(), signature.encode(errors="replace")):
        return None
    return Subscriber(known, Reference(str(collection), str(identifier)))


def unsubscribe(subscriber: Subscriber) -> None:
    """No commercial message any more, whatever other sets of preferences say. Doing it twice changes nothing."""
    preferences = {"default": {"commercial_subscribed": False}}
    with transaction() as tx:
        identify(tx, [(subscriber.environment_id, Identity(subscriber.recipient, preferences=preferences))])


def _signature(secret: str, body: str) -> str:
    return _encoded(hmac.digest(secret.encode(), body.encode(), sha256))


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
