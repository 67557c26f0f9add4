from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import new

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify_workers.signatures import signature, standard_headers, standard_key


def test_a_signature_is_that_of_the_contract() -> None:
    """printf '1700000000123.{"a":1}' | openssl dgst -sha256 -hmac secret -binary | base64"""
    expected = "t=1700000000123,s=0kp5VXvoqu3E6Wjr4jIZR0OuOutwzeB1vHIxLJD+L7Q="
    assert signature("secret", b'{"a":1}', 1700000000.123) == expected


@given(st.text(min_size=1), st.binary(), st.floats(0, 4e9))
def test_who_knows_the_key_can_check_a_signature(key: str, body: bytes, at: float) -> None:
    moment, signed = (part[2:] for part in signature(key, body, at).split(",", 1))
    assert b64decode(signed) == new(key.encode(), moment.encode() + b"." + body, sha256).digest()
    assert abs(int(moment) - at * 1000) <= 1


@given(st.binary(min_size=1), st.binary(), st.floats(0, 4e9))
def test_standard_webhooks_are_signed_with_the_bytes_of_the_secret(key: bytes, body: bytes, at: float) -> None:
    headers = standard_headers("whsec_" + b64encode(key).decode(), "id", body, at)
    signed = f"id.{int(at)}.".encode() + body
    assert headers == {
        "webhook-id": "id",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": "v1," + b64encode(new(key, signed, sha256).digest()).decode(),
    }


@pytest.mark.parametrize("secret", ["", "secret", "whsec_ä", "whsec_a", "c2VjcmV0"])
def test_what_is_no_secret_of_standard_webhooks_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|base64|ASCII|padded|padding|string"):
        standard_key(secret)
