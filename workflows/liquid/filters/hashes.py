"""Hashes of texts, in hexadecimal."""

from __future__ import annotations

import hmac
from hashlib import md5 as _md5
from hashlib import sha256 as _sha256

from liquid.filter import string_filter


@string_filter
def md5(value: str) -> str:
    """For addresses of avatars and the like, not for secrets."""
    return _md5(value.encode(), usedforsecurity=False).hexdigest()


@string_filter
def sha256(value: str) -> str:
    return _sha256(value.encode()).hexdigest()


@string_filter
def hmac_sha256(value: str, key: object) -> str:
    """`{{ recipient.id | hmac_sha256: vars.signing_key }}`."""
    return hmac.new(str(key).encode(), value.encode(), _sha256).hexdigest()


FILTERS = {"md5": md5, "sha256": sha256, "hmac_sha256": hmac_sha256}
