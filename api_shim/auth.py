"""API keys (contract: api-endpoints §1.3): a key selects the environment and what may be done in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Request

from api_shim.directory import Directory
from api_shim.errors import AuthenticationFailed
from notify_workers.store.environments import ApiKey
from workflows.recipients import Reference

Capability = Literal[
    "user/read",
    "user/write",
    "user/feed_read",
    "user/feed_write",
    "user/guide_read",
    "user/guide_write",
    "preferences/read",
    "preferences/write",
    "channel_data/read",
    "channel_data/write",
    "slack/channels_read",
    "ms_teams/channels_read",
]
"""What a user token may grant (contract: api-endpoints §1.3)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the environment that the key belongs to, and what they may do in it."""

    environment_id: UUID
    key: ApiKey

    def require(self, capability: Capability, of: Reference, tenant: str | None = None) -> None:
        """Raises 403 unless the caller may do this with what belongs to a user, an object or a tenant, in that tenant.

        Every endpoint that takes public keys asks this before it reads or changes anything.
        """

    def tenants(self, capability: Capability, of: Reference) -> frozenset[str] | None:
        """The tenants to which the caller's access to somebody's feed or preferences is limited; None: to none."""
        return None


async def authenticate(request: Request) -> ApiKey:
    """The request's key. Raises 401 when there is none or nobody knows it."""
    scheme, _, token = header(request, b"authorization").partition(" ")
    if not token:
        raise AuthenticationFailed("api_key_missing", "An API key is needed: send it as `Authorization: Bearer <key>`")
    if scheme.lower() != "bearer":
        raise AuthenticationFailed("authentication_required", f"Authorization must be `Bearer <key>`, not `{scheme}`")
    directory: Directory = request.app.state.directory
    key = await directory.find_key(token.strip())
    if key is None:
        raise AuthenticationFailed("authentication_required", "This API key is not known")
    if key.loopback_only and not from_loopback(request):
        raise AuthenticationFailed(
            "authentication_required", "This key belongs to the development stack and works on loopback only"
        )
    return key


def header(request: Request, name: bytes) -> str:
    """A header by its lower-case name, empty when absent. The framework's own look-up costs a tenth of a trigger."""
    value: bytes = dict(request.scope["headers"]).get(name, b"")
    return value.decode("latin-1")


def from_loopback(request: Request) -> bool:
    """Whether the request comes from this machine; over a unix socket it has no address, and does."""
    client: tuple[str, int] | None = request.scope["client"]
    return client is None or _is_loopback(client[0])


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a proxy may forward a name, or `unknown`
        return False


async def secret_caller(request: Request) -> Caller:
    """The caller of an endpoint that needs a secret key. Raises 401, or 403 for keys of another kind."""
    key = await authenticate(request)
    if key.kind != "secret" or key.environment_id is None:
        raise AuthenticationFailed(
            "incorrect_token_type", f"This endpoint needs a secret key (sk_…), not a {key.kind} one", 403
        )
    return Caller(key.environment_id, key)


async def any_caller(request: Request) -> Caller:
    """The caller of an endpoint that takes public keys too."""
    key = await authenticate(request)
    if key.environment_id is None:
        raise AuthenticationFailed("incorrect_token_type", "Service tokens are for the management API", 403)
    return Caller(key.environment_id, key)


Secret = Annotated[Caller, Depends(secret_caller)]
Public = Annotated[Caller, Depends(any_caller)]
