"""Mailtrap, played after https://docs.mailtrap.io/developers/email-sending/transactional"""

from __future__ import annotations

from dataclasses import replace

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Attachment, Email

SETTINGS = {"api_token": "token-1", "from_address": "Acme <hi@acme.test>"}
MAILTRAP = load("mailtrap", SETTINGS)
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")


def test_the_request_is_the_vendors() -> None:
    request = asked(MAILTRAP, HELLO)
    assert (request.method, request.url) == ("POST", "https://send.api.mailtrap.io/api/send")
    assert request.headers == {"authorization": "Bearer token-1", "content-type": "application/json"}
    assert request.body == (
        b'{"from":{"email":"hi@acme.test","name":"Acme"},"to":[{"email":"jane@example.com","name":"Jane Doe"}],'
        b'"subject":"Hello","text":"Hi","html":"<p>Hi</p>","custom_variables":{"doorbell_message":"%s"}}' % ID.encode()
    )


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    content = replace(
        HELLO,
        to='jane@example.com, "Doe, Joe" <joe@example.com>',
        text="",
        sender="other@acme.test",
        cc="cc@example.com",
        bcc="bcc@example.com",
        reply_to="re@example.com",
        headers={"List-Unsubscribe": "<https://acme.test/u>"},
        attachments=(
            Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),
            Attachment("b.txt", "text/plain", "aGk="),
        ),
        overrides={"category": "a", "headers": {"X-A": "1"}, "custom_variables": {"b": "c"}},
    )
    assert json_body(asked(MAILTRAP, content)) == {
        "from": {"email": "other@acme.test"},
        "to": [{"email": "jane@example.com"}, {"email": "joe@example.com", "name": "Doe, Joe"}],
        "subject": "Hello",
        "cc": [{"email": "cc@example.com"}],
        "bcc": [{"email": "bcc@example.com"}],
        "reply_to": {"email": "re@example.com"},
        "html": "<p>Hi</p>",
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
        "custom_variables": {"doorbell_message": ID, "b": "c"},
        "category": "a",
    }


def test_a_sandbox_has_an_inbox() -> None:
    sandbox = load("mailtrap", SETTINGS, base_url="https://sandbox.api.mailtrap.io/", inbox_id="7")
    assert asked(sandbox, HELLO).url == "https://sandbox.api.mailtrap.io/api/send/7"


def errors(*said: str) -> dict[str, object]:
    return {"success": False, "errors": list(said)}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"success": True, "message_ids": ["0c7fd939", "1d8fe04a"]}, Sent("0c7fd939")),
        (200, errors("no"), Refused("the vendor answered 200: no")),
        (200, {}, Unknown("the vendor answered 200")),
        (400, errors("'to' address is invalid"), Bounced("the vendor answered 400: 'to' address is invalid")),
        (400, errors("'from' address is invalid"), Refused("the vendor answered 400: 'from' address is invalid")),
        (401, {"errors": "Unauthorized"}, Refused("the vendor answered 401: Unauthorized")),
        (500, errors("Internal server error"), Unknown("the vendor answered 500: Internal server error")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(MAILTRAP, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, errors("Too many requests"), retry_after="7")
    assert outcome(MAILTRAP, HELLO, said) == Retry("the vendor answered 429: Too many requests", 7.0)
