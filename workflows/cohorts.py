"""Where a recipient falls in a split: the same place every time, in every process and on every machine."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256

_PLACES = 2**64


def bucket(key: str, salt: str) -> Decimal:
    """A number from 0 up to, but not including, 100 for `key` (a recipient's id), spread evenly over many keys.

    `salt` names the split, so that different splits do not put the same recipients together.
    """
    digest = sha256(f"{salt}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return Decimal(int.from_bytes(digest[:8])) * 100 / _PLACES
