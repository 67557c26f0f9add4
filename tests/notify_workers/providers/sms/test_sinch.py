"""Sinch, played after https://developers.sinch.com/docs/sms/api-reference/sms/batches/sendsms"""

from __future__ import annotations

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Sms

SETTINGS = {"service_plan_id": "jd63jf88", "api_token": "t0"}
SINCH = load("sinch", SETTINGS, from_number="+15551112222")
HELLO = Sms("+15551231212", "Hello! How are you?")


def test_the_request_is_the_vendors() -> None:
    request = asked(SINCH, HELLO)
    assert (request.method, request.url) == ("POST", "https://us.sms.api.sinch.com/xms/v1/jd63jf88/batches")
    assert request.headers == {"authorization": "Bearer t0", "content-type": "application/json"}
    assert request.body == (
        b'{"from":"+15551112222","to":["+15551231212"],"body":"Hello! How are you?","client_reference":"'
        + ID.encode()
        + b'"}'
    )


def test_another_region_a_callback_and_overrides() -> None:
    provider = load("sinch", SETTINGS, region="eu", status_callback_url="https://a.test/s")
    request = asked(provider, Sms("+1", "Hi", {"flash_message": True, "delivery_report": "full"}))
    assert request.url == "https://eu.sms.api.sinch.com/xms/v1/jd63jf88/batches"
    assert json_body(request) == {
        "to": ["+1"],
        "body": "Hi",
        "client_reference": ID,
        "delivery_report": "full",
        "callback_url": "https://a.test/s",
        "flash_message": True,
    }


def error(code: str, text: str) -> dict[str, str]:
    return {"code": code, "text": text}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"id": "01FC66621", "to": ["15551231212"], "canceled": False}, Sent("01FC66621", {"segments": 1})),
        (201, {}, Unknown("the vendor answered 201")),
        (
            400,
            error("syntax_invalid_parameter_format", "The recipient number is invalid."),
            Bounced("the vendor answered 400: syntax_invalid_parameter_format The recipient number is invalid."),
        ),
        (
            400,
            error("syntax_invalid_parameter_format", "Invalid from number"),
            Refused("the vendor answered 400: syntax_invalid_parameter_format Invalid from number"),
        ),
        (
            400,
            error("syntax_constraint_violation", "body is missing"),
            Refused("the vendor answered 400: syntax_constraint_violation body is missing"),
        ),
        (401, {}, Refused("the vendor answered 401")),
        (403, error("unauthorized", "No such plan"), Refused("the vendor answered 403: unauthorized No such plan")),
        (500, {}, Unknown("the vendor answered 500")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(SINCH, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    assert outcome(SINCH, HELLO, answer(429, {}, retry_after="7")) == Retry("the vendor answered 429", 7.0)
