"""API keys (contract: api-endpoints §1.3): a key selects the environment and what may be done in it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api_shim import limits
from api_shim.directory import Directory, Security
from api_shim.errors import AuthenticationFailed
from api_shim.tokens import UserToken, read_token
from notify_workers.settings import settings
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


USER_TOKEN = b"x-knock-user-token"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the environment that the key belongs to, and what they may do in it."""

    environment_id: UUID
    key: ApiKey
    token: UserToken | None = None

    @property
    def user_id(self) -> str | None:
        """Whom a verified user token is for; None without one."""
        return self.token.user_id if self.token else None

    def require(self, capability: Capability, of: Reference, tenant: str | None = None) -> None:
        """Raises 403 unless the caller may do this with what belongs to a user, an object or a tenant, in that tenant.

        Every endpoint that takes public keys asks this before it reads or changes anything.
        """
        if self.token is not None and not self.token.allows(capability, of, tenant):
            raise AuthenticationFailed("authorization", "You are not allowed to access that resource", 403)

    def tenants(self, capability: Capability, of: Reference) -> frozenset[str] | None:
        """The tenants to which the caller's access to somebody's feed or preferences is limited; None: to none.

        An empty text in it stands for what belongs to no tenant.
        """
        return self.token.limited_to(capability, of) if self.token else None


class Standing:
    """Whether somebody who was let in may stay: keys are revoked, tokens expire, and the keys that verify them change.

    Who comes back is asked anew.
    """

    def __init__(self, directory: Directory, caller: Caller) -> None:
        self._directory, self._caller = directory, caller
        self._security = directory.security_of(caller.environment_id)

    def holds(self) -> bool:
        token, now = self._caller.token, time.time() - settings().user_token_leeway
        is_expired = token is not None and token.valid_until is not None and token.valid_until < now
        is_same = self._directory.security_of(self._caller.environment_id) == self._security
        return is_same and not is_expired and self._caller.key.digest in self._directory.snapshot.keys


async def authenticate(request: Request) -> ApiKey:
    """The request's key. Raises 401 when there is none or nobody knows it."""
    scheme, _, token = header(request, b"authorization").partition(" ")
    if not token:
        raise AuthenticationFailed("api_key_missing", "An API key is needed: send it as `Authorization: Bearer <key>`")
    if scheme.lower() != "bearer":
        raise AuthenticationFailed("authentication_required", f"Authorization must be `Bearer <key>`, not `{scheme}`")
    key = await _find_key(request.app.state.directory, token.strip(), loopback=from_loopback(request))
    request.scope["state"]["key"] = key
    return key


async def _find_key(directory: Directory, token: str, *, loopback: bool) -> ApiKey:
    key = await directory.find_key(token)
    if key is None:
        raise AuthenticationFailed("authentication_required", "This API key is not known")
    if key.loopback_only and not loopback:
        raise AuthenticationFailed(
            "authentication_required", "This key belongs to the development stack and works on loopback only"
        )
    return key


def header(request: Request, name: bytes) -> str:
    """A header by its lower-case name, empty when absent. The framework's own look-up costs a tenth of a trigger."""
    value: bytes = dict(request.scope["headers"]).get(name, b"")
    return value.decode("latin-1")


def from_loopback(request: HTTPConnection) -> bool:
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
    caller = Caller(key.environment_id, key)
    await limits.take(request, caller.environment_id, None)
    return caller


async def any_caller(request: Request) -> Caller:
    """The caller of an endpoint that takes public keys too."""
    key = await authenticate(request)
    caller = _caller(request.app.state.directory, key, header(request, USER_TOKEN))
    request.scope["state"]["user_id"] = caller.user_id
    await limits.take(request, caller.environment_id, caller.user_id)
    return caller


async def caller_of(directory: Directory, api_key: str, user_token: str, *, loopback: bool = True) -> Caller:
    """The caller behind a socket, by the same rules. `loopback`: whether the connection comes from this machine.

    Raises 401 or 403 as for a request.
    """
    if not api_key:
        raise AuthenticationFailed("api_key_missing", "An API key is needed, in the parameter `api_key`")
    return _caller(directory, await _find_key(directory, api_key, loopback=loopback), user_token)


def _caller(directory: Directory, key: ApiKey, user_token: str) -> Caller:
    """Who a key and a user token speak for. A secret key needs no token, and heeds none."""
    if key.environment_id is None:
        raise AuthenticationFailed("incorrect_token_type", "Service tokens are for the management API", 403)
    if key.kind == "secret":
        return Caller(key.environment_id, key)
    security = directory.security_of(key.environment_id)
    return Caller(key.environment_id, key, _user_token(security, user_token.strip()))


def _user_token(security: Security, written: str) -> UserToken | None:
    """None: the caller may act for everybody.

    Without enhanced security a token is not needed; it is heeded when there is a key to verify it with.
    """
    if not security.enhanced and not (written and security.public_keys):
        return None
    if not written:
        raise AuthenticationFailed(
            "missing_user_token", "Enhanced security is on: a public key needs a user token in `X-Knock-User-Token`"
        )
    if not security.public_keys:
        raise AuthenticationFailed(
            "missing_jwt_signing_key", "This environment has no signing key to verify user tokens with", 403
        )
    return read_token(written, security.public_keys)


Secret = Annotated[Caller, Depends(secret_caller)]
Public = Annotated[Caller, Depends(any_caller)]
