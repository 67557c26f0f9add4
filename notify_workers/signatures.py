"""Signatures of requests, by which their receiver knows who sent them (contract: semantics §9, §12, §13)."""

from __future__ import annotations

from base64 import b64encode
from hmac import digest


def signature(key: str, body: bytes, at: float) -> str:
    """The header's value `t=<unix milliseconds>,s=<base64 of HMAC-SHA256 over "<t>.<body>">`; `at` in Unix seconds."""
    moment = str(int(at * 1000))
    signed = digest(key.encode(), moment.encode() + b"." + body, "sha256")
    return f"t={moment},s={b64encode(signed).decode()}"
