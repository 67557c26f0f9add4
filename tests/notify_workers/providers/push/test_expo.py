"""Expo, played after https://docs.expo.dev/push-notifications/sending-notifications/"""

from __future__ import annotations

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Push

EXPO = load("expo", {"access_token": "secret"})
TOKEN = "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"
HELLO = Push(TOKEN, "hello", "world")


def test_the_request_is_the_vendors() -> None:
    request = asked(EXPO, HELLO)
    assert (request.method, request.url) == ("POST", "https://exp.host/--/api/v2/push/send")
    assert request.headers == {
        "accept": "application/json",
        "content-type": "application/json",
        "authorization": "Bearer secret",
    }
    written = f'{{"to":"{TOKEN}","title":"hello","body":"world","data":{{"knock_message_id":"{ID}"}}}}'
    assert request.body == written.encode()


def test_an_account_that_asks_for_no_token_is_given_none() -> None:
    assert "authorization" not in asked(load("expo", {}), HELLO).headers


def test_a_silent_message_shows_nothing() -> None:
    silent = Push(TOKEN, "", "", is_silent=True)
    expected = {"to": TOKEN, "_contentAvailable": True, "data": {"knock_message_id": ID}}
    assert json_body(asked(EXPO, silent)) == expected


def test_overrides_go_over_the_message() -> None:
    content = Push(TOKEN, "hello", "world", overrides={"sound": "default", "data": {"a": 1}, "title": None})
    expected = {"to": TOKEN, "body": "world", "sound": "default", "data": {"knock_message_id": ID, "a": 1}}
    assert json_body(asked(EXPO, content)) == expected


def error(code: str) -> dict[str, object]:
    return {"data": {"status": "error", "message": "said at length", "details": {"error": code}}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"data": {"status": "ok", "id": "XXXXXXXX"}}, Sent("XXXXXXXX")),
        (200, error("DeviceNotRegistered"), Bounced("the vendor answered 200: DeviceNotRegistered", is_gone=True)),
        (200, error("MessageRateExceeded"), Retry("the vendor answered 200: MessageRateExceeded")),
        (200, error("MessageTooBig"), Refused("the vendor answered 200: MessageTooBig")),
        (200, error("InvalidCredentials"), Refused("the vendor answered 200: InvalidCredentials")),
        (200, {"data": {"status": "error", "message": "no"}}, Refused("the vendor answered 200: no")),
        (200, {"data": []}, Unknown("the vendor answered 200")),
        (400, {"errors": [{"code": "VALIDATION_ERROR", "message": "no"}]}, Refused("the vendor answered 400: no")),
        (429, {"errors": [{"code": "TOO_MANY_REQUESTS"}]}, Retry("the vendor answered 429: TOO_MANY_REQUESTS", 7.0)),
        (502, b"<html>", Unknown("the vendor answered 502")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(EXPO, HELLO, answer(status, body, retry_after="7")) == expected
