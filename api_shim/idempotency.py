"""Idempotency keys (contract: api-endpoints §1.5): a repeated trigger gets the first one's answer, for 24 hours.

The entry is written in the round trip that enqueues the trigger, and only then: what was not accepted is not remembered.
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

    def replay_headers(self, request_id: str) -> dict[str, str]:
        """None for the first request itself: Redis' answer was lost on the way, and it was asked again."""
        if self.request_id == request_id:
            return {}
        return {"idempotent-replayed": "true", "original-x-request-id": self.request_id}


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
