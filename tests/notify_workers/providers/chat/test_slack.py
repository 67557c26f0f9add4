"""Slack, played after its documentation.

https://docs.slack.dev/reference/methods/chat.postMessage
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
"""

from __future__ import annotations

import json

import pytest

from notify_workers.providers import (
    Bounced,
    Connection,
    Envelope,
    HttpReply,
    HttpRequest,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    Unknown,
)
from tests.notify_workers.providers.vendor import ID, answer, asked, load, outcome
from workflows.content import Chat

SLACK = load("slack", {})
HELLO = Chat({"channel_id": "C123"}, "**Hello** <world>")
TOKEN = Connection(access_token="xoxb-1")
HOOK = Chat({"incoming_webhook": {"url": "https://hooks.slack.com/…5f0c"}}, "Hello")
URL = Connection(url="https://hooks.slack.com/services/T000/B000/XXXX")
NAMED = f'"metadata":{{"event_type":"doorbell_message","event_payload":{{"message_id":"{ID}"}}}}'


def test_the_request_is_the_vendors() -> None:
    request = asked(SLACK, HELLO, TOKEN)
    assert (request.method, request.url) == ("POST", "https://slack.com/api/chat.postMessage")
    assert request.headers == {
        "authorization": "Bearer xoxb-1",
        "content-type": "application/json; charset=utf-8",
    }
    assert request.body.decode() == f'{{"channel":"C123","text":"*Hello* &lt;world&gt;",{NAMED}}}'


def test_blocks_go_as_they_are_and_may_reply_in_a_thread() -> None:
    blocks = {"blocks": [{"type": "divider"}], "thread_ts": "1503435956.000247"}
    body = json.loads(asked(SLACK, Chat({"user_id": "U1"}, json_content=blocks, summary="Hi"), TOKEN).body)
    assert body | blocks | {"channel": "U1", "text": "Hi"} == body


def test_a_summary_is_what_notifications_show() -> None:
    body = json.loads(asked(SLACK, Chat({"channel_id": "C1"}, "*Hi*", summary="In short"), TOKEN).body)
    assert body["text"] == "In short"
    assert body["blocks"] == [{"type": "section", "text": {"type": "mrkdwn", "text": "_Hi_"}}]


def test_the_channels_own_token_stands_in_for_a_missing_one() -> None:
    own = load("slack", {"access_token": "xoxb-own"})
    assert asked(own, HELLO).headers["authorization"] == "Bearer xoxb-own"
    assert asked(own, HELLO, TOKEN).headers["authorization"] == "Bearer xoxb-1"
    assert isinstance(outcome(SLACK, HELLO), Refused)


def test_a_user_is_looked_up_by_the_email_address() -> None:
    sending = SLACK.send(Chat({"email": "jane@example.com"}, "Hi"), Envelope(ID, ID, TOKEN))
    lookup = next(sending)
    assert lookup == HttpRequest(
        "GET",
        "https://slack.com/api/users.lookupByEmail",
        {"authorization": "Bearer xoxb-1"},
        (("email", "jane@example.com"),),
        carries_message=False,
    )
    posting = sending.send(answer(200, {"ok": True, "user": {"id": "W012A3CDE"}}))
    assert isinstance(posting, HttpRequest)
    assert json.loads(posting.body)["channel"] == "W012A3CDE"


def test_a_user_whom_nobody_knows_is_no_address() -> None:
    unknown = answer(200, {"ok": False, "error": "users_not_found"})
    assert outcome(SLACK, Chat({"email": "a@b.c"}, "Hi"), unknown, connection=TOKEN) == Bounced(
        "the vendor answered 200: users_not_found"
    )
    silent = HttpReply(0, failure="timeout", error="the server did not answer in time")
    assert outcome(SLACK, Chat({"email": "a@b.c"}, "Hi"), silent, connection=TOKEN) == Retry(silent.error)


def said(error: str) -> str:
    return f"the vendor answered 200: {error}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"ok": True, "channel": "C123", "ts": "1503435956.000247"}, Sent("1503435956.000247", {"channel_id": "C123"})),
        ({"ok": False, "error": "invalid_auth"}, Refused(said("invalid_auth"))),
        ({"ok": False, "error": "account_inactive"}, Refused(said("account_inactive"))),
        ({"ok": False, "error": "msg_too_long"}, Refused(said("msg_too_long"))),
        ({"ok": False, "error": "channel_not_found"}, Bounced(said("channel_not_found"))),
        ({"ok": False, "error": "is_archived"}, Bounced(said("is_archived"), is_gone=True)),
        ({"ok": False, "error": "ratelimited"}, Retry(said("ratelimited"))),
        ({"ok": False, "error": "fatal_error"}, Unknown(said("fatal_error"))),
        ({}, Unknown("the vendor answered 200")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(body: object, expected: SendOutcome) -> None:
    assert outcome(SLACK, HELLO, answer(200, body), connection=TOKEN) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    reply = answer(429, {"ok": False, "error": "ratelimited"}, retry_after="30")
    assert outcome(SLACK, HELLO, reply, connection=TOKEN) == Retry("the vendor answered 429: ratelimited", 30.0)


def test_an_incoming_webhook_gets_the_message_alone() -> None:
    request = asked(SLACK, HOOK, URL)
    assert (request.method, request.url, request.body) == ("POST", URL.url, b'{"text":"Hello"}')
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b"ok", Sent()),
        (400, b"invalid_payload", Refused("the vendor answered 400: invalid_payload")),
        (403, b"action_prohibited", Refused("the vendor answered 403: action_prohibited")),
        (404, b"no_service", Bounced("the vendor answered 404: no_service", is_gone=True)),
        (410, b"channel_is_archived", Bounced("the vendor answered 410: channel_is_archived", is_gone=True)),
        (500, b"<html>rollup", Unknown("the vendor answered 500")),
    ],
)
def test_a_webhook_answers_with_one_word(status: int, body: bytes, expected: SendOutcome) -> None:
    assert outcome(SLACK, HOOK, answer(status, body), connection=URL) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/T",
        "https://hooks.slack.com.evil.test/services/T",
        "https://169.254.169.254/latest/meta-data",
        "https://hooks.slack.com:8080/",
        "https://hooks.slack.com@10.0.0.1/",
        "https://[",
        "",
    ],
)
def test_a_webhook_leads_to_slack_and_nowhere_else(url: str) -> None:
    refused = outcome(SLACK, HOOK, connection=Connection(url=url))
    assert isinstance(refused, Refused)
    assert url not in refused.reason or not url


def test_who_has_disconnected_gets_nothing() -> None:
    for content in (HELLO, HOOK):
        assert outcome(SLACK, content, connection=None) == Bounced("the recipient's connection was removed")
