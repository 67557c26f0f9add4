"""OneSignal, played after https://documentation.onesignal.com/reference/push-notification"""

from __future__ import annotations

from uuid import UUID

import pytest

from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Push

ONESIGNAL = load("onesignal", {"app_id": "app-1", "api_key": "secret"})
TOKEN = "1dd608f2-c6a1-11e3-851d-000c2940e62c"
HELLO = Push(TOKEN, "hello", "world")


def test_the_request_is_the_vendors() -> None:
    request = asked(ONESIGNAL, HELLO)
    assert (request.method, request.url) == ("POST", "https://api.onesignal.com/notifications")
    assert request.query_params == (("c", "push"),)
    assert request.headers == {"authorization": "Key secret", "content-type": "application/json"}
    body = json_body(request)
    assert UUID(body.pop("idempotency_key")).version == 5
    assert body == {
        "app_id": "app-1",
        "target_channel": "push",
        "include_subscription_ids": [TOKEN],
        "headings": {"en": "hello"},
        "contents": {"en": "world"},
        "data": {"knock_message_id": ID},
    }


def test_every_attempt_has_the_same_key() -> None:
    first, second = (json_body(asked(ONESIGNAL, HELLO))["idempotency_key"] for _ in range(2))
    assert first == second


def test_a_silent_message_shows_nothing() -> None:
    body = json_body(asked(ONESIGNAL, Push(TOKEN, "", "", is_silent=True)))
    assert body["content_available"] is True
    assert not {"contents", "headings"} & body.keys()


def test_overrides_go_over_the_body() -> None:
    content = Push(TOKEN, "hello", "world", overrides={"contents": {"es": "mundo"}, "ios_sound": "ding.wav"})
    body = json_body(asked(ONESIGNAL, content))
    assert (body["contents"], body["ios_sound"]) == ({"en": "world", "es": "mundo"}, "ding.wav")


UNSUBSCRIBED = "All included players are not subscribed"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"id": "b98881cc", "external_id": None}, Sent("b98881cc")),
        (
            200,
            {"id": "", "errors": {"invalid_player_ids": [TOKEN]}},
            Bounced("the vendor answered 200: invalid_player_ids", is_gone=True),
        ),
        (200, {"id": "", "errors": [UNSUBSCRIBED]}, Bounced(f"the vendor answered 200: {UNSUBSCRIBED}")),
        (200, {"id": "", "errors": ["Something else"]}, Refused("the vendor answered 200: Something else")),
        (200, {}, Unknown("the vendor answered 200")),
        (400, {"errors": ["app_id not found"]}, Refused("the vendor answered 400: app_id not found")),
        (403, {"errors": ["Access denied."]}, Refused("the vendor answered 403: Access denied.")),
        (429, {"errors": ["API rate limit exceeded"]}, Retry("the vendor answered 429: API rate limit exceeded", 7.0)),
        (500, b"oops", Unknown("the vendor answered 500")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(ONESIGNAL, HELLO, answer(status, body, retry_after="7")) == expected
