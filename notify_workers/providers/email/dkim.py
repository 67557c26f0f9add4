"""Signing e-mails: DKIM, RFC 6376, with RSA-SHA256 or Ed25519-SHA256 (RFC 8463), both canonicalizations relaxed.

No clock: a signature says neither when it was made nor when it ends. A relay that writes Date or Message-ID anew, as
Amazon SES does, breaks it and has to sign itself.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SHORTEST_RSA = 1024
"""Bits (RFC 8301 §3.2); what is shorter, nobody accepts."""

# RFC 6376 §5.4.1, and what RFC 8058 §4 wants signed.
SIGNED = frozenset(
    {
        *("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"),
        *("mime-version", "content-type", "content-transfer-encoding", "content-id", "content-description"),
        *("list-id", "list-help", "list-subscribe", "list-post", "list-owner", "list-archive"),
        *("list-unsubscribe", "list-unsubscribe-post"),
    }
)
ONCE = ("from", "to", "cc", "reply-to", "subject", "date")
"""Signed once more than they are there, so that nobody can add another (RFC 6376 §8.15)."""

_WHITE = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")

Header = tuple[bytes, bytes]
Key = RSAPrivateKey | Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """`private_key` is PEM (PKCS #8, or PKCS #1 for RSA), without a passphrase."""

    domain: str
    selector: str
    private_key: str = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The message, whose lines end in CRLF, with its signature before it. Raises `ValueError` as `read_key` does."""
        key = read_key(self.private_key)
        head, _, body = message.partition(b"\r\n\r\n")
        headers = _headers(head)
        names = _names(headers)
        unsigned = self._header(key, names, sha256(_relaxed_body(body)).digest())
        signed = _canonical(headers, names) + _relaxed(b"DKIM-Signature", unsigned.encode()).removesuffix(b"\r\n")
        signature = _in_lines(b64encode(_signature(key, signed)).decode())
        return b"DKIM-Signature: " + (unsigned + signature).encode() + b"\r\n" + message

    def _header(self, key: Key, names: Sequence[str], body_hash: bytes) -> str:
        algorithm = "rsa-sha256" if isinstance(key, RSAPrivateKey) else "ed25519-sha256"
        tags = [
            f"v=1; a={algorithm}; c=relaxed/relaxed; d={self.domain}; s={self.selector}",
            f"h={_in_lines(':'.join(names), ':')}",
            f"bh={b64encode(body_hash).decode()}",
            "b=",
        ]
        return ";\r\n\t".join(tags)


@lru_cache(maxsize=64)
def read_key(pem: str) -> Key:
    """Raises `ValueError`, saying what is wrong and nothing of the key."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no private key in PEM without a passphrase") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is a key of another kind than RSA and Ed25519")
    if key.key_size < SHORTEST_RSA:
        raise ValueError(f"has fewer than {SHORTEST_RSA} bits")
    return key


def _signature(key: Key, signed: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(signed, PKCS1v15(), SHA256())
    return key.sign(sha256(signed).digest())  # RFC 8463 §3: of the hash


def _headers(head: bytes) -> list[Header]:
    fields = re.split(rb"\r\n(?![ \t])", head)
    return [(name, value) for name, _, value in (field.partition(b":") for field in fields)]


def _names(headers: Sequence[Header]) -> list[str]:
    """What `h=` says: each header as often as it is there, and some once more."""
    there = [name.decode().lower() for name, _ in headers]
    return [*(name for name in there if name in SIGNED), *ONCE]


def _canonical(headers: Sequence[Header], names: Sequence[str]) -> bytes:
    """The headers of those names in that order, of each name from the last to the first; nothing for one too many."""
    left: dict[str, list[Header]] = {}
    for header in headers:
        left.setdefault(header[0].decode().lower(), []).append(header)
    return b"".join(_relaxed(*left[name].pop()) for name in names if left.get(name))


def _relaxed(name: bytes, value: bytes) -> bytes:
    """RFC 6376 §3.4.2."""
    return name.strip().lower() + b":" + _WHITE.sub(b" ", _FOLD.sub(b"", value)).strip() + b"\r\n"


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376 §3.4.4: no white space at a line's end, one blank for all other, no empty lines at the body's end."""
    lines = _WHITE.sub(b" ", body + b"\r\n").replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return lines + b"\r\n" if lines else b""


def _in_lines(text: str, between: str = "") -> str:
    """Folded to lines that mail servers leave alone."""
    pieces = [each + between for each in text.split(between)] if between else re.findall(".{1,70}", text)
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece) > 70:
            lines.append("")
        lines[-1] += piece
    return "\r\n\t".join(lines).removesuffix(between)
