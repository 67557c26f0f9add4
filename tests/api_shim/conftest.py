"""Stores that go away, and statements that are counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from knockapi import Knock
from sqlalchemy import create_engine, event

from api_shim.app import make_app
from doorbell.embedded import EmbeddedRedis, free_port
from notify_workers import redis_client
from notify_workers.settings import Settings, choose
from notify_workers.store import session
from tests.answers import eventually
from tests.engine import Engine, email_step


@pytest.fixture
def welcome(engine: Engine) -> Engine:
    """An engine with one workflow, `welcome`, which sends one mail."""
    engine.publish("welcome", [email_step()])
    return engine


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and PostgreSQL does not answer any more."""
    dead = create_engine("postgresql+psycopg://postgres@/doorbell?host=/nonexistent")
    return lambda: monkeypatch.setattr(session, "engine", lambda: dead)


@pytest.fixture
def own_redis(engine: Engine, stores: Settings, tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of the test's own, which it may stop and start."""
    server = EmbeddedRedis(tmp_path)
    shared = redis_client.client()
    choose(replace(stores, redis_url=server.start()))
    redis_client.client.cache_clear()
    yield server
    redis_client.client().close()
    redis_client.client.cache_clear()
    server.stop()
    choose(stores)
    shared.close()


@pytest.fixture
def statements() -> Callable[[], AbstractContextManager[list[str]]]:
    """`with statements() as seen:` collects what is sent to PostgreSQL."""

    @contextmanager
    def collecting() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(connection: object, cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        event.listen(session.engine(), "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(session.engine(), "before_cursor_execute", note)

    return collecting


@pytest.fixture(scope="module")
def address(stores: Settings) -> Iterator[str]:
    port = free_port()
    options: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "log_level": "warning"}
    server = uvicorn.Server(uvicorn.Config(make_app, factory=True, port=port, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def knock(engine: Engine, address: str) -> Iterator[Knock]:
    """The SDK, which raises when an answer is not exactly what it expects."""
    with Knock(api_key="sk_test_doorbell", base_url=address, _strict_response_validation=True, max_retries=0) as client:
        yield client
