"""Liveness and readiness."""

from __future__ import annotations

from collections.abc import Callable

from doorbell.embedded import EmbeddedRedis
from tests.answers import local_api
from tests.conftest import CheckedClient
from tests.engine import Engine


def test_a_process_with_both_stores_is_ready(api: CheckedClient) -> None:
    answer = api.get("/health", headers={"Authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "postgresql": "ok", "redis": "ok"})


def test_without_postgresql_a_process_is_alive_but_not_ready(
    api: CheckedClient, no_database: Callable[[], None]
) -> None:
    no_database()
    answer = api.get("/health")
    assert answer.json() == {"status": "unavailable", "postgresql": "unavailable", "redis": "ok"}
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert api.get("/health/live").json() == {"status": "ok"}


def test_without_redis_a_process_is_alive_but_not_ready(engine: Engine, own_redis: EmbeddedRedis) -> None:
    with local_api() as api:
        own_redis.stop()
        answer = api.get("/health")
        assert api.get("/health/live").status_code == 200
    assert answer.json() == {"status": "unavailable", "postgresql": "ok", "redis": "unavailable"}
    assert answer.status_code == 503
