from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from hmac import new

from hypothesis import given
from hypothesis import strategies as st

from notify_workers.signatures import signature


def test_a_signature_is_that_of_the_contract() -> None:
    """printf '1700000000123.{"a":1}' | openssl dgst -sha256 -hmac secret -binary | base64"""
    expected = "t=1700000000123,s=0kp5VXvoqu3E6Wjr4jIZR0OuOutwzeB1vHIxLJD+L7Q="
    assert signature("secret", b'{"a":1}', 1700000000.123) == expected


@given(st.text(min_size=1), st.binary(), st.floats(0, 4e9))
def test_who_knows_the_key_can_check_a_signature(key: str, body: bytes, at: float) -> None:
    moment, signed = (part[2:] for part in signature(key, body, at).split(",", 1))
    assert b64decode(signed) == new(key.encode(), moment.encode() + b"." + body, sha256).digest()
    assert abs(int(moment) - at * 1000) <= 1
