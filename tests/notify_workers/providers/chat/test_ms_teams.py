"""Teams, played after https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

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
    TokenReply,
    TokenRequest,
    Unknown,
)
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Chat

TEAMS = load("ms_teams", {"client_id": "app-1", "client_secret": "hunter2"})
CHANNEL = Chat({"ms_teams_team_id": "t", "ms_teams_channel_id": "19:c@thread.tacv2"}, "**Hello**", summary="Hi")
USER = Chat({"ms_teams_user_id": "aad-1"}, "**Hello**")
CUSTOMER = Connection(tenant_id="tenant-1")
TOKEN = TokenReply("eyJ", HttpReply(200))
CARD = {"type": "AdaptiveCard", "version": "1.5", "body": []}
SHOWN = [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": CARD}]


def play(content: Chat, *replies: Any) -> list[Any]:
    """What the bot asks for."""
    sending = TEAMS.send(content, Envelope(ID, ID, CUSTOMER))
    found: list[Any] = [next(sending)]
    found += [sending.send(each) for each in replies]
    return found


def test_a_bot_identifies_itself_first() -> None:
    (wanted,) = play(CHANNEL)
    assert isinstance(wanted, TokenRequest)
    assert (wanted.request.method, wanted.request.url) == (
        "POST",
        "https://login.microsoftonline.com/botframework.com/oauth2/v2.0/token",
    )
    assert wanted.request.headers == {"content-type": "application/x-www-form-urlencoded"}
    assert parse_qs(wanted.request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["app-1"],
        "client_secret": ["hunter2"],
        "scope": ["https://api.botframework.com/.default"],
    }
    assert not wanted.request.carries_message


def test_a_channel_gets_a_conversation_that_begins_with_the_message() -> None:
    _, request = play(CHANNEL, TOKEN)
    assert isinstance(request, HttpRequest)
    assert (request.method, request.url) == ("POST", "https://smba.trafficmanager.net/teams/v3/conversations")
    assert request.headers == {"authorization": "Bearer eyJ", "content-type": "application/json"}
    assert json_body(request) == {
        "bot": {"id": "28:app-1"},
        "tenantId": "tenant-1",
        "isGroup": True,
        "channelData": {"channel": {"id": "19:c@thread.tacv2"}, "tenant": {"id": "tenant-1"}},
        "activity": {"type": "message", "textFormat": "markdown", "text": "**Hello**", "summary": "Hi"},
    }


def test_a_user_gets_a_conversation_and_then_the_message() -> None:
    _, opening, _, posting = play(USER, TOKEN, answer(201, {"id": "a:1/2"}), TOKEN)
    assert json_body(opening)["members"] == [{"id": "aad-1"}]
    assert "activity" not in json_body(opening)
    assert not opening.carries_message
    assert posting.url == "https://smba.trafficmanager.net/teams/v3/conversations/a%3A1%2F2/activities"
    assert json_body(posting) == {"type": "message", "textFormat": "markdown", "text": "**Hello**"}
    assert posting.carries_message


def test_an_adaptive_card_is_attached() -> None:
    _, request = play(Chat(CHANNEL.connection, json_content=CARD), TOKEN)
    assert json_body(request)["activity"] == {"type": "message", "attachments": SHOWN}


def test_a_token_that_is_not_taken_is_renewed_once() -> None:
    denied = answer(401, {"error": {"code": "Unauthorized", "message": "Token expired"}})
    *_, again = play(CHANNEL, TOKEN, denied)
    assert isinstance(again, TokenRequest)
    assert again.is_renewed
    assert outcome(TEAMS, CHANNEL, TOKEN, denied, TOKEN, denied, connection=CUSTOMER) == Refused(
        "the vendor answered 401: Token expired"
    )


def test_without_a_token_nothing_is_sent() -> None:
    wrong = TokenReply("", answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215"}))
    assert outcome(TEAMS, CHANNEL, wrong, connection=CUSTOMER) == Refused("the vendor answered 401: AADSTS7000215")
    silent = TokenReply("", HttpReply(0, failure="timeout", error="no answer"))
    assert outcome(TEAMS, CHANNEL, silent, connection=CUSTOMER) == Retry("no answer")


def failure(code: str) -> dict[str, object]:
    return {"error": {"code": code, "message": "Words"}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, {"id": "19:c;messageid=1", "activityId": "1"}, Sent("1")),
        (403, failure("MessageWritesBlocked"), Bounced("the vendor answered 403: MessageWritesBlocked")),
        (404, failure("ConversationNotFound"), Bounced("the vendor answered 404: ConversationNotFound", is_gone=True)),
        (400, failure("BadSyntax"), Refused("the vendor answered 400: Words")),
        (413, failure("MessageSizeTooBig"), Refused("the vendor answered 413: Words")),
        (502, failure("ServiceError"), Unknown("the vendor answered 502: Words")),
        (201, {}, Unknown("the vendor answered 201")),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, body: object, expected: SendOutcome) -> None:
    assert outcome(TEAMS, CHANNEL, TOKEN, answer(status, body), connection=CUSTOMER) == expected


def test_a_limit_is_waited_for_as_long_as_the_vendor_says() -> None:
    for content in (CHANNEL, USER):
        assert outcome(TEAMS, content, TOKEN, answer(429, {}, retry_after="7"), connection=CUSTOMER) == Retry(
            "the vendor answered 429", 7.0
        )


HOOK = Chat({"incoming_webhook": {"url": "https://acme.webhook.office.com/…1"}}, "**Hello**")
URL = Connection(url="https://acme.webhook.office.com/webhookb2/1@2/IncomingWebhook/3")


def test_a_webhook_gets_markdown_as_a_card() -> None:
    request = asked(TEAMS, HOOK, URL)
    assert (request.url, request.headers) == (URL.url, {"content-type": "application/json"})
    assert json.loads(request.body) == {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [{"type": "TextBlock", "text": "**Hello**", "wrap": True}],
                },
            }
        ],
    }


def test_a_webhook_gets_other_json_as_it_is() -> None:
    message_card = {"@type": "MessageCard", "text": "Hi"}
    assert json_body(asked(TEAMS, Chat(HOOK.connection, json_content=message_card), URL)) == message_card
    assert json_body(asked(TEAMS, Chat(HOOK.connection, json_content=CARD), URL))["attachments"] == SHOWN


SAID = b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error %d with ContextId 1"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(200, b"1"), Sent()),
        (answer(202), Sent()),
        (answer(200, SAID % 429), Retry("the vendor answered 429")),
        (answer(200, SAID % 413), Refused("the vendor answered 413")),
        (answer(404, b""), Bounced("the vendor answered 404: there is no such webhook", is_gone=True)),
        (answer(400, b"Bad payload"), Refused("the vendor answered 400")),
        (answer(500), Unknown("the vendor answered 500")),
    ],
)
def test_a_webhook_may_report_an_error_in_a_success(reply: HttpReply, expected: SendOutcome) -> None:
    assert outcome(TEAMS, HOOK, reply, connection=URL) == expected


def test_what_is_not_connected_gets_nothing() -> None:
    assert outcome(TEAMS, CHANNEL, connection=None) == Bounced("the recipient's connection was removed")
    assert isinstance(outcome(TEAMS, CHANNEL), Refused)
    assert isinstance(outcome(load("ms_teams", {}), CHANNEL, connection=CUSTOMER), Refused)
    assert isinstance(outcome(TEAMS, Chat({"channel_id": "C1"}, "Hi"), connection=CUSTOMER), Bounced)
    assert isinstance(outcome(TEAMS, HOOK, connection=Connection(url="https://office.com.evil.test/")), Refused)
