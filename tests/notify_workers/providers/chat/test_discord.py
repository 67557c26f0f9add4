"""Discord, played after https://discord.com/developers/docs/resources/message and /resources/webhook"""

from __future__ import annotations

import pytest

from notify_workers.providers import Bounced, Connection, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Chat

DISCORD = load("discord", {"bot_token": "MTk4"})
HELLO = Chat({"channel_id": "319674150115610528"}, "**Hello**")
HOOK = Chat({"incoming_webhook": {"url": "https://discord.com/…5f0c"}}, "Hello")
URL = Connection(url="https://discord.com/api/webhooks/223704706495545344/3d89bb7572e0fb30d8128367b3b1b44f")


def test_a_bots_request_is_the_vendors() -> None:
    request = asked(DISCORD, HELLO)
    assert (request.method, request.url) == (
        "POST",
        "https://discord.com/api/v10/channels/319674150115610528/messages",
    )
    assert request.headers == {"authorization": "Bot MTk4", "content-type": "application/json"}
    assert request.body == (
        b'{"allowed_mentions":{"parse":["users","roles"]},"content":"**Hello**","nonce":"%s","enforce_nonce":true}'
        % ID[-25:].encode()
    )


def test_a_webhook_is_waited_for() -> None:
    request = asked(DISCORD, HOOK, URL)
    assert (request.url, request.query_params) == (URL.url, (("wait", "true"),))
    assert json_body(request) == {"allowed_mentions": {"parse": ["users", "roles"]}, "content": "Hello"}


def test_json_may_call_everybody() -> None:
    content = Chat({"channel_id": "1"}, json_content={"embeds": [{"title": "Hi"}], "allowed_mentions": {"parse": []}})
    body = json_body(asked(DISCORD, content))
    assert (body["embeds"], body["allowed_mentions"]) == ([{"title": "Hi"}], {"parse": []})
    assert "content" not in body


def reason(status: int, said: str) -> str:
    return f"the vendor answered {status}: {said}"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"id": "334385199974967042", "content": "Hello"}, Sent("334385199974967042")),
        (200, {}, Unknown("the vendor answered 200")),
        (400, {"message": "Invalid Form Body", "code": 50035}, Refused(reason(400, "Invalid Form Body"))),
        (401, {"message": "401: Unauthorized", "code": 0}, Refused(reason(401, "401: Unauthorized"))),
        (403, {"message": "Missing Access", "code": 50001}, Bounced(reason(403, "Missing Access"))),
        (404, {"message": "Unknown Channel", "code": 10003}, Bounced(reason(404, "Unknown Channel"), is_gone=True)),
        (404, {"message": "Unknown Webhook", "code": 10015}, Bounced(reason(404, "Unknown Webhook"), is_gone=True)),
        (502, {}, Unknown("the vendor answered 502")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(DISCORD, HELLO, answer(status, body)) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    said = {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}
    reply = answer(429, said, retry_after="65")
    assert outcome(DISCORD, HELLO, reply) == Retry(reason(429, "You are being rate limited."), 65.0)


def test_without_a_bot_only_webhooks_are_reached() -> None:
    assert isinstance(outcome(load("discord", {}), HELLO), Refused)
    assert isinstance(outcome(DISCORD, HOOK, connection=Connection(url="https://10.0.0.1/")), Refused)
    assert isinstance(outcome(DISCORD, HOOK, connection=None), Bounced)
