"""Apprise, asked for real: `json://` is its address of any HTTP server."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from io import StringIO

import pytest

from doorbell.embedded import free_port
from notify_workers import apprise_client, exchanges
from notify_workers.exchanges import HIDDEN
from notify_workers.providers import AppriseNotification, AppriseReply, Sent, Unknown, load_provider
from tests.notify_workers.http_server import HttpServer, answer, silence
from workflows.content import Chat


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[StringIO]:
    """What the process logs. (pytest itself also listens to loggers that tell nobody.)"""
    caplog.set_level(logging.DEBUG)
    text = StringIO()
    handler = logging.StreamHandler(text)
    logging.getLogger().addHandler(handler)
    yield text
    logging.getLogger().removeHandler(handler)


def notify(server: HttpServer, timeout: float = 5.0) -> AppriseReply:
    return apprise_client.notify(
        AppriseNotification(f"json://user:hunter2@127.0.0.1:{server.port}/hunter2", "Hi", "**Hello**", timeout)
    )


def test_a_message_is_sent(server: HttpServer) -> None:
    assert notify(server) == AppriseReply(is_sent=True)
    (heard,) = server.heard
    said = json.loads(heard.body)
    assert heard.line == "POST /hunter2 HTTP/1.1"
    assert (said["title"], said["message"]) == ("Hi", "**Hello**")


def test_what_a_service_answers_is_told(server: HttpServer) -> None:
    server.will_say(*[answer(status, b"hunter2", connection="close") for status in (404, 429, 500)])
    assert [notify(server).status for _ in range(3)] == [404, 429, 500]


def test_a_status_is_not_taken_for_the_next_ones(server: HttpServer) -> None:
    server.will_say(answer(404, connection="close"))
    notify(server)
    unanswered = apprise_client.notify(AppriseNotification(f"json://127.0.0.1:{free_port()}/", "", "Hi"))
    assert unanswered == AppriseReply(is_sent=False, error="no answer")


def test_a_service_that_says_nothing_is_given_up(server: HttpServer) -> None:
    server.will_say(silence)
    assert notify(server, timeout=0.2) == AppriseReply(is_sent=False, error="no answer")


def test_messages_do_not_wait_for_each_other(server: HttpServer) -> None:
    started = time.monotonic()
    for _ in range(5):
        assert notify(server).is_sent
    assert time.monotonic() - started < 4.0  # Apprise's own pauses would be five times a second, and more


@pytest.mark.parametrize("url", ["", "pigeon://hunter2", "json://", "hunter2"])
def test_an_address_that_is_none_is_told_without_it(url: str) -> None:
    reply = apprise_client.notify(AppriseNotification(url, "", "Hi"))
    assert reply == AppriseReply(is_sent=False, is_malformed=True, error="Apprise does not know such an address")


def test_nothing_secret_is_logged(server: HttpServer, log: StringIO) -> None:
    server.will_say(answer(500, b"hunter2", connection="close"))
    channel = load_provider("apprise", {"urls": f"json://user:hunter2@127.0.0.1:{server.port}/hunter2"})
    outcome, logged = exchanges.send(channel, Chat({}, "Hello").as_json(), "m1")
    assert outcome == Unknown("the vendor answered 500")
    assert logged[0]["request"] == {
        "method": "POST",
        "host": "json",
        "path": f"/{HIDDEN}",
        "query": None,
        "headers": {},
        "body": {"bytes": 5},
    }
    assert logged[0]["response"]["status"] == 500
    assert "hunter2" not in repr(logged) + log.getvalue()
    assert exchanges.send(channel, Chat({}, "Hello").as_json(), "m1")[0] == Sent()
