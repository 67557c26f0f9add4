"""Keys that applications sign user tokens with: RSA pairs, of which only the public half is kept here."""

from __future__ import annotations

import base64
from functools import cache
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from notify_workers import resources
from notify_workers.errors import InvalidParams
from notify_workers.store import environments
from notify_workers.store.environments import SigningKey
from notify_workers.store.session import transaction

BITS = 2048


@cache
def public_key(pem: str) -> rsa.RSAPublicKey:
    """A stored key. Raises `ValueError` for anything but an RSA public key of 2048 bits or more in PEM."""
    try:
        key = load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < BITS:
        raise ValueError(f"it is not an RSA key of {BITS} bits or more")
    return key


def add(environment: UUID, written: str, name: str) -> UUID | None:
    """Trusts a public key (PEM, or base64 of PEM) beside those that are trusted already. None: it is one of them.

    Raises `InvalidParams` when it is no such key.
    """
    pem = _pem(written)
    with resources.configuration() as tx:
        return environments.add_signing_key(tx, environment, pem, name)


def _pem(written: str) -> str:
    """The key in one form, however it was written."""
    try:
        text = (
            written if "-----BEGIN" in written else base64.b64decode("".join(written.split()), validate=True).decode()
        )
        if "PRIVATE KEY" in text:
            raise ValueError("it is a private key, which only your application may know: give the public half")
        return _written(public_key(text))
    except ValueError as error:
        problem = {"field": "public_key", "message": str(error), "type": "value_error"}
        raise InvalidParams(f"This is not a public key: {error}", errors=[problem]) from None


def _written(key: rsa.RSAPublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def create(environment: UUID, name: str) -> tuple[UUID, str]:
    """Makes a pair and trusts its public half: its id, and the private half (PEM), which is not kept."""
    pair = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    private = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key_id = add(environment, _written(pair.public_key()), name)
    assert key_id is not None, "a key that was made a moment ago is new"
    return key_id, private


def every() -> list[SigningKey]:
    """Every key of every environment, oldest first."""
    with transaction() as tx:
        return environments.signing_keys(tx)


def remove(key_id: UUID) -> bool:
    """Trusts a key no more, nor the tokens that it has signed. Whether there was such a key."""
    with resources.configuration() as tx:
        return environments.remove_signing_key(tx, key_id)
