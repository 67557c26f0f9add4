"""What most tests of the engine start from: the invitation and its reminder, and stores that go away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import create_engine

from doorbell.embedded import free_port
from notify_workers import aws, smtp
from notify_workers.redis_client import client
from notify_workers.settings import Settings, choose, settings
from notify_workers.store import session
from tests.engine import Engine, delay_step, email_step
from tests.notify_workers.http_server import HttpServer
from tests.notify_workers.scripted_server import ScriptedServer

Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def invite(engine: Engine) -> Engine:
    """The workflow `account-invite` (mail, three days, mail) and the user jane."""
    engine.publish("account-invite", [email_step("email_1"), delay_step(), email_step("email_2")])
    engine.identify("jane", email="jane@example.com", name="Jane Doe")
    return engine


@pytest.fixture
def redis_away(stores: Settings) -> Away:
    """Nobody listens at Redis' address: `with redis_away(): …`."""

    @contextmanager
    def away() -> Iterator[None]:
        before = settings()
        choose(replace(before, redis_url=f"redis://127.0.0.1:{free_port()}/0"))
        client.cache_clear()
        try:
            yield
        finally:
            choose(before)
            client.cache_clear()

    return away


@pytest.fixture
def database_away(stores: Settings, monkeypatch: pytest.MonkeyPatch) -> Away:
    """Nobody listens at PostgreSQL's address: `with database_away(): …`."""

    @contextmanager
    def away() -> Iterator[None]:
        dead = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing")
        with monkeypatch.context() as patched:
            patched.setattr(session, "engine", lambda: dead)
            patched.setattr(session, "_autocommitting", lambda: dead)
            yield
        dead.dispose()

    return away


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """An SMTP server that answers what the test tells it to."""
    with ScriptedServer() as running:
        yield running
        forget_connections()


@pytest.fixture(scope="session", autouse=True)
def no_connection_is_left_open() -> Iterator[None]:
    yield
    forget_connections()


def forget_connections() -> None:
    for kept in smtp._idle.values():
        for each in kept:
            each.connection.close()
    smtp._idle.clear()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of a server that plays Amazon's services and keeps what it is told."""
    from moto.server import ThreadedMotoServer  # only here, as it takes a second to load

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()
    aws.close()


@pytest.fixture
def http_server() -> Iterator[HttpServer]:
    """An HTTP server that answers what the test tells it to."""
    with HttpServer() as running:
        yield running
        aws.close()
