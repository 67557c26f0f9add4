"""Who sent an event: the signature is the credential. Each type of source signs in its own way.

Times in signatures are those of the sender's clock, so they are compared with this machine's, not with the engine's.
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Mapping
from hmac import compare_digest, digest

from svix.webhooks import Webhook

from notify_workers.settings import settings

OWN = "x-doorbell-signature"


def verified(source_type: str, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether who knows the secret has sent this. `headers` have lower-case names."""
    match source_type:
        case "segment":
            return _segment(secret, headers.get("x-signature", ""), body)
        case "rudderstack":
            return _shared(secret, headers)
        case "http" if OWN in headers:
            return _own(secret, headers[OWN], body)
        case _:
            return _standard(secret, headers, body)


def signed_headers(source_type: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of a verified request: its id is the one that was signed, by both of its names.

    Otherwise who has seen a request could repeat it under the other name, and it would count as another event.
    """
    if source_type in ("segment", "rudderstack") or (source_type == "http" and OWN in headers):
        return headers
    identifier = headers.get("svix-id", headers.get("webhook-id", ""))
    return {**headers, "svix-id": identifier, "webhook-id": identifier}


def _standard(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Standard Webhooks, and Svix' older names of its headers (https://www.standardwebhooks.com); five minutes at most."""
    sent = headers.get("svix-timestamp") or headers.get("webhook-timestamp") or ""
    try:
        _webhook(secret).verify(body, dict(headers))
        return abs(float(sent) - time.time()) <= settings().source_tolerance
    except Exception:  # besides its own error the library raises several kinds, for headers of several wrong forms
        return False


def _webhook(secret: str) -> Webhook:
    """A secret without the prefix is a key as it is written, one with it is the key in base64."""
    return Webhook(secret if secret.startswith("whsec_") else secret.encode())


def _own(secret: str, header: str, body: bytes) -> bool:
    """`t=<unix milliseconds>,s=<base64 of HMAC-SHA256 over "<t>.<body>">`, as Doorbell signs what it sends itself."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    moment, given = parts.get("t", ""), parts.get("s", "")
    if not (moment.isascii() and moment.isdecimal()) or len(moment) > 15:
        return False
    if abs(int(moment) / 1000 - time.time()) > settings().source_tolerance:
        return False
    expected = digest(secret.encode(), moment.encode() + b"." + body, "sha256")
    try:
        return compare_digest(expected, b64decode(given, validate=True))
    except ValueError:
        return False


def _segment(secret: str, header: str, body: bytes) -> bool:
    """Hexadecimal HMAC-SHA1 of the body (https://segment.com/docs/connections/destinations/catalog/webhooks)."""
    return compare_digest(digest(secret.encode(), body, "sha1").hex().encode(), header.strip().lower().encode())


def _shared(secret: str, headers: Mapping[str, str]) -> bool:
    """RudderStack signs nothing; it sends headers that one chooses: `Authorization: Bearer <secret>`."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and compare_digest(secret.encode(), given.strip().encode())


def secret_problem(source_type: str, secret: object) -> str | None:
    """What is wrong with a secret, in words."""
    if not isinstance(secret, str) or not secret:
        return "settings.secret is missing"
    if source_type == "clerk" and not secret.startswith("whsec_"):
        return "settings.secret must be the endpoint's signing secret (whsec_…)"
    try:
        _webhook(secret)
    except Exception:
        return "settings.secret is no signing secret (whsec_… and base64)"
    return None
