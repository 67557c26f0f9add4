"""Stores that go away, and statements that are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event

from doorbell.embedded import EmbeddedRedis
from notify_workers import redis_client
from notify_workers.settings import Settings, choose
from notify_workers.store import session
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
