"""Twilio, played after https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource"""

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
from tests.notify_workers.providers.vendor import ID, answer, asked, load, outcome
from workflows.content import Sms

HELLO = Sms("+15550001", "Hello & bye")
CREATED = {"sid": "SM1", "status": "queued", "num_segments": "1", "error_code": None}


def twilio(**settings: Any) -> Provider:
    return load("twilio", {"account_sid": "AC1", "auth_token": "t0", "from_number": "+15559999", **settings})


def test_the_request_is_the_vendors() -> None:
    request = asked(twilio(), HELLO)
    assert (request.method, request.url) == ("POST", "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json")
    assert request.headers == {
        "authorization": "Basic QUMxOnQw",
        "content-type": "application/x-www-form-urlencoded",
    }
    assert request.body == b"To=%2B15550001&From=%2B15559999&Body=Hello+%26+bye"


def test_a_messaging_service_chooses_the_sender_and_a_callback_brings_the_id_back() -> None:
    settings = {"from_number": None, "messaging_service_sid": "MG1", "status_callback_url": "https://a.test/t?k=1"}
    request = asked(twilio(**settings, api_key_sid="SK1", base_url="https://api.dublin.ie1.twilio.com"), HELLO)
    assert request.url.startswith("https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/AC1/")
    assert request.headers["authorization"] == "Basic U0sxOnQw"
    assert request.body == (
        b"To=%2B15550001&MessagingServiceSid=MG1&Body=Hello+%26+bye"
        b"&StatusCallback=https%3A%2F%2Fa.test%2Ft%3Fk%3D1%26doorbell_message%3D" + ID.encode()
    )


def test_overrides_go_over_the_form() -> None:
    overrides = {"MediaUrl": ["https://a.test/1", "https://a.test/2"], "ValidityPeriod": 60, "SmartEncoded": True}
    request = asked(twilio(), Sms("+1", "Hi", {**overrides, "From": None, "ContentVariables": {"1": "a"}}))
    assert request.body == (
        b"To=%2B1&Body=Hi&MediaUrl=https%3A%2F%2Fa.test%2F1&MediaUrl=https%3A%2F%2Fa.test%2F2"
        b"&ValidityPeriod=60&SmartEncoded=true&ContentVariables=%7B%221%22%3A%22a%22%7D"
    )


def test_without_a_sender_it_is_no_channel() -> None:
    with pytest.raises(ProviderMisconfigured, match="`from_number` or a `messaging_service_sid`"):
        twilio(from_number=None)


def error(code: int, message: str = "said") -> dict[str, Any]:
    return {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": 400}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, CREATED, Sent("SM1", {"segments": 1})),
        (201, {**CREATED, "num_segments": "3"}, Sent("SM1", {"segments": 3})),
        (201, {**CREATED, "num_segments": "0"}, Sent("SM1", {"segments": 1})),
        (201, {}, Unknown("the vendor answered 201")),
        *[
            (400, error(code), Bounced(f"the vendor answered 400: {code} said"))
            for code in (21211, 21265, 21610, 21614, 21635)
        ],
        (400, error(21408), Refused("the vendor answered 400: 21408 said")),
        (400, error(21606), Refused("the vendor answered 400: 21606 said")),
        (401, error(20003, "Authenticate"), Refused("the vendor answered 401: 20003 Authenticate")),
        (500, error(20500), Unknown("the vendor answered 500: 20500 said")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(twilio(), HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, error(20429, "Too Many Requests"), retry_after="7")
    assert outcome(twilio(), HELLO, said) == Retry("the vendor answered 429: 20429 Too Many Requests", 7.0)
