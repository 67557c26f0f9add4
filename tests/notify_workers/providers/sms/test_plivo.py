"""Plivo, played after https://www.plivo.com/docs/messaging/api/messages/"""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers.providers import (
    Bounced,
    Provider,
    ProviderMisconfigured,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    Unknown,
)
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Sms

HELLO = Sms("+14156667777", "Hello")


def plivo(**settings: Any) -> Provider:
    return load("plivo", {"auth_id": "MA1", "auth_token": "t0", "from_number": "+14153336666", **settings})


def test_the_request_is_the_vendors() -> None:
    request = asked(plivo(), HELLO)
    assert (request.method, request.url) == ("POST", "https://api.plivo.com/v1/Account/MA1/Message/")
    assert request.headers == {"authorization": "Basic TUExOnQw", "content-type": "application/json"}
    assert request.body == b'{"src":"+14153336666","dst":"+14156667777","text":"Hello"}'


def test_a_powerpack_chooses_the_sender_and_a_callback_brings_the_id_back() -> None:
    provider = plivo(from_number=None, powerpack_uuid="p-1", status_callback_url="https://a.test/p")
    assert json_body(asked(provider, Sms("+1", "Hi", {"log": False}))) == {
        "powerpack_uuid": "p-1",
        "dst": "+1",
        "text": "Hi",
        "url": f"https://a.test/p?doorbell_message={ID}",
        "log": False,
    }


@pytest.mark.parametrize("settings", [{"from_number": None}, {"powerpack_uuid": "p-1"}])
def test_the_vendor_takes_either_a_sender_or_a_powerpack(settings: dict[str, Any]) -> None:
    with pytest.raises(ProviderMisconfigured, match="either a `from_number` or a `powerpack_uuid`"):
        plivo(**settings)


QUEUED = {"message": "message(s) queued", "message_uuid": ["db3ce55a"], "api_id": "db342550"}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, QUEUED, Sent("db3ce55a", {"segments": 1})),
        (202, {}, Unknown("the vendor answered 202")),
        (
            202,
            {**QUEUED, "message_uuid": [], "invalid_number": ["+1"]},
            Bounced("the vendor answered 202: +1 is no number"),
        ),
        (400, {"error": "dst parameter is invalid"}, Bounced("the vendor answered 400: dst parameter is invalid")),
        (400, {"error": "src parameter is invalid"}, Refused("the vendor answered 400: src parameter is invalid")),
        (401, b"Could not verify your access level", Refused("the vendor answered 401")),
        (402, {"error": "insufficient balance"}, Refused("the vendor answered 402: insufficient balance")),
        (500, {"error": "oops"}, Unknown("the vendor answered 500: oops")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(plivo(), HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    assert outcome(plivo(), HELLO, answer(429, {}, retry_after="7")) == Retry("the vendor answered 429", 7.0)


def test_segments_are_counted_here_as_the_vendor_tells_them_later() -> None:
    assert outcome(plivo(), Sms("+1", "a" * 161), answer(202, QUEUED)) == Sent("db3ce55a", {"segments": 2})
