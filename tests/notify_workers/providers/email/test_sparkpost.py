"""SparkPost, played after https://developers.sparkpost.com/api/transmissions/"""

from __future__ import annotations

from dataclasses import replace

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Attachment, Email

SETTINGS = {"api_key": "key-1", "from_address": "Acme <hi@acme.test>"}
SPARKPOST = load("sparkpost", SETTINGS)
HELLO = Email(to="Jane Doe <jane@example.com>", subject="Hello", html="<p>Hi</p>", text="Hi")


def test_the_request_is_the_vendors() -> None:
    request = asked(SPARKPOST, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.sparkpost.com/api/v1/transmissions")
    assert request.headers == {"authorization": "key-1", "content-type": "application/json"}
    assert request.body == (
        b'{"recipients":[{"address":{"email":"jane@example.com","header_to":"Jane Doe <jane@example.com>"}}],'
        b'"content":{"from":"Acme <hi@acme.test>","subject":"Hello","text":"Hi","html":"<p>Hi</p>"},'
        b'"metadata":{"doorbell_message":"%s"},"options":{"transactional":true}}' % ID.encode()
    )


def test_everything_that_an_email_may_have_is_passed_on() -> None:
    content = replace(
        HELLO,
        to='jane@example.com, "Doe, Joe" <joe@example.com>',
        sender="other@acme.test",
        cc="CC <cc@example.com>, Jane@example.com",
        bcc="bcc@example.com",
        reply_to="re@example.com",
        headers={"List-Unsubscribe": "<https://acme.test/u>"},
        attachments=(
            Attachment("a.png", "image/png", "aGk=", "logo", is_inline=True),
            Attachment("b.txt", "text/plain", "aGk="),
        ),
        overrides={
            "campaign_id": "a",
            "content": {"text": None, "headers": {"X-A": "1"}},
            "options": {"sandbox": True},
        },
    )
    to = 'jane@example.com, "Doe, Joe" <joe@example.com>'
    everybody = ("jane@example.com", "joe@example.com", "cc@example.com", "bcc@example.com")
    assert json_body(asked(SPARKPOST, content)) == {
        "recipients": [{"address": {"email": each, "header_to": to}} for each in everybody],
        "content": {
            "from": "other@acme.test",
            "reply_to": "re@example.com",
            "subject": "Hello",
            "html": "<p>Hi</p>",
            "headers": {
                "List-Unsubscribe": "<https://acme.test/u>",
                "CC": "CC <cc@example.com>, Jane@example.com",
                "X-A": "1",
            },
            "attachments": [{"name": "b.txt", "type": "text/plain", "data": "aGk="}],
            "inline_images": [{"name": "logo", "type": "image/png", "data": "aGk="}],
        },
        "metadata": {"doorbell_message": ID},
        "campaign_id": "a",
        "options": {"transactional": True, "sandbox": True},
    }


def test_what_was_rendered_is_not_rendered_again() -> None:
    content = replace(HELLO, subject="{{ secret }}", text="{{{a}}}", html="@media{a{b:c}}", overrides={"x": "{{ y }}"})
    body = json_body(asked(SPARKPOST, content))
    assert body["content"]["subject"] == "{{opening_double_curly()}} secret {{closing_double_curly()}}"
    assert body["content"]["text"] == "{{opening_double_curly()}}{a{{closing_double_curly()}}}"
    assert body["content"]["html"] == "@media{a{b:c{{closing_double_curly()}}"
    assert body["x"] == "{{ y }}"


def test_accounts_in_the_eu_have_another_address() -> None:
    european = load("sparkpost", SETTINGS, base_url="https://api.eu.sparkpost.com/")
    assert asked(european, HELLO).url == "https://api.eu.sparkpost.com/api/v1/transmissions"


def results(rejected: int, accepted: int) -> dict[str, object]:
    return {"total_rejected_recipients": rejected, "total_accepted_recipients": accepted, "id": "116687"}


def error(code: str, message: str, description: str = "") -> dict[str, object]:
    return {"errors": [{"code": code, "message": message, "description": description}]}


REJECTED = "Message generation rejected"
SUPPRESSED = "recipient address suppressed due to customer policy"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"results": results(0, 1)}, Sent("116687")),
        (200, {"results": results(1, 2)}, Sent("116687", {"refused": 1})),
        (200, {**error("1901", "Generation failed")}, Refused("the vendor answered 200: Generation failed")),
        (200, {}, Unknown("the vendor answered 200")),
        (
            400,
            {**error("1902", REJECTED, SUPPRESSED), "results": results(0, 1)},
            Bounced(f"the vendor answered 400: {REJECTED}: {SUPPRESSED}"),
        ),
        (400, error("1902", REJECTED, "bad words"), Refused(f"the vendor answered 400: {REJECTED}: bad words")),
        (
            400,
            error("5002", "At least one valid recipient is required"),
            Bounced("the vendor answered 400: At least one valid recipient is required"),
        ),
        (
            403,
            error("7001", "Unconfigured sending domain"),
            Refused("the vendor answered 403: Unconfigured sending domain"),
        ),
        (420, error("2101", "Exceed Sending Limit"), Retry("the vendor answered 420: Exceed Sending Limit")),
        (500, error("1", "oops"), Unknown("the vendor answered 500: oops")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(SPARKPOST, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = answer(429, error("1", "Too many requests"), retry_after="7")
    assert outcome(SPARKPOST, HELLO, said) == Retry("the vendor answered 429: Too many requests", 7.0)
