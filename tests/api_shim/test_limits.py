"""How many requests are answered, and to whom."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api_shim.limits import TIERS, tier_of
from doorbell.embedded import EmbeddedRedis
from notify_workers.redis_client import client
from tests.answers import PRODUCTION, code, local_api, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine
from tests.user_tokens import bearing, secure, signed

CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "contract" / "openapi.json").read_text())

NEVER = 0.001
"""Requests a second, so few that the next is far away however slow the machine is."""

SCARCE = f"{NEVER},{NEVER},{NEVER},{NEVER},{NEVER}"


@pytest.fixture
def scarce(engine: Engine, change_settings: Callable[..., None]) -> Iterator[CheckedClient]:
    """One request of each kind, and no second one."""
    change_settings(rate_limits=True, rate_limit_tiers=SCARCE)
    with local_api() as api:
        yield api


def asked(api: CheckedClient, path: str = "/v1/users", headers: dict[str, str] | None = None) -> int:
    return api.get(path, headers=headers or {}).status_code


def test_nothing_is_limited_in_the_development_stack(api: CheckedClient) -> None:
    assert {asked(api) for _ in range(20)} == {200}


def test_one_too_many_is_told_when_to_come_back(scarce: CheckedClient) -> None:
    assert asked(scarce) == 200
    refused = scarce.get("/v1/users")
    assert refused.status_code == 429
    assert refused.json() == {
        "code": "too_many_requests",
        "message": "Too many requests of this kind; wait as long as `Retry-After` says",
        "status": 429,
        "type": "rate_limit_error",
    }
    seconds, milliseconds = int(refused.headers["retry-after"]), int(refused.headers["retry-after-ms"])
    assert 900 < seconds <= 1000
    assert (seconds - 1) * 1000 < milliseconds <= seconds * 1000


def test_what_is_over_the_limit_does_nothing(scarce: CheckedClient) -> None:
    assert scarce.put("/v1/users/alice", json={"name": "Alice"}).status_code == 200
    assert scarce.put("/v1/users/alice", json={"name": "Mallory"}).status_code == 429
    assert scarce.get("/v1/users/alice").json()["name"] == "Alice"


def test_the_hot_path_is_counted_too(scarce: CheckedClient, engine: Engine) -> None:
    engine.publish("welcome", [])
    assert trigger(scarce).status_code == 200
    assert trigger(scarce).status_code == 429
    assert client().hlen("doorbell:pending") <= 1


def test_endpoints_and_environments_are_counted_apart(scarce: CheckedClient) -> None:
    assert [asked(scarce), asked(scarce)] == [200, 429]
    assert asked(scarce, "/v1/messages") == 200
    assert asked(scarce, headers=PRODUCTION) == 200


def test_users_with_a_token_are_counted_apart(engine: Engine, change_settings: Callable[..., None]) -> None:
    secure(on=False)
    change_settings(rate_limits=True, rate_limit_tiers=SCARCE)
    alice, bob = bearing(signed("alice")), bearing(signed("bob"))
    with local_api() as api:
        found = [asked(api, f"/v1/users/{name}", headers) for name, headers in (("alice", alice), ("bob", bob)) * 2]
        without = asked(api, "/v1/users/alice", PUBLIC)
    assert (found, without) == ([404, 404, 429, 429], 404)


def test_a_feed_is_counted_for_each_user(scarce: CheckedClient) -> None:
    feed = next(each["id"] for each in _channels() if each["type"] == "in_app_feed")
    found = [asked(scarce, f"/v1/users/{name}/feeds/{feed}", PUBLIC) for name in ("alice", "bob", "alice")]
    assert found == [200, 200, 429]


def _channels() -> list[dict[str, Any]]:
    from notify_workers.store.environments import channels
    from notify_workers.store.session import transaction
    from tests.engine import DEVELOPMENT

    with transaction() as tx:
        return [{"id": each.id, "type": each.type} for each in channels(tx, DEVELOPMENT)]


def test_what_is_no_api_is_not_counted(scarce: CheckedClient) -> None:
    assert {asked(scarce, path) for path in ("/health", "/health/live", "/v1/openapi", "/docs") for _ in range(3)} == {
        200
    }


def test_who_has_no_key_is_not_counted_among_those_who_have(scarce: CheckedClient) -> None:
    assert {asked(scarce, headers={"Authorization": "Bearer nobody"}) for _ in range(3)} == {401}
    assert asked(scarce) == 200


def test_a_seconds_worth_may_come_at_once_and_time_brings_more(
    engine: Engine, change_settings: Callable[..., None]
) -> None:
    change_settings(rate_limits=True, rate_limit_tiers="1,5,60,3,1000")
    with local_api() as api:
        first = [asked(api) for _ in range(3)]
        answers: list[httpx2.Response] = [api.get("/v1/users") for _ in range(200)]
    assert first == [200, 200, 200]
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert all(code(each) == "too_many_requests" for each in refused)
    assert {each.headers["retry-after"] for each in refused} == {"1"}
    assert all(0 < int(each.headers["retry-after-ms"]) <= 334 for each in refused)


def test_counts_are_shared_by_processes(engine: Engine, change_settings: Callable[..., None]) -> None:
    change_settings(rate_limits=True, rate_limit_tiers=SCARCE)
    with local_api() as one, local_api() as other:
        assert [asked(one), asked(other)] == [200, 429]


def test_counts_are_forgotten(scarce: CheckedClient) -> None:
    asked(scarce)
    (key,) = client().keys("doorbell:limit:*")
    assert 0 < client().pttl(key) <= 1_000_001


def test_nobody_is_refused_while_redis_is_away(
    own_redis: EmbeddedRedis, change_settings: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    change_settings(rate_limits=True, rate_limit_tiers=SCARCE)
    with local_api() as api:
        assert asked(api) == 200
        own_redis.stop()
        with caplog.at_level(logging.WARNING, "api_shim.limits"):
            assert {asked(api) for _ in range(3)} == {200}
    assert [each for each in caplog.records if each.name == "api_shim.limits"]


def test_a_redis_that_lost_everything_counts_on(scarce: CheckedClient) -> None:
    assert asked(scarce) == 200
    client().flushdb()
    client().script_flush()
    assert [asked(scarce), asked(scarce)] == [200, 429]


def test_every_operation_of_the_contract_has_its_tier() -> None:
    contract = json.loads((Path(__file__).parent / "tiers.json").read_text())
    ours: dict[str, list[str]] = {each: [] for each in contract}
    for methods in CONTRACT["paths"].values():
        for method, operation in methods.items():
            ours[str(tier_of(operation["operationId"], method.upper()))].append(operation["operationId"])
    assert {tier: sorted(names) for tier, names in ours.items()} == contract
    assert TIERS.keys() <= {name for names in contract.values() for name in names}
