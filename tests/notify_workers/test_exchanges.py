from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from doorbell.embedded import free_port
from notify_workers import exchanges, http_client
from notify_workers.errors import StoreUnavailable
from notify_workers.exchanges import HIDDEN
from notify_workers.providers import Delivered, HttpReply, HttpRequest, Refused, Retry, Unknown, load_provider
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer
from workflows.content import Call, Sms

Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


def sent(url: str, **settings: Any) -> tuple[Any, list[dict[str, Any]]]:
    """A webhook's outcome and exchanges."""
    headers = {"Authorization": "Bearer hunter2", "Content-Type": "application/json"}
    call = Call("POST", url, headers, (("api_key", "hunter2"), ("n", "hunter2")), '{"pin": "hunter2"}')
    return exchanges.send(load_provider("webhook", {"allow_http": True, **settings}), call.as_json(), "m1")


def test_an_exchange_is_shown_without_secrets_and_without_bodies(server: HttpServer) -> None:
    server.will_say(answer(200, b"hunter2", set_cookie="hunter2", content_type="text/plain"))
    url = server.url("/hook/sign-me?token=hunter2&empty=").replace("http://", "http://user:hunter2@")
    outcome, (logged,) = sent(url, signing_key="sign-me")
    assert outcome == Delivered()
    assert "hunter2" not in repr(logged)
    assert logged["request"] == {
        "method": "POST",
        "host": f"127.0.0.1:{server.port}",
        "path": f"/hook/{HIDDEN}",
        "query": f"token={HIDDEN}&empty={HIDDEN}&api_key={HIDDEN}&n={HIDDEN}",
        "headers": {
            "idempotency-key": "m1",
            "Authorization": HIDDEN,
            "Content-Type": "application/json",
            "x-webhook-signature": HIDDEN,
        },
        "body": {"bytes": 18},
    }
    assert logged["response"] == {
        "status": 200,
        "headers": {"content-length": HIDDEN, "set-cookie": HIDDEN, "content-type": "text/plain"},
        "body": {"bytes": 7, "error": None},
    }


def test_what_comes_back_is_written_as_the_database_takes_it(server: HttpServer) -> None:
    server.will_say(answer(200, content_type="text/\0plain"))
    _, (logged,) = sent(server.url())
    assert "\0" not in repr(logged)
    assert logged["response"]["headers"]["content-type"] == "text/plain"


def test_a_lost_answer_leaves_the_outcome_unknown(server: HttpServer) -> None:
    server.will_say(HANG_UP)
    outcome, (logged,) = sent(server.url())
    assert isinstance(outcome, Unknown)
    assert (logged["response"]["status"], logged["response"]["body"]["error"]) == (0, outcome.reason)


def test_a_server_that_is_not_there_is_no_mystery() -> None:
    outcome, (logged,) = sent(f"http://127.0.0.1:{free_port()}/")
    assert outcome == Retry("the server cannot be reached: Connection refused")
    assert logged["response"]["body"]["error"] == outcome.reason


def test_a_request_ends_before_the_lease_does(monkeypatch: pytest.MonkeyPatch, stores: Any) -> None:
    timeouts = []

    def perform(request: HttpRequest) -> HttpReply:
        timeouts.append(request.timeout)
        return HttpReply(200)

    monkeypatch.setattr(http_client, "perform", perform)
    for seconds in (5.0, 50.0, 500.0):
        sent("http://127.0.0.1/", timeout=seconds)
    assert timeouts == [5.0, 50.0, 0.9 * stores.delivery_lease]


def test_a_content_that_its_provider_cannot_send_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for content in (
        {"kind": "pigeon", "to": "hunter2"},
        {"kind": "http", "url": "hunter2"},
        Sms("hunter2", "").as_json(),
    ):
        outcome, logged = exchanges.send(load_provider("webhook", {}), content, "m1")
        assert isinstance(outcome, Refused)
        assert (outcome.reason.endswith(" while composing the message"), logged) == (True, [])
    assert "hunter2" not in caplog.text


def test_without_the_store_nothing_is_known_of_a_sandboxed_message(database_away: Away) -> None:
    with database_away(), pytest.raises(StoreUnavailable):
        exchanges.send(load_provider("sandbox_sms", {}), Sms("+1555", "Hi").as_json(), "m1")
