"""User tokens (contract: api-endpoints §1.3): who a browser acts for, and what the application lets them do.

A token is a JWT that the application signs with RS256, and only that: which algorithm a token itself names is not asked.
Verifying one costs more than most requests, so a process remembers those that it has verified. When they are valid is
asked every time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt

from api_shim.errors import AuthenticationFailed
from notify_workers.settings import settings
from notify_workers.signing_keys import public_key
from workflows.recipients import TENANTS, USERS, Reference

ALGORITHM = "RS256"

LONGEST = 16 * 1024
"""Characters; longer ones are refused before anything is computed."""

ALIASES = {
    f"{written}/{what}": f"user/{meant}_{what}"
    for meant, others in {"feed": ("feed", "user_feed"), "guide": ("guide", "user_guide")}.items()
    for written in others
    for what in ("read", "write")
}
"""Capabilities as the contract's documentation has them, and what its SDKs write."""

OF_TENANTS = frozenset({"user/feed_read", "user/feed_write", "preferences/read", "preferences/write"})
"""What a token may be limited to some tenants in."""

NO_TENANT = ""
"""In a set of tenants: what belongs to none."""

Grants = Mapping[Reference, frozenset[str]]


@dataclass(frozen=True, slots=True)
class UserToken:
    """A verified token: the user it is for and what it grants. `explicit`: what it lists is all that it grants.

    `valid_from` and `valid_until` are seconds since 1970, None where the token says nothing.
    """

    user_id: str
    explicit: bool = False
    grants: Grants = field(default_factory=dict)
    valid_from: tuple[float, ...] = ()
    valid_until: float | None = None

    def allows(self, capability: str, of: Reference, tenant: str | None) -> bool:
        """Whether its bearer may do this with what belongs to somebody, in a tenant (None: in none)."""
        listed = capability in self.grants.get(of, ())
        own = of == Reference(USERS, self.user_id)
        if capability in OF_TENANTS and self._tenants():
            return (listed or own) and (listed if tenant is None else tenant in self._granted_tenants(capability))
        return listed or (own and not self.explicit)

    def limited_to(self, capability: str, of: Reference) -> frozenset[str] | None:
        """The tenants in which `allows` is true, with `NO_TENANT` for none; None when it knows no limits."""
        if capability not in OF_TENANTS or not self._tenants():
            return None
        unscoped = frozenset({NO_TENANT} if self.allows(capability, of, None) else set[str]())
        return unscoped.union(each for each in self._granted_tenants(capability) if self.allows(capability, of, each))

    def _tenants(self) -> dict[str, frozenset[str]]:
        """The tenants that the token names, with what it grants of them that tenants limit."""
        return {
            of.id: granted & OF_TENANTS
            for of, granted in self.grants.items()
            if of.collection == TENANTS and granted & OF_TENANTS
        }

    def _granted_tenants(self, capability: str) -> set[str]:
        return {tenant for tenant, granted in self._tenants().items() if not self.explicit or capability in granted}


def read_token(token: str, public_keys: tuple[str, ...]) -> UserToken:
    """A token that one of the keys verifies. Raises 401 for any other, and for one that is not valid now."""
    if len(token) > LONGEST:
        raise refused(f"is longer than {LONGEST} characters")
    verified: UserToken = _remembered(settings().user_token_cache)(token, public_keys)
    now, leeway = time.time(), settings().user_token_leeway
    if verified.valid_until is not None and not now < verified.valid_until + leeway:
        raise refused("has expired")
    if not all(each <= now + leeway for each in verified.valid_from):
        raise refused("is not valid yet")
    return verified


def refused(why: str) -> AuthenticationFailed:
    return AuthenticationFailed("invalid_user_token", f"The user token {why}")


@cache
def _remembered(size: int) -> Any:
    return lru_cache(maxsize=size)(_verify)


def _verify(token: str, public_keys: tuple[str, ...]) -> UserToken:
    """What a token says, whenever it is valid."""
    options: Any = {
        "require": ["sub"],
        **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False),
    }
    for pem in public_keys:
        try:
            claims = jwt.decode(token, public_key(pem), algorithms=[ALGORITHM], options=options)
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidTokenError:
            raise refused(f"is no JWT that names a user in `sub` and is signed with {ALGORITHM}") from None
        return _token(claims)
    raise refused("is not signed with a key of this environment")


def _token(claims: Mapping[str, Any]) -> UserToken:
    user_id, grants = claims["sub"], claims.get("grants")
    if not isinstance(user_id, str) or not user_id or not _is_storable(user_id):
        raise refused("has no user's id in `sub`")
    if not isinstance(grants, Mapping | None):
        raise refused("has `grants` that are not a map")
    return UserToken(
        user_id=user_id,
        explicit=claims.get("explicit_grants") not in (None, False),
        grants=MappingProxyType(_grants(grants or {})),
        valid_from=tuple(_moment(claims, name) for name in ("nbf", "iat") if claims.get(name) is not None),
        valid_until=_moment(claims, "exp") if claims.get("exp") is not None else None,
    )


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise refused(f"has no time in `{name}`")
    return float(value)


def _grants(written: Mapping[str, Any]) -> dict[Reference, frozenset[str]]:
    """Grants by whose they are. What cannot be understood grants nothing."""
    found: dict[Reference, frozenset[str]] = {}
    for uri, capabilities in written.items():
        of = _resource(uri)
        if of is not None and isinstance(capabilities, Mapping):
            found[of] = found.get(of, frozenset()) | {
                _meant(name) for name, conditions in capabilities.items() if _unconditional(conditions)
            }
    return found


def _meant(capability: str) -> str:
    return ALIASES.get(capability, capability)


def _unconditional(conditions: Any) -> bool:
    """`[]` and `[{}]` are the same; conditions that nobody here understands are not met."""
    return isinstance(conditions, list) and (not conditions or {} in conditions)


def _resource(uri: str) -> Reference | None:
    """Whom an address names. Its host does not matter: the contract's SDKs write their own into it."""
    try:
        parts = [unquote(part, errors="strict") for part in urlsplit(uri).path.split("/")]
    except ValueError:
        return None
    if not all(map(_is_storable, parts)):
        return None
    match parts:
        case ["", "v1", "users", str(identifier)] if identifier:
            return Reference(USERS, identifier)
        case ["", "v1", "tenants", str(identifier)] if identifier:
            return Reference(TENANTS, identifier)
        case ["", "v1", "objects", str(collection), str(identifier)] if collection and identifier:
            return Reference(collection, identifier)
    return None


def _is_storable(name: str) -> bool:
    """Whether it can name anybody: the stores hold neither NUL characters nor halves of surrogate pairs."""
    return "\0" not in name and name == name.encode(errors="ignore").decode()
