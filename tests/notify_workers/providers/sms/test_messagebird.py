"""MessageBird, played after https://developers.messagebird.com/api/sms-messaging/"""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Sms

SETTINGS = {"access_key": "live_1", "from_number": "Acme"}
MESSAGEBIRD = load("messagebird", SETTINGS)
HELLO = Sms("+31612345678", "Hello")


def test_the_request_is_the_vendors() -> None:
    request = asked(MESSAGEBIRD, HELLO)
    assert (request.method, request.url) == ("POST", "https://rest.messagebird.com/messages")
    assert request.headers == {
        "authorization": "AccessKey live_1",
        "accept": "application/json",
        "content-type": "application/json",
    }
    assert request.body == (
        b'{"recipients":["+31612345678"],"originator":"Acme","body":"Hello","datacoding":"auto","reference":"'
        + ID.encode()
        + b'"}'
    )


def test_a_callback_and_overrides_are_passed_on() -> None:
    provider = load("messagebird", SETTINGS, status_callback_url="https://a.test/mb")
    content = Sms("+31612345678", "Hello", {"validity": 600, "typeDetails": {"udh": "05"}, "datacoding": None})
    assert json_body(asked(provider, content)) == {
        "recipients": ["+31612345678"],
        "originator": "Acme",
        "body": "Hello",
        "reference": ID,
        "reportUrl": "https://a.test/mb",
        "validity": 600,
        "typeDetails": {"udh": "05"},
    }


def created(**item: Any) -> dict[str, Any]:
    return {"id": "e8077d80", "recipients": {"totalCount": 1, "items": [{"recipient": 31612345678, **item}]}}


def error(code: int, description: str, parameter: str | None) -> dict[str, Any]:
    return {"errors": [{"code": code, "description": description, "parameter": parameter}]}


NOT_ALLOWED = error(2, "Request not allowed (incorrect access_key)", "access_key")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, created(status="sent", messagePartCount=2), Sent("e8077d80", {"segments": 2})),
        (201, created(status="sent"), Sent("e8077d80", {"segments": 1})),
        (201, {}, Unknown("the vendor answered 201")),
        (
            422,
            error(9, "no (correct) recipients found", "recipients"),
            Bounced("the vendor answered 422: 9 no (correct) recipients found"),
        ),
        (422, error(10, "no originator", "originator"), Refused("the vendor answered 422: 10 no originator")),
        (422, error(25, "Not enough balance", None), Refused("the vendor answered 422: 25 Not enough balance")),
        (401, NOT_ALLOWED, Refused("the vendor answered 401: 2 Request not allowed (incorrect access_key)")),
        (500, error(99, "Internal error", None), Unknown("the vendor answered 500: 99 Internal error")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(MESSAGEBIRD, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    assert outcome(MESSAGEBIRD, HELLO, answer(429, {}, retry_after="7")) == Retry("the vendor answered 429", 7.0)
