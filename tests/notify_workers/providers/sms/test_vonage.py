"""Vonage, played after https://developer.vonage.com/en/api/sms"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from jsonschema import validate

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, load, outcome
from workflows.content import Sms

SETTINGS = {"api_key": "abcd1234", "api_secret": "abcdef0123456789", "from_number": "+447700900001"}
VONAGE = load("vonage", SETTINGS)
HELLO = Sms("+447700900000", "Hello World!")


def test_the_request_is_the_vendors() -> None:
    request = asked(VONAGE, HELLO)
    assert (request.method, request.url) == ("POST", "https://rest.nexmo.com/sms/json")
    assert request.headers == {"content-type": "application/x-www-form-urlencoded"}
    assert request.body == (
        b"api_key=abcd1234&api_secret=abcdef0123456789&from=447700900001&to=447700900000"
        b"&text=Hello+World%21&type=text&client-ref=" + ID.encode()
    )


def test_a_callback_and_overrides_are_passed_on() -> None:
    settings = {
        "status_callback_url": "https://a.test/v",
        "base_url": "https://rest-eu.nexmo.com",
        "from_number": "Acme",
    }
    request = asked(load("vonage", SETTINGS, **settings), Sms("+1", "你好", {"ttl": 900000, "client-ref": None}))
    assert request.url == "https://rest-eu.nexmo.com/sms/json"
    assert dict(parse_qsl(request.body.decode())) == {
        "api_key": "abcd1234",
        "api_secret": "abcdef0123456789",
        "from": "Acme",
        "to": "1",
        "text": "你好",
        "type": "unicode",
        "callback": "https://a.test/v",
        "ttl": "900000",
    }


def test_the_form_is_what_the_vendors_openapi_file_takes() -> None:
    """Of https://github.com/Nexmo/api-specification (MIT): definitions/sms.yml."""
    schema = json.loads((Path(__file__).parent.parent / "schemas/vonage.json").read_text())
    provider = load("vonage", SETTINGS, status_callback_url="https://a.test/v")
    for text in ("Hello", "你好"):
        validate(dict(parse_qsl(asked(provider, Sms("+447700900000", text)).body.decode())), schema)


ACCEPTED = {"to": "447700900000", "message-id": "0C000000217B7F02", "status": "0", "message-price": "0.03330000"}


def error(status: str, text: str = "said") -> dict[str, str]:
    return {"status": status, "error-text": text}


def said(*messages: Any) -> dict[str, Any]:
    return {"message-count": str(len(messages)), "messages": list(messages)}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, said(ACCEPTED), Sent("0C000000217B7F02", {"segments": 1})),
        (200, said(ACCEPTED, {**ACCEPTED, "message-id": "2"}), Sent("0C000000217B7F02", {"segments": 2})),
        (200, {}, Unknown("the vendor answered 200")),
        (200, said(error("1")), Retry("the vendor answered status 1: said")),
        (200, said(error("10")), Retry("the vendor answered status 10: said")),
        (200, said(error("2")), Refused("the vendor answered status 2: said")),
        (
            200,
            said(error("3", "to address is not numeric")),
            Bounced("the vendor answered status 3: to address is not numeric"),
        ),
        (200, said(error("3", "Invalid ttl")), Refused("the vendor answered status 3: Invalid ttl")),
        (200, said(error("4", "Bad Credentials")), Refused("the vendor answered status 4: Bad Credentials")),
        (200, said(error("5")), Unknown("the vendor answered status 5: said")),
        (200, said(error("6")), Bounced("the vendor answered status 6: said")),
        (200, said(error("7")), Bounced("the vendor answered status 7: said")),
        (200, said(error("9", "Quota Exceeded")), Refused("the vendor answered status 9: Quota Exceeded")),
        (200, said(error("33")), Bounced("the vendor answered status 33: said", is_gone=True)),
        (200, said(ACCEPTED, error("1")), Refused("the vendor answered status 1: said, for some of the segments")),
        (401, {"error-code-label": "authentication failed"}, Refused("the vendor answered 401: authentication failed")),
        (500, {}, Unknown("the vendor answered 500")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(VONAGE, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    assert outcome(VONAGE, HELLO, answer(429, {}, retry_after="7")) == Retry("the vendor answered 429", 7.0)
