"""Messages of every channel type, from the trigger to the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from notify_workers import http_client
from notify_workers.ids import channel_id
from notify_workers.queue import Bell
from notify_workers.store import deliveries
from notify_workers.store.deliveries import Attempt
from notify_workers.store.session import transaction
from tests.channels import KEYS, REACHABLE, configure_webhook, step
from tests.engine import Engine
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


def notify(engine: Engine, *channel_types: str, recipient: Any = REACHABLE, **template: Any) -> None:
    engine.publish("hello", [step(each, **template) for each in channel_types])
    engine.trigger("hello", [recipient])
    engine.drain()


def outbox(engine: Engine) -> dict[str, Any]:
    """Payloads by channel, without what every one has."""
    rows = engine.rows("select channel_key, payload - 'idempotency_key' as payload from outbox")
    return {row.channel_key: row.payload for row in rows}


def attempts(engine: Engine) -> list[Attempt]:
    with transaction() as tx:
        return deliveries.attempts(tx, engine.one("select id from messages").id)


def test_every_sandbox_channel_keeps_what_it_would_have_sent(engine: Engine) -> None:
    notify(engine, *KEYS)
    found = {row.channel_type: row.status for row in engine.rows("select channel_type, status from messages")}
    assert found == {"sms": "sent", "push": "sent", "chat": "sent", "in_app_feed": "delivered", "http": "delivered"}
    assert outbox(engine) == {
        "sms": {"to": "+15550001", "body": "Hello Jane", "overrides": {}},
        "push": {
            "token": "token-1",
            "title": "Hello",
            "body": "Jane",
            "is_silent": False,
            "overrides": {"sound": "ding"},
        },
        "chat": {
            "connection": {"channel_id": "C1"},
            "markdown": "**Hello** Jane",
            "json_content": None,
            "summary": "A greeting",
        },
        "webhook": {
            "method": "POST",
            "url": "https://api.test/jane",
            "headers": {"Authorization": "Bearer hunter2", "X-A": "1"},
            "query_params": [["key", "v&"]],
            "body": '{"name": "Jane"}',
        },
    }


def test_a_token_never_reaches_a_content(engine: Engine) -> None:
    notify(engine, "chat")
    written = engine.rows("select m::text as row from messages m union all select o::text from outbox o")
    assert len(written) == 2
    assert not any("xoxb-hunter2" in each.row for each in written)


def test_what_a_recipient_lacks_is_the_reason_why_there_is_no_message(engine: Engine) -> None:
    notify(engine, *(each for each in KEYS if each != "http"), recipient={"collection": "projects", "id": "1"})
    assert (engine.count("messages"), engine.count("outbox")) == (0, 0)
    found = [entry for row in engine.rows("select entries from run_log order by number") for entry in row.entries]
    assert [entry["data"]["reason"] for entry in found if entry["event"] == "step_skipped"] == [
        "recipient has no phone number",
        "recipient has no push token for channel `push`",
        "recipient has no connection for channel `chat`",
        "an object has no in-app feed",
    ]


def test_each_device_and_each_connection_gets_a_message_of_its_own(engine: Engine) -> None:
    devices = {"tokens": ["a", "b"], "devices": [{"token": "c", "locale": "en"}]}
    connections = {"connections": [{"channel_id": "C1"}, {"user_id": "U1"}]}
    channel_data = {str(channel_id("push")): devices, str(channel_id("chat")): connections}
    notify(engine, "push", "chat", recipient={"id": "jane", "channel_data": channel_data})
    sent = engine.rows("select payload from outbox where channel_type = 'push'")
    assert sorted(row.payload["token"] for row in sent) == ["a", "b", "c"]
    assert engine.one("select count(*) as n from outbox where channel_type = 'chat'").n == 2


def test_an_attempt_made_again_is_written_down_once(engine: Engine) -> None:
    engine.publish("hello", [step("sms")])
    engine.trigger("hello", [REACHABLE])
    (bell,) = [each for each in bells_until_delivery(engine) if each.task == "deliver"]
    with transaction() as tx:  # the attempt was begun, and its worker is gone
        tx.run(
            text(
                "insert into delivery_attempts (id, message_id, attempt, provider, idempotency_key, started_at)"
                " select 'a', message_id, 1, '', message_id, now() from due where kind = 'delivery'"
            )
        )
    engine.answer(bell)
    engine.tick()
    assert [each.outcome for each in attempts(engine)] == ["unknown", "sent"]
    assert engine.count("outbox") == 1


def bells_until_delivery(engine: Engine) -> list[Bell]:
    while bells := list(engine.bells()):
        if any(bell.task == "deliver" for bell in bells):
            return bells
        for bell in bells:
            engine.answer(bell)
    raise AssertionError("nothing is to be delivered")


# Webhooks to a server


def hook(engine: Engine, server: HttpServer, **settings: Any) -> None:
    configure_webhook(**settings)
    notify(engine, "http", url=server.url("/{{ recipient.id }}"))


def test_a_webhook_is_delivered_by_a_2xx(engine: Engine, server: HttpServer) -> None:
    server.will_say(answer(204))
    hook(engine, server, signing_key="key")
    message = engine.one("select id, status from messages")
    (heard,) = server.heard
    assert (heard.line, json.loads(heard.body)) == ("POST /jane?key=v%26 HTTP/1.1", {"name": "Jane"})
    assert (heard.headers["idempotency-key"], heard.headers["authorization"]) == (message.id, "Bearer hunter2")
    assert heard.headers["x-webhook-signature"].startswith("t=")
    assert message.status == "delivered"
    (attempt,) = attempts(engine)
    assert (attempt.outcome, attempt.provider) == ("delivered", "webhook")
    assert "hunter2" not in repr(attempt)


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_webhook_that_is_not_wanted_is_not_sent_again(status: int, engine: Engine, server: HttpServer) -> None:
    server.will_say(answer(status))
    hook(engine, server)
    assert (engine.one("select status from messages").status, engine.count("due")) == ("undelivered", 0)


def test_a_webhook_comes_back_when_the_server_asks_it_to(engine: Engine, server: HttpServer) -> None:
    server.will_say(answer(503, retry_after="600"))
    hook(engine, server)
    (attempt,) = attempts(engine)
    due_at = engine.one("select due_at from due").due_at
    assert attempt.finished_at is not None
    assert due_at - attempt.finished_at == timedelta(seconds=600)
    engine.advance(minutes=10)
    assert [each.outcome for each in attempts(engine)] == ["retry", "delivered"]
    assert len({heard.headers["idempotency-key"] for heard in server.heard}) == 1


@pytest.mark.parametrize(
    ("policy", "requests", "status"), [("retry", 2, "delivered"), ("hold", 1, "delivery_attempted")]
)
def test_after_a_lost_answer_the_channel_decides(
    policy: str, requests: int, status: str, engine: Engine, server: HttpServer
) -> None:
    server.will_say(HANG_UP)
    hook(engine, server, on_unknown=policy)
    engine.advance(minutes=1)
    engine.release()
    assert attempts(engine)[0].outcome == "unknown"
    assert (len(server.heard), engine.one("select status from messages").status) == (requests, status)


def test_a_webhook_that_may_not_be_sent_is_undelivered_with_the_reason(engine: Engine, server: HttpServer) -> None:
    hook(engine, server, allow_http=False)
    assert server.heard == []
    (attempt,) = attempts(engine)
    assert (attempt.outcome, attempt.reason) == ("refused", "the URL must begin with https://")


def test_a_channel_that_becomes_a_real_one_sends_what_was_made_for_the_sandbox(
    engine: Engine, server: HttpServer
) -> None:
    engine.publish("hello", [step("http", url=server.url())])
    engine.trigger("hello", [REACHABLE])
    bells = bells_until_delivery(engine)
    configure_webhook()
    for bell in bells:
        engine.answer(bell)
    assert (len(server.heard), engine.count("outbox")) == (1, 0)
