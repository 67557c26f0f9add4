"""Web Push's encryption (RFC 8291): a message that only the browser with the subscription's keys can read.

On `cryptography` directly: of the two libraries for it, pywebpush brings HTTP clients of its own, and http_ece mostly what
Web Push has left behind.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

CURVE = ec.SECP256R1()
RECORD = 4096
"""Bytes of the one record that a message is (RFC 8291 §4)."""


def encrypt(message: bytes, p256dh: bytes, auth: bytes, *, salt: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The body of a push request. `salt` (16 bytes) and `key` must be new ones. Raises `ValueError` for what is no key."""
    browsers = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, p256dh)
    ours = point(key)
    shared = key.exchange(ec.ECDH(), browsers)
    secret = _derived(shared, auth, b"WebPush: info\0" + p256dh + ours, 32)
    content_key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours  # RFC 8188 §2.1
    return header + AESGCM(content_key).encrypt(nonce, message + b"\x02", None)  # 2 ends the last record (§2)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, uncompressed."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def private_key(written: str) -> ec.EllipticCurvePrivateKey:
    """A key of P-256 in PEM, or its number in base64url as VAPID tools write it. Raises `ValueError` when it is neither."""
    if "-----BEGIN" not in written:
        return ec.derive_private_key(int.from_bytes(decode(written), "big"), CURVE)
    key = load_pem_private_key(written.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("it is not a key of P-256")
    return key


def decode(written: str) -> bytes:
    """Base64url, with or without padding. Raises `ValueError`."""
    try:
        return base64.b64decode(written.strip() + "=" * (-len(written.strip()) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _derived(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(key)
