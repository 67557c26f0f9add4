"""Telegram, played after https://core.telegram.org/bots/api#sendmessage and #making-requests"""

from __future__ import annotations

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import answer, asked, json_body, load, outcome
from workflows.content import Chat

TELEGRAM = load("telegram", {"bot_token": "110201543:AAH"})
HELLO = Chat({"chat_id": "-1001"}, "**a** < b & _c_")


def test_the_request_is_the_vendors() -> None:
    request = asked(TELEGRAM, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.telegram.org/bot110201543:AAH/sendMessage")
    assert request.headers == {"content-type": "application/json"}
    assert request.body == b'{"chat_id":"-1001","text":"<b>a</b> &lt; b &amp; <i>c</i>","parse_mode":"HTML"}'


def test_json_goes_as_it_is() -> None:
    said = {"text": "Hi", "reply_markup": {"inline_keyboard": []}}
    assert json_body(asked(TELEGRAM, Chat({"chat_id": "1"}, json_content=said))) == {"chat_id": "1", **said}


def failure(code: int, description: str) -> dict[str, object]:
    return {"ok": False, "error_code": code, "description": description}


BLOCKED = "Forbidden: bot was blocked by the user"
MISSING = "Bad Request: chat not found"
STARTLESS = "Forbidden: bot can't initiate conversation with a user"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"ok": True, "result": {"message_id": 42}}, Sent("42")),
        (200, {"ok": True}, Unknown("the vendor answered 200")),
        (400, failure(400, MISSING), Bounced(f"the vendor answered 400: {MISSING}")),
        (403, failure(403, BLOCKED), Bounced(f"the vendor answered 403: {BLOCKED}", is_gone=True)),
        (403, failure(403, STARTLESS), Bounced(f"the vendor answered 403: {STARTLESS}")),
        (401, failure(401, "Unauthorized"), Refused("the vendor answered 401: Unauthorized")),
        (502, {}, Unknown("the vendor answered 502")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(TELEGRAM, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_body_says() -> None:
    said = "Too Many Requests: retry after 14"
    body = {**failure(429, said), "parameters": {"retry_after": 14}}
    assert outcome(TELEGRAM, HELLO, answer(429, body)) == Retry(f"the vendor answered 429: {said}", 14.0)


def test_a_message_without_a_chat_is_not_sent() -> None:
    assert outcome(TELEGRAM, Chat({"channel_id": "C1"}, "Hi")) == Bounced("the connection has no chat_id")
    assert isinstance(outcome(TELEGRAM, HELLO, connection=None), Bounced)
