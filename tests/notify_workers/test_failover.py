"""Failover through the engine, with vendors that are played: nothing is lost, nothing is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notify_workers import breakers, http_client
from notify_workers.channel_routes import remove_route, set_route
from notify_workers.channels import set_channel
from notify_workers.errors import NotFound
from notify_workers.providers import ProviderMisconfigured
from notify_workers.redis_client import client
from tests.channels import step
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer

ChangeSettings = Callable[..., None]


@pytest.fixture
def first() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


@pytest.fixture
def second() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture(autouse=True)
def routed(engine: Engine, first: HttpServer, second: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel `webhook` whose calls go to the first vendor's key, and if that fails to the second one's."""
    engine.publish("hello", [step("http", url="https://vendor.test/hook")])
    use(first, second, monkeypatch)
    set_channel(DEVELOPMENT, "webhook", provider="webhook", name="Hook", settings={"signing_key": "first"})
    set_route(DEVELOPMENT, "webhook", 1, provider="webhook", settings={"signing_key": "second"})


def use(first: HttpServer, second: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are told apart by the key that signs them."""
    from dataclasses import replace

    from notify_workers.signatures import signature

    perform = http_client.perform

    def to_vendor(request: Any) -> Any:
        signed = request.headers["x-webhook-signature"]
        at = int(signed.split(",")[0][2:]) / 1000 + 0.0001
        server = first if signed == signature("first", request.body, at) else second
        return perform(replace(request, url=server.url()))

    monkeypatch.setattr(http_client, "perform", to_vendor)


def notify(engine: Engine, count: int = 1, **request: Any) -> None:
    for _ in range(count):
        engine.trigger("hello", ["jane"], **request)
    engine.drain()


def ledger(engine: Engine) -> list[tuple[int, str]]:
    rows = engine.rows("select route, outcome from delivery_attempts order by message_id, attempt")
    return [(row.route, row.outcome) for row in rows]


def status(engine: Engine) -> str:
    return str(engine.one("select status from messages").status)


def test_what_proves_that_nothing_was_accepted_goes_to_the_next_at_once(
    engine: Engine, first: HttpServer, second: HttpServer
) -> None:
    first.will_say(answer(503))
    notify(engine)
    assert (ledger(engine), status(engine)) == ([(0, "retry"), (1, "delivered")], "delivered")
    assert [len(first.heard), len(second.heard)] == [1, 1]


def test_a_provider_that_refuses_is_replaced_too(engine: Engine, first: HttpServer) -> None:
    first.will_say(answer(401))
    notify(engine)
    assert (ledger(engine), status(engine)) == ([(0, "refused"), (1, "delivered")], "delivered")


def test_when_all_refuse_it_is_undelivered(engine: Engine, first: HttpServer, second: HttpServer) -> None:
    first.will_say(answer(401))
    second.will_say(answer(403))
    notify(engine)
    assert (ledger(engine), status(engine)) == ([(0, "refused"), (1, "refused")], "undelivered")


def test_when_one_refuses_and_the_other_fails_the_message_waits(
    engine: Engine, first: HttpServer, second: HttpServer
) -> None:
    first.will_say(answer(503))
    second.will_say(answer(401))
    notify(engine)
    assert (ledger(engine), status(engine)) == ([(0, "retry"), (1, "refused")], "delivery_attempted")
    engine.advance(hours=1)
    engine.drain()
    assert status(engine) == "delivered"


def test_an_attempt_that_may_have_been_accepted_stays_with_its_provider(
    engine: Engine, first: HttpServer, second: HttpServer
) -> None:
    first.will_say(HANG_UP, answer(503), answer(200))
    notify(engine)
    for _ in range(4):
        engine.advance(hours=1)
        engine.drain()
    assert ledger(engine) == [(0, "unknown"), (0, "retry"), (0, "delivered")]
    assert second.heard == []


def test_a_worker_that_dies_while_it_asks_leaves_the_message_to_the_same_provider(
    engine: Engine, first: HttpServer, second: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr("notify_workers.delivery._settle", die)
        with pytest.raises(Killed):
            notify(engine)
    engine.expire_leases()
    for _ in range(3):
        engine.advance(hours=1)
        engine.drain()
    assert {route for route, _ in ledger(engine)} == {0}
    assert second.heard == []
    assert status(engine) == "delivered"


def test_a_provider_that_fails_again_and_again_is_passed_over(
    engine: Engine, first: HttpServer, second: HttpServer, change_settings: ChangeSettings
) -> None:
    change_settings(breaker_failures=3, breaker_pause=60.0)
    first.will_say(*[answer(503)] * 3)
    notify(engine, 6)
    assert (len(first.heard), len(second.heard)) == (3, 6)
    assert engine.one("select count(*) as n from messages where status = 'delivered'").n == 6


def test_after_the_pause_one_message_tries_it_and_a_success_brings_it_back(change_settings: ChangeSettings) -> None:
    change_settings(breaker_failures=2, breaker_pause=0.05)
    for _ in range(2):
        assert breakers.is_closed("a")
        breakers.tell("a", failed=True)
    assert not breakers.is_closed("a")
    client().delete("doorbell:breaker:a:open")  # the pause is over
    assert [breakers.is_closed("a"), breakers.is_closed("a")] == [True, False]
    breakers.tell("a", failed=False)
    assert [breakers.is_closed("a"), breakers.is_closed("a")] == [True, True]


def test_a_rate_defers_and_drops_nothing(engine: Engine, first: HttpServer) -> None:
    set_route(DEVELOPMENT, "webhook", 0, provider="webhook", settings={"signing_key": "first"}, rate=2.0)
    notify(engine, 7)
    assert len(first.heard) < 7
    for _ in range(200):
        if engine.one("select count(*) as n from messages where status = 'delivered'").n == 7:
            break
        engine.advance(seconds=1)
        engine.drain()
        client().delete(*client().keys("doorbell:rate:*") or ["x"])  # its clock is not the engine's
    assert len(first.heard) == 7
    assert ledger(engine) == [(0, "delivered")] * 7


def test_a_tenant_may_have_providers_of_its_own(engine: Engine, first: HttpServer, second: HttpServer) -> None:
    set_route(DEVELOPMENT, "webhook", 0, provider="webhook", settings={"signing_key": "second"}, tenant="acme")
    notify(engine, tenant="acme")
    assert (len(first.heard), len(second.heard)) == (0, 1)
    notify(engine, tenant="globex")
    assert (len(first.heard), len(second.heard)) == (1, 1)


def test_a_route_is_checked_like_a_channel_and_can_be_taken_away(engine: Engine, first: HttpServer) -> None:
    with pytest.raises(NotFound):
        set_route(DEVELOPMENT, "nope", 1, provider="webhook", settings={})
    with pytest.raises(ProviderMisconfigured, match="smtp sends email, and the channel `webhook` is of type http"):
        set_route(DEVELOPMENT, "webhook", 1, provider="smtp", settings={"host": "h", "from_address": "a@b.test"})
    assert [remove_route(DEVELOPMENT, "webhook", 1), remove_route(DEVELOPMENT, "webhook", 1)] == [True, False]
    first.will_say(answer(401))
    notify(engine)
    assert status(engine) == "undelivered"


def test_secrets_of_routes_are_stored_encrypted(engine: Engine) -> None:
    assert "second" not in str([row.settings for row in engine.rows("select settings from channel_routes")])
