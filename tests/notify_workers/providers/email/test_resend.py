"""Resend, played after https://resend.com/docs/api-reference/emails/send-email"""

from __future__ import annotations

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Attachment, Email

RESEND = load("resend", {"api_key": "re_123", "from_address": "Acme <hi@acme.test>"})
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")


def test_the_request_is_the_vendors() -> None:
    request = asked(RESEND, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.resend.com/emails")
    assert request.headers == {
        "authorization": "Bearer re_123",
        "content-type": "application/json",
        "idempotency-key": ID,
    }
    assert request.body == (
        b'{"from":"Acme <hi@acme.test>","to":["Jane Doe <jane@example.com>"],"subject":"Hello","html":"<p>Hi</p>","text":"Hi"}'
    )


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    content = Email(
        to='jane@example.com, "Doe, Joe" <joe@example.com>',
        subject="Hello",
        html="<img src=cid:logo>",
        text="Hi",
        sender="Other <other@acme.test>",
        cc="cc@example.com",
        bcc="bcc@example.com",
        reply_to="re@example.com",
        headers={"List-Unsubscribe": "<https://acme.test/u>"},
        attachments=(
            Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),
            Attachment("b.txt", "text/plain", "aGk="),
        ),
        overrides={"tags": [{"name": "a", "value": "b"}], "text": None, "headers": {"X-A": "1"}},
    )
    assert json_body(asked(RESEND, content)) == {
        "from": "Other <other@acme.test>",
        "to": ["jane@example.com", '"Doe, Joe" <joe@example.com>'],
        "cc": ["cc@example.com"],
        "bcc": ["bcc@example.com"],
        "reply_to": ["re@example.com"],
        "subject": "Hello",
        "html": "<img src=cid:logo>",
        "headers": {"List-Unsubscribe": "<https://acme.test/u>", "X-A": "1"},
        "attachments": [
            {"filename": "a.png", "content": "aGk=", "content_type": "image/png", "content_id": "logo"},
            {"filename": "b.txt", "content": "aGk=", "content_type": "text/plain"},
        ],
        "tags": [{"name": "a", "value": "b"}],
    }


ERROR = {"statusCode": 422, "name": "validation_error", "message": "Invalid `from` field."}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"id": "49a3999c"}, Sent("49a3999c")),
        (200, {}, Unknown("the vendor answered 200")),
        (422, ERROR, Refused("the vendor answered 422: Invalid `from` field.")),
        (401, {"message": "API key is invalid"}, Refused("the vendor answered 401: API key is invalid")),
        (409, {"message": "Same key, other body"}, Refused("the vendor answered 409: Same key, other body")),
        (500, {}, Unknown("the vendor answered 500")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(RESEND, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, {"message": "Too many requests"}, retry_after="7")
    assert outcome(RESEND, HELLO, said) == Retry("the vendor answered 429: Too many requests", 7.0)


def test_an_email_to_nobody_is_not_sent() -> None:
    assert outcome(RESEND, Email(to=" ", subject="", html="", text="")) == Bounced("there is no address to send to")
