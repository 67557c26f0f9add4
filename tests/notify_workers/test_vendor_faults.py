"""Vendors that take a message and hang up, that answer too slowly, that are down for a minute.

Nothing is lost, nothing is done twice by a vendor that recognises a repeat, and what cannot be known is called unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notify_workers import http_client
from notify_workers.channel_routes import set_route
from notify_workers.channels import set_channel
from notify_workers.redis_client import client
from tests.channels import step
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer, silence

ChangeSettings = Callable[..., None]
MESSAGES = 12


@pytest.fixture
def vendor() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


@pytest.fixture(autouse=True)
def channel(engine: Engine, vendor: HttpServer) -> None:
    """Two providers of one channel, which ask the same server: the second one says so in a header."""
    engine.publish("hello", [step("http", url=vendor.url())])
    settings = {"allow_http": "true", "timeout": "0.3"}
    set_channel(DEVELOPMENT, "webhook", provider="webhook", name="Hook", settings=settings)
    set_route(DEVELOPMENT, "webhook", 1, provider="webhook", settings={**settings, "signing_key": "second"})


def first_is_down(server: HttpServer, connection: Any) -> None:
    is_second = "x-webhook-signature" in server.heard[-1].headers
    connection.sendall(answer(200 if is_second else 503, connection="close"))


def notify(engine: Engine, count: int = MESSAGES) -> None:
    for _ in range(count):
        engine.trigger("hello", ["jane"])
    engine.drain()


def come_back(engine: Engine) -> None:
    """Time passes until everything that is owed was made."""
    for _ in range(12):
        engine.advance(minutes=20)
        engine.drain()


def asked(vendor: HttpServer) -> dict[str, set[str]]:
    """Which of the two providers each message was handed to."""
    found: dict[str, set[str]] = {}
    for heard in vendor.heard:
        by = "second" if "x-webhook-signature" in heard.headers else "first"
        found.setdefault(heard.headers["idempotency-key"], set()).add(by)
    return found


def statuses(engine: Engine) -> Counter[str]:
    return Counter(row.status for row in engine.rows("select status from messages"))


def outcomes(engine: Engine) -> Counter[str]:
    return Counter(row.outcome for row in engine.rows("select outcome from delivery_attempts"))


def test_a_vendor_that_takes_messages_and_hangs_up(engine: Engine, vendor: HttpServer) -> None:
    vendor.will_say(*[HANG_UP, answer(200)] * (MESSAGES // 2))
    notify(engine)
    assert outcomes(engine)["unknown"] == MESSAGES // 2
    come_back(engine)
    assert statuses(engine) == {"delivered": MESSAGES}
    assert set(asked(vendor)) == {row.id for row in engine.rows("select id from messages")}
    assert all(by == {"first"} for by in asked(vendor).values())


def test_a_vendor_that_answers_too_slowly(engine: Engine, vendor: HttpServer) -> None:
    vendor.will_say(*[silence] * 3)
    notify(engine, 6)
    assert outcomes(engine) == {"unknown": 3, "delivered": 3}
    come_back(engine)
    assert statuses(engine) == {"delivered": 6}
    assert all(by == {"first"} for by in asked(vendor).values())


def test_a_vendor_that_is_down_for_a_minute(
    engine: Engine, vendor: HttpServer, change_settings: ChangeSettings
) -> None:
    """The other one takes over with the first failure, and all of it once the breaker is open."""
    change_settings(breaker_failures=3, breaker_pause=60.0)
    vendor.will_say(*[first_is_down] * (MESSAGES + 3))
    notify(engine)
    assert statuses(engine) == {"delivered": MESSAGES}
    handed = asked(vendor)
    assert Counter(frozenset(by) for by in handed.values()) == {
        frozenset({"first", "second"}): 3,
        frozenset({"second"}): 9,
    }
    vendor.answers.clear()
    notify_when_back(engine, vendor)


def notify_when_back(engine: Engine, vendor: HttpServer) -> None:
    """After the pause the first one is asked again, and keeps the messages."""
    (route,) = {row.channel_id for row in engine.rows("select channel_id from channel_routes")}
    name = f"{DEVELOPMENT}:{route}::0"
    client().delete(f"doorbell:breaker:{name}:open")  # the pause is over
    vendor.heard.clear()
    notify(engine, 2)
    assert all(by == {"first"} for by in asked(vendor).values())


def test_an_sms_that_nobody_knows_of_is_held_and_called_so(engine: Engine) -> None:
    """A second one costs money: it is not tried again, and the message says that it is not known."""
    set_channel(
        DEVELOPMENT,
        "webhook",
        provider="webhook",
        name="Hook",
        settings={"allow_http": "true", "timeout": "0.3", "on_unknown": "hold"},
    )
    vendor_down = HttpServer()
    with vendor_down as vendor:
        engine.publish("held", [step("http", url=vendor.url())])
        vendor.will_say(HANG_UP)
        engine.trigger("held", ["jane"])
        engine.drain()
        come_back(engine)
        assert len(vendor.heard) == 1
    assert outcomes(engine) == {"unknown": 1}
    assert statuses(engine) == {"delivery_attempted": 1}
