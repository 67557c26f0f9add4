from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from notify_workers import access_tokens, exchanges, http_client
from notify_workers.providers import Connection, HttpReply, HttpRequest, Sent, TokenReply, TokenRequest, load_provider
from workflows.content import Chat

LOGIN = HttpRequest("POST", "https://login.test/token", body=b"client_secret=hunter2")


@pytest.fixture(autouse=True)
def _no_tokens() -> Iterator[None]:
    access_tokens.forget_all()
    yield
    access_tokens.forget_all()


class Vendor:
    """Hands out a new token each time."""

    def __init__(self, expires_in: Any = 3600) -> None:
        self.asked = 0
        self.expires_in = expires_in

    def __call__(self, _request: HttpRequest) -> HttpReply:
        self.asked += 1
        return HttpReply(200, body=b'{"access_token": "t%d", "expires_in": %a}' % (self.asked, self.expires_in))


def find(vendor: Vendor, *key: str, is_renewed: bool = False) -> str:
    return access_tokens.find(TokenRequest(key, LOGIN, is_renewed), vendor).token


def test_a_token_is_kept_for_who_asked_for_it() -> None:
    vendor = Vendor()
    assert [find(vendor, "a", "s"), find(vendor, "a", "s"), find(vendor, "a", "other secret")] == ["t1", "t1", "t2"]


def test_a_token_that_is_not_taken_any_more_is_replaced() -> None:
    vendor = Vendor()
    assert [find(vendor, "a"), find(vendor, "a", is_renewed=True), find(vendor, "a")] == ["t1", "t2", "t2"]


def test_a_token_is_not_used_until_its_last_minute() -> None:
    vendor = Vendor(expires_in=30)
    assert [find(vendor, "a"), find(vendor, "a")] == ["t1", "t2"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"access_token": 1}', b"\xff", b'{"error": "invalid_client"}'])
def test_an_answer_without_a_token_is_told(body: bytes) -> None:
    answer = HttpReply(200, body=body)
    assert access_tokens.find(TokenRequest(("a",), LOGIN), lambda _: answer) == TokenReply("", answer)


def test_a_refusal_is_told_even_with_a_token() -> None:
    answer = HttpReply(400, body=b'{"access_token": "t1"}')
    assert access_tokens.find(TokenRequest(("a",), LOGIN), lambda _: answer).token == ""


def test_only_who_was_asked_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = Vendor()

    def perform(request: HttpRequest) -> HttpReply:
        is_login = request.url.endswith("/oauth2/v2.0/token")
        return vendor(request) if is_login else HttpReply(201, body=b'{"activityId": "1"}')

    monkeypatch.setattr(http_client, "perform", perform)
    bot = load_provider("ms_teams", {"client_id": "app-1", "client_secret": "hunter2"})
    content = Chat({"ms_teams_channel_id": "19:c"}, "Hi").as_json()
    found = [exchanges.send(bot, content, "m1", Connection(tenant_id="t")) for _ in range(2)]
    assert [outcome for outcome, _ in found] == [Sent("1"), Sent("1")]
    assert [[each["request"]["path"] for each in logged] for _, logged in found] == [
        ["/botframework.com/oauth2/v2.0/token", "/teams/v3/conversations"],
        ["/teams/v3/conversations"],
    ]
    assert "hunter2" not in repr(found)
    assert "t1" not in repr([each["response"] for _, logged in found for each in logged])
