"""Chat messages from the trigger to the vendor: whose secrets they use, and where these never are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from notify_workers import channel_data, exchanges, http_client, resources
from notify_workers.exchanges import HIDDEN
from notify_workers.ids import channel_id
from notify_workers.providers import Connection, HttpReply, HttpRequest, Sent, load_provider
from notify_workers.store import deliveries
from notify_workers.store.deliveries import Attempt
from notify_workers.store.environments import set_channel
from notify_workers.store.session import transaction
from tests.channels import REACHABLE, step
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.http_server import Heard, HttpServer, answer
from workflows.content import Chat
from workflows.recipients import USERS, Reference

CHAT = channel_id("chat")
JANE = Reference(USERS, "jane")
ACME = Reference("$tenants", "acme")
PROJECT = {"collection": "projects", "id": "p1"}
SENT = json.dumps({"ok": True, "channel": "C1", "ts": "1503435956.000247"}).encode()


@pytest.fixture
def slack(stores: Any) -> Iterator[HttpServer]:
    """Slack, which takes everything; the channel `chat` sends to it."""
    with HttpServer() as running:
        running.will_say(*[answer(200, SENT)] * 9)
        with resources.configuration() as tx:
            settings = {"api_url": running.url("/api")}
            set_channel(tx, DEVELOPMENT, "chat", name="Slack", type="chat", provider="slack", settings=settings)
        yield running
        http_client.close()


def connect(of: Reference, *connections: dict[str, Any], token: str | None = None) -> None:
    with transaction() as tx:
        data: dict[str, Any] = {"connections": list(connections)}
        if token:
            data["token"] = {"access_token": token}
        channel_data.put(tx, DEVELOPMENT, of, CHAT, data)


def begin(engine: Engine, recipient: Any, *, tenant: str | None = None, **overrides: Any) -> None:
    engine.publish("hello", [{**step("chat"), **({"channel_overrides": overrides} if overrides else {})}])
    engine.trigger("hello", [recipient], **({"tenant": tenant} if tenant else {}))


def tokens(slack: HttpServer) -> list[str]:
    return [heard.headers["authorization"].removeprefix("Bearer ") for heard in slack.heard]


def attempt(engine: Engine) -> Attempt:
    with transaction() as tx:
        (found,) = deliveries.attempts(tx, engine.one("select id from messages").id)
    return found


def body(heard: Heard) -> Any:
    return json.loads(heard.body)


def test_a_message_reaches_slack_and_keeps_slacks_name_for_it(engine: Engine, slack: HttpServer) -> None:
    begin(engine, REACHABLE)
    engine.drain()
    (heard,) = slack.heard
    message = engine.one("select id, status, metadata from messages")
    assert (heard.line, heard.headers["authorization"]) == (
        "POST /api/chat.postMessage HTTP/1.1",
        "Bearer xoxb-hunter2",
    )
    assert body(heard)["channel"] == "C1"
    assert body(heard)["metadata"]["event_payload"] == {"message_id": message.id}
    assert message.status == "sent"
    assert message.metadata["external_id"] == "1503435956.000247"


def test_a_token_is_in_no_message_no_log_and_no_ledger(engine: Engine, slack: HttpServer) -> None:
    begin(engine, REACHABLE)
    engine.drain()
    assert tokens(slack) == ["xoxb-hunter2"]
    for table in ("messages", "delivery_attempts", "message_events", "run_log", "outbox", "due"):
        written = engine.rows(f"select t::text as row from {table} t")
        assert not any("hunter2" in each.row for each in written), table


def test_a_connections_own_token_goes_before_its_owners_and_the_tenants(engine: Engine, slack: HttpServer) -> None:
    connect(ACME, token="of-the-tenant")
    connect(
        Reference("projects", "p1"), {"channel_id": "C1", "access_token": "own"}, {"channel_id": "C2"}, token="owners"
    )
    begin(engine, PROJECT, tenant="acme")
    engine.drain()
    assert {body(each)["channel"]: token for each, token in zip(slack.heard, tokens(slack), strict=True)} == {
        "C1": "own",
        "C2": "owners",
    }


@pytest.mark.parametrize("recipient", [PROJECT, {"id": "jane"}])
def test_the_tenants_token_stands_in_for_a_missing_one(recipient: Any, engine: Engine, slack: HttpServer) -> None:
    connect(ACME, token="of-the-tenant")
    connect(JANE, {"user_id": "U1"})
    connect(Reference("projects", "p1"), {"channel_id": "C1"})
    begin(engine, recipient, tenant="acme")
    engine.drain()
    assert tokens(slack) == ["of-the-tenant"]


def test_another_tenants_token_is_not_used(engine: Engine, slack: HttpServer) -> None:
    connect(Reference("$tenants", "other"), token="of-another")
    connect(JANE, {"user_id": "U1"})
    begin(engine, {"id": "jane"}, tenant="acme")
    engine.drain()
    assert slack.heard == []
    assert attempt(engine).reason == "there is no access token: nobody has connected yet"
    assert engine.one("select status from messages").status == "undelivered"


def test_a_tenant_may_be_the_recipient_itself(engine: Engine, slack: HttpServer) -> None:
    connect(ACME, {"channel_id": "C9"}, token="of-the-tenant")
    begin(engine, {"collection": "$tenants", "id": "acme"})
    engine.drain()
    assert tokens(slack) == ["of-the-tenant"]


def test_a_token_is_read_when_the_message_is_sent(engine: Engine, slack: HttpServer) -> None:
    slack.answers.appendleft(answer(429, b'{"ok": false, "error": "ratelimited"}', retry_after="60"))
    connect(JANE, {"channel_id": "C1"}, token="old")
    begin(engine, {"id": "jane"})
    engine.drain()
    connect(JANE, {"channel_id": "C1"}, token="new")
    engine.advance(minutes=1)
    assert tokens(slack) == ["old", "new"]
    assert engine.one("select status from messages").status == "sent"


def test_who_has_disconnected_meanwhile_gets_nothing(engine: Engine, slack: HttpServer) -> None:
    slack.answers.appendleft(answer(429, b'{"ok": false, "error": "ratelimited"}', retry_after="60"))
    connect(JANE, {"channel_id": "C1"}, token="old")
    begin(engine, {"id": "jane"})
    engine.drain()
    connect(JANE, token="old")
    engine.advance(minutes=1)
    assert tokens(slack) == ["old"]
    event = engine.one("select data from message_events where type = 'message.bounced'")
    assert event.data["failure_details"] == "the recipient's connection was removed"


def test_a_user_is_found_by_the_email_address(engine: Engine, slack: HttpServer) -> None:
    slack.answers.appendleft(answer(200, b'{"ok": true, "user": {"id": "W1"}}'))
    connect(ACME, token="of-the-tenant")
    begin(engine, {"id": "jane", "email": "j@x.test"}, tenant="acme", email_based_user_id_resolution=True)
    engine.drain()
    looked_up, posted = slack.heard
    assert looked_up.line == "GET /api/users.lookupByEmail?email=j%40x.test HTTP/1.1"
    assert body(posted)["channel"] == "W1"
    logged = attempt(engine).exchanges
    assert [each["request"]["path"] for each in logged] == ["/api/users.lookupByEmail", "/api/chat.postMessage"]
    assert "j@x.test" not in repr(logged)


def test_a_webhooks_address_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[HttpRequest] = []

    def perform(request: HttpRequest) -> HttpReply:
        asked.append(request)
        return HttpReply(200, body=b"ok")

    monkeypatch.setattr(http_client, "perform", perform)
    url = "https://hooks.slack.com/services/T0/B0/hunter2"
    content = Chat({"incoming_webhook": {"url": "https://hooks.slack.com/…1"}}, "Hi").as_json()
    outcome, logged = exchanges.send(load_provider("slack", {}), content, "m1", Connection(url=url))
    assert outcome == Sent()
    assert [each.url for each in asked] == [url]
    assert logged[0]["request"]["path"] == f"/{HIDDEN}"
    assert "hunter2" not in repr(logged)
