"""Outbound webhooks, told to a real HTTP server: bytes, headers, retries, crashes, replays."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hmac import digest
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient
from svix.webhooks import Webhook as Verifier
from svix.webhooks import WebhookVerificationError

from notify_workers import http_client, lifeline, webhooks
from notify_workers.errors import InvalidParams, NotFound
from notify_workers.ids import environment_id
from notify_workers.store import webhooks as store
from notify_workers.store.session import transaction
from notify_workers.store.webhooks import Webhook
from notify_workers.webhook_events import EVENTS
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer, silence
from tests.notify_workers.kill import killed_at, places_of

SECRET = "whsec_" + b64encode(b"0123456789abcdefghijklmnopqrstuv").decode()
JANE = {"id": "jane", "email": "jane@example.com", "name": "Jane"}

Change = Callable[..., None]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as server:
        yield server


def wanting(server: HttpServer, *events: str) -> Webhook:
    return webhooks.add(DEVELOPMENT, server.url(), events, secret=SECRET)


def send(engine: Engine, **request: Any) -> None:
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [JANE], **request)
    engine.drain()
    engine.tick()


def told(server: HttpServer) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in server.heard]


def statuses(engine: Engine) -> list[str]:
    return [each.status for each in engine.rows("select status from webhook_deliveries order by number")]


def attempts(engine: Engine) -> list[Any]:
    return engine.rows("select * from webhook_attempts order by number")


# What is told


def test_a_message_is_told_in_the_words_of_the_api(engine: Engine, api: TestClient, server: HttpServer) -> None:
    wanting(server, "message.sent")
    send(engine, data={"n": 1}, actor="joe", tenant="acme")
    (event,) = told(server)
    message = api.get("/v1/messages").json()["items"][0]
    assert event["data"] == message
    assert (event["__typename"], event["type"], event["event_data"]) == ("Event", "message.sent", None)
    sent = engine.one("select at from message_events where type = 'message.sent'").at
    assert datetime.fromisoformat(event["created_at"]) == sent
    assert "Subject of email_1" not in json.dumps(event)


def test_a_run_is_told_in_the_words_of_the_api(engine: Engine, api: TestClient, server: HttpServer) -> None:
    wanting(server, "workflow_recipient_run.started", "workflow_recipient_run.completed")
    send(engine, actor="joe", tenant="acme", cancellation_key="k")
    started, completed = sorted(told(server), key=lambda event: event["type"], reverse=True)
    assert completed["data"] == api.get("/v1/workflow_recipient_runs").json()["items"][0]
    assert (started["data"]["id"], started["data"]["status"]) == (completed["data"]["id"], "queued")


def test_the_error_of_a_run_is_told_each_time(engine: Engine, server: HttpServer) -> None:
    wanting(server, "workflow_recipient_run.error", "workflow_recipient_run.completed")
    send(engine)
    engine.rows("update recipient_runs set error_count = 1 returning 1")
    engine.tick()
    assert [(each["type"], each["data"]["error_count"]) for each in told(server)] == [
        ("workflow_recipient_run.completed", 0),
        ("workflow_recipient_run.error", 1),
    ]


def test_a_published_resource_is_told_with_its_version(engine: Engine, server: HttpServer) -> None:
    wanting(server, "workflow.updated", "workflow.committed")
    version = engine.publish("welcome", [email_step()])
    engine.publish("welcome", [email_step()])
    engine.set_active("welcome", active=False)
    engine.tick()
    events = sorted(told(server), key=lambda each: (each["data"]["active"] is False, each["type"]))
    assert [(each["type"], each["event_data"]) for each in events] == [
        ("workflow.committed", {"commit_id": str(version)}),
        ("workflow.updated", None),
        ("workflow.updated", None),
    ]
    assert [each["data"]["active"] for each in events] == [True, True, False]
    assert events[0]["data"] | {"created_at": 0, "updated_at": 0, "sha": 0} == {
        "__typename": "Workflow",
        "key": "welcome",
        "name": "welcome",
        "active": True,
        "version_id": str(version),
        "sha": 0,
        "created_at": 0,
        "updated_at": 0,
    }


FACTS: Any = [
    ("message.delivered", {"external_id": "x"}, None),
    ("message.seen", None, None),
    (
        "message.delivery_attempted",
        {"attempt": 1, "max_attempts": 8, "retryable": True, "reason": "r"},
        {"attempt": 1, "max_attempts": 8, "retryable": True},
    ),
    (
        "message.undelivered",
        {"failure_reason": "fatal_error", "failure_details": "d"},
        {"failure_reason": "fatal_error", "failure_details": "d"},
    ),
    (
        "message.bounced",
        {"failure_reason": "bounced", "failure_details": "d"},
        {"failure_reason": "bounced", "failure_details": "d", "token": None},
    ),
    ("message.interacted", {"button": 1}, {"button": 1}),
    ("message.link_clicked", {"url": "https://x.test", "extra": 1}, {"url": "https://x.test"}),
]


@pytest.mark.parametrize(("kind", "raised", "shown"), FACTS)
def test_what_an_event_says_of_itself_is_the_contracts(
    kind: str, raised: Any, shown: Any, engine: Engine, server: HttpServer
) -> None:
    wanting(server, kind)
    send(engine)
    server.heard.clear()
    raise_event(engine, kind, raised)
    engine.tick()
    assert [(each["type"], each["event_data"]) for each in told(server)] == [(kind, shown)]


def raise_event(engine: Engine, kind: str, data: Any = None) -> None:
    engine.rows(
        "insert into message_events (id, message_id, type, data, at)"
        " select 'e', id, :kind, cast(:data as jsonb), engine_now() from messages returning 1",
        kind=kind,
        data=json.dumps(data),
    )


def test_what_a_reader_does_is_told_as_the_api_shows_it(engine: Engine, api: TestClient, server: HttpServer) -> None:
    wanting(server, "message.interacted", "message.unread")
    send(engine)
    path = f"/v1/messages/{engine.one('select id from messages').id}"
    api.put(f"{path}/interacted", json={"metadata": {"button": "ok"}})
    interacted = api.get(path).json()
    api.delete(f"{path}/read")
    engine.tick()
    first, second = sorted(told(server), key=lambda event: event["type"])
    assert (first["type"], first["event_data"], first["data"]) == (
        "message.interacted",
        {"button": "ok"},
        interacted,
    )
    assert (second["type"], second["event_data"], second["data"]) == ("message.unread", None, api.get(path).json())
    assert first["data"]["interacted_at"]
    assert second["data"]["read_at"] is None


def test_an_event_tells_of_the_message_as_it_was_then(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [JANE])
    engine.drain()
    engine.rows("update messages set status = 'bounced' returning 1")
    engine.rows("delete from messages returning 1")
    engine.tick()
    assert [each["data"]["status"] for each in told(server)] == ["sent"]


def test_only_what_is_wanted_is_owed(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.seen")
    off = wanting(server, "message.sent")
    webhooks.change(off.id, enabled=False)
    webhooks.add(environment_id("production"), server.url(), ["message.sent"])
    send(engine)
    assert (engine.count("webhook_deliveries"), server.heard) == (0, [])


def test_the_request_is_signed_both_ways(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    send(engine)
    (heard,) = server.heard
    assert heard.line.startswith("POST /hook ")
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["x-knock-event"] == "message.sent"
    assert heard.headers["x-knock-environment-id"] == str(DEVELOPMENT)
    moment, _, signed = heard.headers["x-knock-signature"].removeprefix("t=").partition(",s=")
    assert signed == b64encode(digest(SECRET.encode(), f"{moment}.".encode() + heard.body, "sha256")).decode()
    assert abs(int(moment) / 1000 - time.time()) < 60
    standard = {name: heard.headers[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    Verifier(SECRET).verify(heard.body, standard)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(heard.body + b" ", standard)
    assert heard.headers["webhook-id"] == str(engine.one("select id from webhook_deliveries").id)


# How it is told


REFUSALS: Any = [answer(302, location="/elsewhere"), answer(400), answer(404), answer(500), HANG_UP]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_is_not_taken_is_told_again_by_the_same_id(refusal: bytes, engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    server.will_say(refusal)
    send(engine)
    assert (statuses(engine), len(server.heard)) == (["owed"], 1)
    engine.advance(minutes=3)
    assert (statuses(engine), len(server.heard)) == (["delivered"], 2)
    first, second = server.heard
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert [each.attempt for each in attempts(engine)] == [1, 2]
    assert engine.count("due") == 0


def test_eight_attempts_then_it_is_given_up(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    server.will_say(*[answer(400, b"no, \0 thanks")] * 20)
    send(engine)
    for _ in range(20):
        engine.advance(hours=3)
    assert (statuses(engine), len(server.heard), engine.count("due")) == (["failed"], 8, 0)
    last = attempts(engine)[-1]
    assert (last.attempt, last.status_code, last.error) == (8, 400, "the endpoint answered 400")
    assert last.response == "no,  thanks"
    assert last.milliseconds is not None


def test_the_attempts_fill_the_window(change_settings: Change) -> None:
    change_settings(webhook_window=1270.0)
    assert 7.5 <= webhooks.backoff(1) <= 12.5
    assert 480 <= webhooks.backoff(7) <= 800


def test_an_endpoint_that_is_silent_is_waited_for_no_longer_than_the_setting(
    engine: Engine, server: HttpServer, change_settings: Change
) -> None:
    change_settings(webhook_timeout=0.2)
    wanting(server, "message.sent")
    server.will_say(silence)
    send(engine)
    (made,) = attempts(engine)
    assert (made.status_code, made.error) == (None, "the server did not answer in time")
    assert made.milliseconds < 5000


def test_an_attempt_in_hand_is_nobody_elses(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    send_without_telling(engine)
    due_id = engine.one("select id from due where kind = 'webhook'").id
    engine.rows("update due set leased_until = clock_timestamp() + interval '1 minute' returning 1")
    webhooks.deliver(due_id)
    assert server.heard == []
    engine.expire_leases()
    webhooks.deliver(due_id)
    webhooks.deliver(due_id)
    assert (len(server.heard), statuses(engine)) == (1, ["delivered"])


def send_without_telling(engine: Engine) -> None:
    engine.publish("welcome", [email_step()])
    engine.trigger("welcome", [JANE])
    engine.drain()


def test_a_bell_before_its_time_changes_nothing(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    server.will_say(answer(500))
    send(engine)
    webhooks.deliver(engine.one("select id from due").id)
    assert len(server.heard) == 1
    engine.advance(minutes=3)
    assert len(server.heard) == 2


def test_killed_anywhere_it_is_told_in_the_end(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.seen")
    send_without_telling(engine)

    def due_id() -> int:
        raise_event(engine, "message.seen")
        return int(engine.one("select max(id) as id from due where kind = 'webhook'").id)

    first = due_id()
    places = places_of(lambda: webhooks.deliver(first))
    own = [each for each in places if len(each) <= 3]
    for place in own:
        owed = due_id()
        killed_at(place, lambda owed=owed: webhooks.deliver(owed))  # type: ignore[misc]
    engine.expire_leases()
    engine.advance(seconds=30)
    assert set(statuses(engine)) == {"delivered"}
    assert {each.headers["webhook-id"] for each in server.heard} == {
        str(each.id) for each in engine.rows("select id from webhook_deliveries")
    }
    assert len(own) > 20
    assert engine.count("due") == 0


def test_attempts_that_were_cut_off_count(engine: Engine, server: HttpServer, change_settings: Change) -> None:
    change_settings(webhook_attempts=2)
    wanting(server, "message.sent")
    send_without_telling(engine)
    due_id = engine.one("select id from due where kind = 'webhook'").id
    for _ in range(2):
        with transaction() as tx:
            tx.run(text("update due set leased_until = null"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(http_client, "perform", dies)
            with pytest.raises(KeyboardInterrupt):
                webhooks.deliver(due_id)
    engine.expire_leases()
    webhooks.deliver(due_id)
    assert (server.heard, statuses(engine), engine.count("due")) == ([], ["failed"], 0)
    assert [each.finished_at for each in attempts(engine)] == [None, None]


def dies(_: object) -> None:
    raise KeyboardInterrupt


def test_who_is_slower_than_the_lease_does_not_undo_a_success(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    send_without_telling(engine)
    due_id = engine.one("select id from due where kind = 'webhook'").id

    def slow(request: Any) -> Any:
        """While it waits for its answer, which is a failure, somebody else takes over and succeeds."""
        patch.undo()
        engine.expire_leases()
        webhooks.deliver(due_id)
        server.will_say(answer(500))
        return http_client.perform(request)

    patch = pytest.MonkeyPatch()
    patch.setattr(http_client, "perform", slow)
    webhooks.deliver(due_id)
    assert (statuses(engine), engine.count("due")) == (["delivered"], 0)
    assert sorted(each.status_code for each in attempts(engine)) == [200, 500]


# Many


def test_many_events_at_once_are_all_told(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.seen")
    send_without_telling(engine)
    engine.rows(
        "insert into message_events (id, message_id, type, at) select 'e' || n, m.id, 'message.seen', engine_now()"
        " from messages m, generate_series(1, 400) n returning 1"
    )
    assert engine.one("select count(*) as n from due where kind = 'webhook'").n == 400
    server.will_say(*[answer(503)] * 5)
    engine.tick()
    engine.advance(minutes=5)
    assert engine.one("select count(*) as n from webhook_deliveries where status = 'delivered'").n == 400
    assert len({each.headers["webhook-id"] for each in server.heard}) == 400


def test_an_endpoint_that_is_down_is_asked_once_a_pause(
    engine: Engine, server: HttpServer, change_settings: Change
) -> None:
    change_settings(webhook_failures=3, webhook_pause=60.0, webhook_window=3600.0)
    wanting(server, "message.seen")
    send_without_telling(engine)
    server.will_say(*[answer(503)] * 4)
    for _ in range(20):
        raise_event(engine, "message.seen")
    engine.tick()
    assert len(server.heard) == 3
    engine.advance(seconds=80)
    assert len(server.heard) == 4
    engine.advance(seconds=80)
    engine.advance(minutes=30)
    assert engine.one("select count(*) as n from webhook_deliveries where status = 'delivered'").n == 20
    assert engine.one("select failures, paused_until from webhooks") == (0, None)


def test_an_endpoint_that_stays_down_loses_its_events_after_the_window(
    engine: Engine, server: HttpServer, change_settings: Change
) -> None:
    change_settings(webhook_failures=3, webhook_pause=60.0, webhook_window=600.0)
    wanting(server, "message.seen")
    send_without_telling(engine)
    server.will_say(*[answer(503)] * 1000)
    for _ in range(20):
        raise_event(engine, "message.seen")
    for _ in range(30):
        engine.advance(seconds=60)
    assert (set(statuses(engine)), engine.count("due")) == ({"failed"}, 0)
    assert len(server.heard) < 40


def test_refusals_pause_nobody(engine: Engine, server: HttpServer, change_settings: Change) -> None:
    change_settings(webhook_failures=1)
    wanting(server, "message.sent")
    server.will_say(answer(401))
    send(engine)
    assert engine.one("select failures from webhooks").failures == 0


# What becomes of it when somebody intervenes


@pytest.mark.parametrize("end", ["removed", "disabled"])
def test_what_is_owed_to_a_webhook_that_is_gone_is_dropped(end: str, engine: Engine, server: HttpServer) -> None:
    webhook = wanting(server, "message.sent")
    send_without_telling(engine)
    webhooks.remove(webhook.id) if end == "removed" else webhooks.change(webhook.id, enabled=False)
    engine.tick()
    assert (server.heard, statuses(engine), engine.count("due")) == ([], ["dropped"], 0)


def test_a_delivery_is_replayed_by_the_same_id(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    send(engine)
    (made,) = engine.rows("select id from webhook_deliveries")
    webhooks.replay(made.id)
    with pytest.raises(InvalidParams):
        webhooks.replay(made.id)
    engine.tick()
    first, second = server.heard
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert [each.attempt for each in attempts(engine)] == [1, 1]
    with transaction() as tx:
        assert [each.status_code for each in store.attempts(tx, made.id)] == [200, 200]


def test_everything_that_failed_since_a_time_is_replayed(
    engine: Engine, server: HttpServer, change_settings: Change
) -> None:
    change_settings(webhook_attempts=1)
    webhook = wanting(server, "message.seen")
    send_without_telling(engine)
    start = datetime.now(UTC)
    server.will_say(*[answer(400)] * 4)
    for _ in range(4):
        raise_event(engine, "message.seen")
        engine.advance(hours=1)
    assert statuses(engine) == ["failed"] * 4
    assert webhooks.replay_failed(webhook.id, start + timedelta(hours=1, minutes=30)) == 2
    assert webhooks.replay_failed(webhook.id, start - timedelta(days=1)) == 2
    engine.tick()
    assert statuses(engine) == ["delivered"] * 4


def test_the_log_is_read_in_pages_and_forgotten_in_time(engine: Engine, server: HttpServer) -> None:
    webhook = wanting(server, "message.seen")
    send_without_telling(engine)
    for _ in range(3):
        raise_event(engine, "message.seen")
    engine.tick()
    with transaction() as tx:
        newest, older = store.deliveries(tx, webhook.id, limit=2)
        (oldest,) = store.deliveries(tx, webhook.id, before=older.number, limit=2)
        assert newest.number > older.number > oldest.number
        assert store.deliveries(tx, webhook.id, status="failed", limit=2) == []
    engine.advance(days=29)
    lifeline.look()
    assert engine.count("webhook_deliveries") == 3
    engine.advance(days=2)
    lifeline.look()
    assert (engine.count("webhook_deliveries"), engine.count("webhook_attempts")) == (0, 0)


WRONG: Any = [
    ({"url": "ftp://x.test"}, "url"),
    ({"url": "https://"}, "url"),
    ({"url": "https://joe:secret@x.test"}, "url"),
    ({"url": "https://x.test/a b"}, "url"),
    ({"url": "https://x.test/\0"}, "url"),
    ({"url": "https://x.test/\ud800"}, "url"),
    ({"url": "https://[x"}, "url"),
    ({"url": "https://x.test:99999"}, "url"),
    ({"url": "https://x.test/" + "a" * 2000}, "url"),
    ({"events": []}, "events"),
    ({"events": ["message.queued"]}, "events"),
    ({"secret": "secret"}, "secret"),
    ({"secret": "whsec_ä"}, "secret"),
    ({"secret": "whsec_" + b64encode(b"short").decode()}, "secret"),
]


@pytest.mark.parametrize(("wrong", "field"), WRONG)
def test_a_webhook_that_cannot_work_is_refused(wrong: Any, field: str, engine: Engine) -> None:
    right: Any = {"url": "http://10.0.0.1:8080/hook?a=1", "events": ["message.sent"], "secret": SECRET}
    with pytest.raises(InvalidParams) as refused:
        webhooks.add(DEVELOPMENT, **(right | wrong))
    assert [each["field"] for each in refused.value.errors] == [field]
    assert engine.count("webhooks") == 0
    made = webhooks.add(DEVELOPMENT, right["url"], list(EVENTS))
    with pytest.raises(InvalidParams):
        webhooks.change(made.id, **wrong)


def test_what_there_is_not_cannot_be_changed(engine: Engine) -> None:
    nobody = UUID(int=7)
    for door in (webhooks.change, webhooks.remove, webhooks.replay):
        with pytest.raises(NotFound):
            door(nobody)
    with pytest.raises(NotFound):
        webhooks.replay_failed(nobody, datetime.now(UTC))


def test_a_webhook_gets_a_secret_of_its_own(engine: Engine) -> None:
    made = [webhooks.add(DEVELOPMENT, "https://x.test", ["message.sent", "message.sent"]) for _ in range(2)]
    assert made[0].secret != made[1].secret
    assert made[0].events == ["message.sent"]
    Verifier(made[0].secret)


def test_a_delivery_that_was_purged_is_owed_no_more(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")
    send_without_telling(engine)
    engine.rows("delete from webhook_deliveries returning 1")
    engine.tick()
    assert (server.heard, engine.count("due")) == ([], 0)


def test_a_delivery_that_is_purged_while_it_is_told_leaves_nothing(engine: Engine, server: HttpServer) -> None:
    wanting(server, "message.sent")

    def purge(server: HttpServer, connection: Any) -> None:
        engine.rows("delete from webhook_deliveries returning 1")
        connection.sendall(answer(500))

    server.will_say(purge)
    send(engine)
    engine.expire_leases()
    engine.advance(minutes=1)
    assert (len(server.heard), engine.count("due"), engine.count("webhook_attempts")) == (1, 0, 0)
