"""Mailjet, played after https://dev.mailjet.com/email/guides/send-api-v31/"""

from __future__ import annotations

from dataclasses import replace

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Attachment, Email

SETTINGS = {"api_key": "key", "api_secret": "secret", "from_address": "Acme <hi@acme.test>"}
MAILJET = load("mailjet", SETTINGS)
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")


def test_the_request_is_the_vendors() -> None:
    request = asked(MAILJET, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.mailjet.com/v3.1/send")
    assert request.headers == {"authorization": "Basic a2V5OnNlY3JldA==", "content-type": "application/json"}
    assert request.body == (
        b'{"Messages":[{"From":{"Email":"hi@acme.test","Name":"Acme"},"To":[{"Email":"jane@example.com","Name":"Jane Doe"}],'
        b'"Subject":"Hello","TextPart":"Hi","HTMLPart":"<p>Hi</p>","CustomID":"%s"}]}' % ID.encode()
    )


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    content = replace(
        HELLO,
        to='jane@example.com, "Doe, Joe" <joe@example.com>',
        sender="other@acme.test",
        cc="cc@example.com",
        bcc="bcc@example.com",
        reply_to="re@example.com, other@example.com",
        headers={"List-Unsubscribe": "<https://acme.test/u>"},
        attachments=(
            Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),
            Attachment("b.txt", "text/plain", "aGk="),
        ),
        overrides={"SandboxMode": True, "EventPayload": "a", "TextPart": None, "Headers": {"X-A": "1"}},
    )
    message = {
        "From": {"Email": "other@acme.test"},
        "To": [{"Email": "jane@example.com"}, {"Email": "joe@example.com", "Name": "Doe, Joe"}],
        "Cc": [{"Email": "cc@example.com"}],
        "Bcc": [{"Email": "bcc@example.com"}],
        "ReplyTo": {"Email": "re@example.com"},
        "Subject": "Hello",
        "HTMLPart": "<p>Hi</p>",
        "Headers": {"List-Unsubscribe": "<https://acme.test/u>", "X-A": "1"},
        "Attachments": [{"ContentType": "text/plain", "Filename": "b.txt", "Base64Content": "aGk="}],
        "InlinedAttachments": [
            {"ContentType": "image/png", "Filename": "a.png", "Base64Content": "aGk=", "ContentID": "logo"}
        ],
        "CustomID": ID,
        "EventPayload": "a",
    }
    assert json_body(asked(MAILJET, content)) == {"Messages": [message], "SandboxMode": True}


def test_accounts_in_the_united_states_have_another_address() -> None:
    american = load("mailjet", SETTINGS, base_url="https://api.us.mailjet.com/")
    assert asked(american, HELLO).url == "https://api.us.mailjet.com/v3.1/send"


TAKEN = {"Messages": [{"Status": "success", "To": [{"MessageID": 456, "MessageUUID": "123"}]}]}
UNAUTHORIZED = {"ErrorIdentifier": "06df1144", "StatusCode": 401, "ErrorMessage": "API key authentication failure."}
INVALID = '"jane" is an invalid email address.'


def error(code: str, message: str, related: str) -> dict[str, object]:
    errors = [{"ErrorCode": code, "StatusCode": 400, "ErrorMessage": message, "ErrorRelatedTo": [related]}]
    return {"Messages": [{"Status": "error", "Errors": errors}]}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, TAKEN, Sent("456")),
        (200, error("send-0008", "No.", "From"), Refused("the vendor answered 200: No.")),
        (200, {}, Unknown("the vendor answered 200")),
        (400, error("mj-0013", INVALID, "To[0].Email"), Bounced(f"the vendor answered 400: {INVALID}")),
        (400, error("mj-0013", INVALID, "From.Email"), Refused(f"the vendor answered 400: {INVALID}")),
        (400, error("mj-0003", "Missing.", "To[0].Email"), Refused("the vendor answered 400: Missing.")),
        (401, UNAUTHORIZED, Refused("the vendor answered 401: API key authentication failure.")),
        (500, {"ErrorMessage": "oops"}, Unknown("the vendor answered 500: oops")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(MAILJET, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, {"ErrorMessage": "Too many"}, retry_after="7")
    assert outcome(MAILJET, HELLO, said) == Retry("the vendor answered 429: Too many", 7.0)
