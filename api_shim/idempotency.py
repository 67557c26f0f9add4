"""Idempotency keys (contract: api-endpoints §1.5): a repeated trigger gets the first one's answer, for 24 hours.

The entry is written in the round trip that enqueues the trigger, and only then; so only what was accepted is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from starlette.requests import Request

from api_shim.errors import IdempotencyRefused

MOST_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Earlier:
    """The request that used the key first."""

    fingerprint: str
    trigger_id: str
    request_id: str


def parse_entry(entry: bytes) -> Earlier:
    return Earlier(*entry.decode().split("\n", 2))


def entry_name(environment: UUID, key: str) -> str:
    """Where Redis keeps the answer to a key. Keys are scoped to the environment."""
    if len(key) > MOST_CHARACTERS:
        raise IdempotencyRefused(
            "idempotency_key_too_long", f"Idempotency-Key has {len(key)} characters; at most 255 are kept"
        )
    return f"doorbell:idempotency:{environment}:{key}"


def fingerprint(request: Request, body: bytes) -> str:
    """What makes two requests the same: method, address and body."""
    digest = blake2b(f"{request.method} {request.url}\n".encode(), digest_size=16)
    digest.update(body)
    return digest.hexdigest()


def check_same(earlier: Earlier, print_of_this: str) -> None:
    if earlier.fingerprint != print_of_this:
        raise IdempotencyRefused(
            "idempotency_key_reused", "This Idempotency-Key was used for a different request within the last 24 hours"
        )
