"""What checks of vendors' signatures have in common. Times are those of the vendor's clock, so they meet this machine's."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from hmac import compare_digest, digest

from notify_workers.settings import settings


def is_same(expected: str | bytes, given: str) -> bool:
    """Compared in a time that says nothing. What is empty is never the same."""
    wanted = expected.encode() if isinstance(expected, str) else expected
    return bool(wanted) and compare_digest(wanted, given.encode(errors="replace"))


def hmac_base64(secret: str, signed: bytes, algorithm: str = "sha256") -> bytes:
    return b64encode(digest(secret.encode(), signed, algorithm))


def hmac_hex(secret: str, signed: bytes, algorithm: str = "sha256") -> str:
    return digest(secret.encode(), signed, algorithm).hex()


def is_recent(moment: str) -> bool:
    """Whether a signed time (seconds since 1970, or ISO 8601) is near enough to now."""
    try:
        at = float(moment) if moment.replace(".", "", 1).isdecimal() else _instant(moment)
    except ValueError:
        return False
    return abs(at - time.time()) <= settings().vendor_event_tolerance


def _instant(written: str) -> float:
    parsed = datetime.fromisoformat(written)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def decoded(written: str) -> bytes:
    """Base64; empty for what is none."""
    try:
        return b64decode(written, validate=True)
    except ValueError:
        return b""


def has_password(secret: str | None, authorization: str) -> bool:
    """Whether `Authorization: Basic` names `secret` (`user:password`). Without a secret the address alone is the credential."""
    if not secret:
        return True
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "basic" and is_same(b64encode(secret.encode()), given.strip())
