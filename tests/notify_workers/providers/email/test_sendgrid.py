"""SendGrid, played after https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send"""

from __future__ import annotations

from dataclasses import replace

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Attachment, Email

SETTINGS = {"api_key": "SG.123", "from_address": "Acme <hi@acme.test>"}
SENDGRID = load("sendgrid", SETTINGS)
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")


def test_the_request_is_the_vendors() -> None:
    request = asked(SENDGRID, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.sendgrid.com/v3/mail/send")
    assert request.headers == {"authorization": "Bearer SG.123", "content-type": "application/json"}
    assert request.body == (
        b'{"personalizations":[{"to":[{"email":"jane@example.com","name":"Jane Doe"}]}],'
        b'"from":{"email":"hi@acme.test","name":"Acme"},"subject":"Hello",'
        b'"content":[{"type":"text/plain","value":"Hi"},{"type":"text/html","value":"<p>Hi</p>"}],'
        b'"custom_args":{"doorbell_message":"%s"}}' % ID.encode()
    )


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    content = replace(
        HELLO,
        to='jane@example.com, "Doe, Joe" <joe@example.com>',
        text="",
        sender="other@acme.test",
        cc="cc@example.com, JANE@example.com",
        bcc="bcc@example.com",
        reply_to="re@example.com",
        headers={"List-Unsubscribe": "<https://acme.test/u>"},
        attachments=(
            Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),
            Attachment("b.txt", "text/plain; charset=utf-8", "aGk="),
        ),
        overrides={"categories": ["a"], "subject": None, "headers": {"X-A": "1"}, "custom_args": {"b": "c"}},
    )
    assert json_body(asked(SENDGRID, content)) == {
        "personalizations": [
            {
                "to": [{"email": "jane@example.com"}, {"email": "joe@example.com", "name": "Doe, Joe"}],
                "cc": [{"email": "cc@example.com"}],
                "bcc": [{"email": "bcc@example.com"}],
            }
        ],
        "from": {"email": "other@acme.test"},
        "reply_to": {"email": "re@example.com"},
        "content": [{"type": "text/html", "value": "<p>Hi</p>"}],
        "headers": {"List-Unsubscribe": "<https://acme.test/u>", "X-A": "1"},
        "attachments": [
            {
                "content": "aGk=",
                "type": "image/png",
                "filename": "a.png",
                "disposition": "inline",
                "content_id": "logo",
            },
            {"content": "aGk=", "type": "text/plain", "filename": "b.txt", "disposition": "attachment"},
        ],
        "tracking_settings": {"subscription_tracking": {"enable": False}},
        "custom_args": {"doorbell_message": ID, "b": "c"},
        "categories": ["a"],
    }


def test_several_addresses_to_reply_to_are_a_list() -> None:
    body = json_body(asked(SENDGRID, replace(HELLO, reply_to="a@example.com, b@example.com, A@example.com")))
    assert body["reply_to_list"] == [{"email": "a@example.com"}, {"email": "b@example.com"}]
    assert "reply_to" not in body


def test_subusers_in_the_eu_have_another_address() -> None:
    european = load("sendgrid", SETTINGS, base_url="https://api.eu.sendgrid.com/")
    assert asked(european, HELLO).url == "https://api.eu.sendgrid.com/v3/mail/send"


def errors(message: str, field: str | None = None) -> dict[str, object]:
    return {"errors": [{"message": message, "field": field, "help": None}]}


INVALID = "Does not contain a valid address."


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, errors(INVALID, "personalizations.0.to.0.email"), Bounced(f"the vendor answered 400: {INVALID}")),
        (400, errors(INVALID, "personalizations.0.cc.0.email"), Refused(f"the vendor answered 400: {INVALID}")),
        (400, errors("No sender.", "from.email"), Refused("the vendor answered 400: No sender.")),
        (401, errors("The key is revoked"), Refused("the vendor answered 401: The key is revoked")),
        (413, errors("Too large"), Refused("the vendor answered 413: Too large")),
        (500, errors("error"), Unknown("the vendor answered 500: error")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(SENDGRID, HELLO, answer(status, body)) == expected


def test_the_vendors_name_for_the_message_is_in_a_header() -> None:
    assert outcome(SENDGRID, HELLO, answer(202, x_message_id="14c5d75ce93")) == Sent("14c5d75ce93")


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, errors("too many requests"), retry_after="7")
    assert outcome(SENDGRID, HELLO, said) == Retry("the vendor answered 429: too many requests", 7.0)
