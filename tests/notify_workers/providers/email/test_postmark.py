"""Postmark, played after https://postmarkapp.com/developer/api/email-api"""

from __future__ import annotations

from dataclasses import replace

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Attachment, Email

SETTINGS = {"server_token": "token-1", "from_address": "Acme <hi@acme.test>"}
POSTMARK = load("postmark", SETTINGS)
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")


def test_the_request_is_the_vendors() -> None:
    request = asked(POSTMARK, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.postmarkapp.com/email")
    assert request.headers == {
        "accept": "application/json",
        "content-type": "application/json",
        "x-postmark-server-token": "token-1",
    }
    assert request.body == (
        b'{"From":"Acme <hi@acme.test>","To":"Jane Doe <jane@example.com>","Subject":"Hello","HtmlBody":"<p>Hi</p>",'
        b'"TextBody":"Hi","MessageStream":"outbound","Metadata":{"doorbell_message":"%s"}}' % ID.encode()
    )


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    content = replace(
        HELLO,
        to='jane@example.com, "Doe, Joe" <joe@example.com>',
        sender="Other <other@acme.test>",
        cc="cc@example.com",
        bcc="bcc@example.com",
        reply_to="re@example.com",
        headers={"List-Unsubscribe": "<https://acme.test/u>"},
        attachments=(
            Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),
            Attachment("b.txt", "text/plain", "aGk="),
        ),
        overrides={"Tag": "a", "TextBody": None, "Metadata": {"b": "c"}},
    )
    assert json_body(asked(load("postmark", SETTINGS, message_stream="broadcast"), content)) == {
        "From": "Other <other@acme.test>",
        "To": 'jane@example.com, "Doe, Joe" <joe@example.com>',
        "Cc": "cc@example.com",
        "Bcc": "bcc@example.com",
        "ReplyTo": "re@example.com",
        "Subject": "Hello",
        "HtmlBody": "<p>Hi</p>",
        "Headers": [{"Name": "List-Unsubscribe", "Value": "<https://acme.test/u>"}],
        "Attachments": [
            {"Name": "a.png", "Content": "aGk=", "ContentType": "image/png", "ContentID": "cid:logo"},
            {"Name": "b.txt", "Content": "aGk=", "ContentType": "text/plain"},
        ],
        "MessageStream": "broadcast",
        "Metadata": {"doorbell_message": ID, "b": "c"},
        "Tag": "a",
    }


TAKEN = {"To": "jane@example.com", "MessageID": "b7bc2f4a", "ErrorCode": 0, "Message": "OK"}
SOME = "Message OK, but will not deliver to these inactive addresses: joe@example.com."
INACTIVE = "You tried to send to recipients that have all been marked as inactive."


def error(code: int, message: str) -> dict[str, object]:
    return {"ErrorCode": code, "Message": message}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, TAKEN, Sent("b7bc2f4a")),
        (200, {**TAKEN, "Message": SOME}, Sent("b7bc2f4a", {"refused": SOME})),
        (200, error(405, "Not allowed to send"), Refused("the vendor answered 200 with code 405: Not allowed to send")),
        (200, b"<html>", Unknown("the vendor answered 200")),
        (422, error(406, INACTIVE), Bounced(f"the vendor answered 422 with code 406: {INACTIVE}")),
        (
            422,
            error(300, "Invalid 'To' address"),
            Bounced("the vendor answered 422 with code 300: Invalid 'To' address"),
        ),
        (422, error(300, "Invalid 'From' address"), Refused("the vendor answered 422: Invalid 'From' address")),
        (401, error(10, "Bad API token"), Refused("the vendor answered 401: Bad API token")),
        (500, error(100, "Maintenance"), Unknown("the vendor answered 500: Maintenance")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(POSTMARK, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, error(429, "Rate limit exceeded"), retry_after="7")
    assert outcome(POSTMARK, HELLO, said) == Retry("the vendor answered 429: Rate limit exceeded", 7.0)
