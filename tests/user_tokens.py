"""Signing keys and user tokens, as an application makes them."""

from __future__ import annotations

import time
from functools import cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notify_workers import environments, signing_keys
from tests.conftest import PUBLIC
from tests.engine import DEVELOPMENT

OURS, FOREIGN = "ours", "foreign"

HOST = "https://api.knock.app"
"""What the SDKs write into grants, whatever the server's address is."""


@cache
def pair(name: str = OURS) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def public_pem(name: str = OURS) -> str:
    return pair(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(user: Any = "alice", key: str = OURS, **claims: Any) -> str:
    """A token; a claim of None is left out."""
    now = int(time.time())
    all_claims = {"sub": user, "iat": now, "exp": now + 3600, **claims}
    return jwt.encode(
        {name: value for name, value in all_claims.items() if value is not None}, pair(key), algorithm="RS256"
    )


def bearing(token: str | None) -> dict[str, str]:
    """The headers of a browser."""
    return {**PUBLIC, "X-Knock-User-Token": token} if token is not None else PUBLIC


def secure(key: str | None = OURS, *, on: bool = True, environment: UUID = DEVELOPMENT) -> None:
    """Turns enhanced security on, with a key that is trusted."""
    if key is not None:
        signing_keys.add(environment, public_pem(key), key)
    environments.set_enhanced_security(environment, on=on)


def user(identifier: str) -> str:
    return f"{HOST}/v1/users/{identifier}"


def tenant(identifier: str) -> str:
    return f"{HOST}/v1/objects/$tenants/{identifier}"
