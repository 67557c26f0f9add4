"""Telnyx, played after https://developers.telnyx.com/api-reference/messages/send-a-message"""

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

HELLO = Sms("+13125550001", "Hello")


def telnyx(**settings: Any) -> Provider:
    return load("telnyx", {"api_key": "KEY1", "from_number": "+18005550101", **settings})


def test_the_request_is_the_vendors() -> None:
    request = asked(telnyx(), HELLO)
    assert (request.method, request.url) == ("POST", "https://api.telnyx.com/v2/messages")
    assert request.headers == {"authorization": "Bearer KEY1", "content-type": "application/json"}
    assert request.body == b'{"from":"+18005550101","to":"+13125550001","text":"Hello"}'


def test_a_profile_chooses_the_sender_and_a_callback_brings_the_id_back() -> None:
    provider = telnyx(from_number=None, messaging_profile_id="p-1", status_callback_url="https://a.test/t")
    assert json_body(asked(provider, Sms("+1", "Hi", {"media_urls": ["https://a.test/1"]}))) == {
        "messaging_profile_id": "p-1",
        "to": "+1",
        "text": "Hi",
        "webhook_url": f"https://a.test/t?doorbell_message={ID}",
        "media_urls": ["https://a.test/1"],
    }


def test_without_a_sender_it_is_no_channel() -> None:
    with pytest.raises(ProviderMisconfigured, match="`from_number` or a `messaging_profile_id`"):
        telnyx(from_number=None)


def error(code: str, title: str = "Said", pointer: str = "/to") -> dict[str, Any]:
    return {"errors": [{"code": code, "title": title, "detail": "more", "source": {"pointer": pointer}}]}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"data": {"id": "40385f64", "parts": 2}}, Sent("40385f64", {"segments": 2})),
        (200, {"data": {"id": "40385f64"}}, Sent("40385f64", {"segments": 1})),
        (200, {}, Unknown("the vendor answered 200")),
        (400, error("40310"), Bounced("the vendor answered 400: 40310 Said more")),
        (403, error("40300"), Bounced("the vendor answered 403: 40300 Said more")),
        (400, error("40001"), Bounced("the vendor answered 400: 40001 Said more")),
        (422, error("10002"), Bounced("the vendor answered 422: 10002 Said more")),
        (422, error("10002", pointer="/from"), Refused("the vendor answered 422: 10002 Said more")),
        (400, error("40305", pointer="/from"), Refused("the vendor answered 400: 40305 Said more")),
        (401, error("10009"), Refused("the vendor answered 401: 10009 Said more")),
        (500, error("10007"), Unknown("the vendor answered 500: 10007 Said more")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(telnyx(), HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, error("10011", "Too many requests"), retry_after="7")
    assert outcome(telnyx(), HELLO, said) == Retry("the vendor answered 429: 10011 Too many requests more", 7.0)
