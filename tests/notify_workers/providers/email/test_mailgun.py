"""Mailgun, played after https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages"""

from __future__ import annotations

from dataclasses import replace

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, load, outcome
from workflows.content import Attachment, Email

SETTINGS = {"api_key": "key-1", "domain": "mg.acme.test", "from_address": "Acme <hi@acme.test>"}
MAILGUN = load("mailgun", SETTINGS)
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Grüße", html="<p>Hi</p>", text="Hi")


def form(*parts: str) -> bytes:
    """RFC 7578: each part its disposition, an empty line, its value."""
    written = "".join(f"--doorbell-{ID}\r\nContent-Disposition: form-data; name={part}\r\n" for part in parts)
    return f"{written}--doorbell-{ID}--\r\n".encode()


def test_the_request_is_the_vendors() -> None:
    request = asked(MAILGUN, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.mailgun.net/v3/mg.acme.test/messages")
    assert request.headers == {
        "authorization": "Basic YXBpOmtleS0x",
        "content-type": f"multipart/form-data; boundary=doorbell-{ID}",
    }
    assert request.body == form(
        '"from"\r\n\r\nAcme <hi@acme.test>',
        '"to"\r\n\r\nJane Doe <jane@example.com>',
        '"subject"\r\n\r\nGrüße',
        '"text"\r\n\r\nHi',
        '"html"\r\n\r\n<p>Hi</p>',
        f'"v:doorbell_message"\r\n\r\n{ID}',
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
            Attachment("ü.txt", "text/plain", "aGk="),
        ),
        overrides={"text": None, "o:tag": ["a", "b"], "h:X-A": "1", "t:variables": {"c": 1}},
    )
    assert asked(MAILGUN, content).body == form(
        '"from"\r\n\r\nOther <other@acme.test>',
        '"to"\r\n\r\njane@example.com',
        '"to"\r\n\r\n"Doe, Joe" <joe@example.com>',
        '"cc"\r\n\r\ncc@example.com',
        '"bcc"\r\n\r\nbcc@example.com',
        '"subject"\r\n\r\nGrüße',
        '"html"\r\n\r\n<p>Hi</p>',
        '"h:Reply-To"\r\n\r\nre@example.com',
        '"h:List-Unsubscribe"\r\n\r\n<https://acme.test/u>',
        f'"v:doorbell_message"\r\n\r\n{ID}',
        '"o:tag"\r\n\r\na',
        '"o:tag"\r\n\r\nb',
        '"h:X-A"\r\n\r\n1',
        '"t:variables"\r\n\r\n{"c":1}',
        '"inline"; filename="logo"\r\nContent-Type: image/png\r\n\r\nhi',
        '"attachment"; filename="ü.txt"\r\nContent-Type: text/plain\r\n\r\nhi',
    )


def test_a_name_of_a_file_adds_no_part() -> None:
    evil = Attachment('a"\r\n\r\nb', "text/plain", "aGk=")
    assert b'filename="a%22%0D%0A%0D%0Ab"' in asked(MAILGUN, replace(HELLO, attachments=(evil,))).body


def test_domains_in_the_eu_have_another_address() -> None:
    european = load("mailgun", SETTINGS, base_url="https://api.eu.mailgun.net/", domain="a/b.test")
    assert asked(european, HELLO).url == "https://api.eu.mailgun.net/v3/a%2Fb.test/messages"


QUEUED = {"id": "<2024@mg.acme.test>", "message": "Queued. Thank you."}
INVALID = "'to' parameter is not a valid address. please check documentation"
INVALID_TOO = "to parameter is not a valid address. please check documentation"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, QUEUED, Sent("<2024@mg.acme.test>")),
        (200, b"Mailgun Magnificent API", Unknown("the vendor answered 200")),
        (400, {"message": INVALID}, Bounced(f"the vendor answered 400: {INVALID}")),
        (400, {"message": INVALID_TOO}, Bounced(f"the vendor answered 400: {INVALID_TOO}")),
        (400, {"message": "from is missing"}, Refused("the vendor answered 400: from is missing")),
        (401, b"Forbidden", Refused("the vendor answered 401")),
        (404, {"message": "Domain not found"}, Refused("the vendor answered 404: Domain not found")),
        (500, {"message": "oops"}, Unknown("the vendor answered 500: oops")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(MAILGUN, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, {"message": "Too many requests"}, retry_after="7")
    assert outcome(MAILGUN, HELLO, said) == Retry("the vendor answered 429: Too many requests", 7.0)
