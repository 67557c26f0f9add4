"""Credentials at rest: encrypted with AES-256-GCM under a key of the environment, each bound to the place that it belongs to.

The first key of `DOORBELL_ENCRYPTION_KEYS` encrypts, all of them decrypt, so that keys can be changed without a gap.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from notify_workers.errors import DoorbellError
from notify_workers.settings import settings

KEY_BYTES = 32
NONCE_BYTES = 12

SEALED = "sealed"
"""The one field of what stands in place of a secret: `<the key's id>.<nonce and ciphertext, base64>`."""


class VaultLocked(DoorbellError):
    """A secret cannot be encrypted or read: the key is missing. The message says which."""

    code = "encryption_key_missing"
    status = 422
    type = "invalid_request_error"


def new_key() -> str:
    """A key as the setting takes it."""
    return b64encode(os.urandom(KEY_BYTES)).decode()


def seal(written: Mapping[str, Any], secrets: Collection[str], place: str) -> dict[str, Any]:
    """The settings with their secrets encrypted. Raises `VaultLocked` when there is something to encrypt and no key."""
    return {
        name: _sealed(value, f"{place}/{name}") if name in secrets and isinstance(value, str) and value else value
        for name, value in written.items()
    }


def unseal(stored: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The settings as they were written, also those that were stored before there was encryption. Raises `VaultLocked`."""
    return {name: _read(value, f"{place}/{name}") if is_sealed(value) else value for name, value in stored.items()}


def is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {SEALED}


def is_current(value: Any) -> bool:
    """Whether a value is encrypted with the first key."""
    keys = _keys()
    return is_sealed(value) and bool(keys) and value[SEALED].partition(".")[0] == next(iter(keys))


def _sealed(text: str, place: str) -> dict[str, str]:
    keys = _keys()
    if not keys:
        raise VaultLocked(
            f"`{place.rpartition('/')[2]}` is a secret, and there is no key to encrypt it with: set "
            "DOORBELL_ENCRYPTION_KEYS (`doorbell keys encryption` makes one)"
        )
    identifier, key = next(iter(keys.items()))
    nonce = os.urandom(NONCE_BYTES)
    hidden = nonce + AESGCM(key).encrypt(nonce, text.encode(), place.encode())
    return {SEALED: f"{identifier}.{b64encode(hidden).decode()}"}


def _read(value: Mapping[str, str], place: str) -> str:
    identifier, _, written = value[SEALED].partition(".")
    key = _keys().get(identifier)
    name = place.rpartition("/")[2]
    if key is None:
        raise VaultLocked(
            f"`{name}` is encrypted with the key {identifier}, which DOORBELL_ENCRYPTION_KEYS does not have"
        )
    hidden = b64decode(written)
    try:
        return AESGCM(key).decrypt(hidden[:NONCE_BYTES], hidden[NONCE_BYTES:], place.encode()).decode()
    except InvalidTag:
        raise VaultLocked(f"`{name}` was changed after it was encrypted, or belongs to something else") from None


def _keys() -> dict[str, bytes]:
    """By their ids, in their order."""
    written = settings().encryption_keys or ""
    keys = [b64decode(each) for each in written.split(",") if each]
    return {sha256(key).hexdigest()[:8]: key for key in keys}
