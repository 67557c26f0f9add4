"""Signatures of requests, by which their receiver knows who sent them (contract: semantics §9, §12, §13)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hmac import digest


def signature(key: str, body: bytes, at: float) -> str:
    """The header's value `t=<unix milliseconds>,s=<base64 of HMAC-SHA256 over "<t>.<body>">`; `at` in Unix seconds."""
    moment = str(int(at * 1000))
    signed = digest(key.encode(), moment.encode() + b"." + body, "sha256")
    return f"t={moment},s={b64encode(signed).decode()}"


SECRET_PREFIX = "whsec_"


def standard_key(secret: str) -> bytes:
    """The bytes of a secret `whsec_<base64>`. Raises `ValueError` when it is not one."""
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"must begin with {SECRET_PREFIX}")
    return b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)


def standard_headers(secret: str, message_id: str, body: bytes, at: float) -> dict[str, str]:
    """The headers of Standard Webhooks (https://www.standardwebhooks.com); `at` in Unix seconds."""
    moment = str(int(at))
    signed = digest(standard_key(secret), f"{message_id}.{moment}.".encode() + body, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{b64encode(signed).decode()}",
    }
