"""Web Push: RFC 8030 (the request), RFC 8291 (its body), RFC 8292 (who sends it)."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from notify_workers.providers import Bounced, HttpRequest, Refused, Retry, SendOutcome, Sent, Unknown
from notify_workers.providers.push.web_push_encryption import decode, encode, encrypt, point, private_key
from tests.notify_workers.providers.push.keys import BROWSERS_KEY, EC, RSA, SUBSCRIPTION, pem
from tests.notify_workers.providers.vendor import ID, answer, asked, load, outcome
from workflows.content import Push

SUBJECT = "mailto:push@acme.test"
WEB_PUSH = load("web_push", {"vapid_private_key": pem(EC), "vapid_subject": SUBJECT})
HELLO = Push(json.dumps(SUBSCRIPTION), "hello", "world")
ENDPOINT = str(SUBSCRIPTION["endpoint"])


def test_the_encryption_is_the_standards() -> None:
    """The example of RFC 8291, §5 and appendix A."""
    keys: Any = SUBSCRIPTION["keys"]
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        decode(keys["p256dh"]),
        decode(keys["auth"]),
        salt=decode("DGv6ra1nlYgDCS1FRnbzlw"),
        key=private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
    )
    assert encode(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def shown(request: HttpRequest) -> Any:
    """What the browser reads, by RFC 8291 §3.4 from its side."""
    browser, auth = private_key(BROWSERS_KEY), decode(SUBSCRIPTION["keys"]["auth"])  # type: ignore[index]
    salt, server, sealed = request.body[:16], request.body[21:86], request.body[86:]
    shared = browser.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), server))
    secret = HKDF(SHA256(), 32, auth, b"WebPush: info\0" + point(browser) + server).derive(shared)
    key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
    nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
    return json.loads(AESGCM(key).decrypt(nonce, sealed, None).removesuffix(b"\x02"))


def test_the_request_is_the_standards() -> None:
    request = asked(WEB_PUSH, HELLO)
    assert (request.method, request.url, request.is_guarded) == ("POST", ENDPOINT, True)
    assert {name: value for name, value in request.headers.items() if name != "authorization"} == {
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": "2419200",
        "topic": ID,
        "urgency": "normal",
    }
    assert shown(request) == {"title": "hello", "body": "world", "data": {"knock_message_id": ID}}


def test_no_two_messages_are_encrypted_alike() -> None:
    assert asked(WEB_PUSH, HELLO).body[:86] != asked(WEB_PUSH, HELLO).body[:86]


def test_the_push_service_is_told_who_sends() -> None:
    scheme, _, parameters = asked(WEB_PUSH, HELLO).headers["authorization"].partition(" ")
    given = dict(each.strip().split("=", 1) for each in parameters.split(","))
    assert (scheme, given["k"]) == ("vapid", encode(point(EC)))
    claims = jwt.decode(given["t"], EC.public_key(), ["ES256"], audience="https://push.example.net")
    assert claims["sub"] == SUBJECT


def test_a_key_may_be_written_as_vapid_tools_write_it() -> None:
    number = encode(EC.private_numbers().private_value.to_bytes(32, "big"))
    assert point(private_key(number)) == point(EC)


def test_a_silent_message_shows_nothing() -> None:
    request = asked(WEB_PUSH, Push(HELLO.token, "", "", is_silent=True))
    assert shown(request) == {"is_silent": True, "data": {"knock_message_id": ID}}
    assert request.headers["urgency"] == "low"


def test_overrides_go_over_the_message() -> None:
    content = Push(HELLO.token, "hello", "world", overrides={"icon": "/i.png", "data": {"url": "/inbox"}})
    data = {"knock_message_id": ID, "url": "/inbox"}
    assert shown(asked(WEB_PUSH, content)) == {"title": "hello", "body": "world", "icon": "/i.png", "data": data}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, Sent("https://push.example.net/message/qDIYHNcfAIPP_5ITvURr-d6BGt")),
        (404, Bounced("the vendor answered 404: the subscription is no more", is_gone=True)),
        (410, Bounced("the vendor answered 410: the subscription is no more", is_gone=True)),
        (403, Refused("the vendor answered 403")),
        (413, Refused("the vendor answered 413")),
        (429, Retry("the vendor answered 429", 7.0)),
        (500, Unknown("the vendor answered 500")),
    ],
)
def test_an_answer_is_what_the_standard_means_by_it(status: int, expected: SendOutcome) -> None:
    location = "https://push.example.net/message/qDIYHNcfAIPP_5ITvURr-d6BGt"
    assert outcome(WEB_PUSH, HELLO, answer(status, location=location, retry_after="7")) == expected


KEYS: Any = SUBSCRIPTION["keys"]


@pytest.mark.parametrize(
    "token",
    [
        "token",
        "{}",
        json.dumps({**SUBSCRIPTION, "endpoint": "http://push.example.net/1"}),
        json.dumps({**SUBSCRIPTION, "keys": {**KEYS, "p256dh": "AAAA"}}),
        json.dumps({**SUBSCRIPTION, "keys": {**KEYS, "p256dh": "Ä"}}),
    ],
)
def test_what_is_no_subscription_is_no_address(token: str) -> None:
    assert isinstance(outcome(WEB_PUSH, Push(token, "hello", "world")), Bounced)


@pytest.mark.parametrize("key", ["", "AAAA Ä", "-----BEGIN", pem(RSA)])
def test_what_is_no_key_is_told(key: str) -> None:
    said = Refused("the channel's vapid_private_key is not a key of P-256")
    assert outcome(load("web_push", {"vapid_private_key": key, "vapid_subject": SUBJECT}), HELLO) == said
