"""Real stores for every test that asks for them: embedded ones, or a database of its own on servers that the settings name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import create_engine, make_url, text
from starlette.testclient import TestClient

from doorbell.embedded import EmbeddedPostgres, EmbeddedRedis
from notify_workers import installation
from notify_workers import settings as settings_module
from notify_workers.ids import environment_id
from notify_workers.redis_client import client
from notify_workers.settings import Settings, choose, read
from notify_workers.store import session
from notify_workers.store.environments import set_channel
from notify_workers.store.session import transaction
from notify_workers.vault import new_key
from tests.contract import check_answer
from tests.engine import Engine
from tests.mail_server import MailServer


def pytest_configure(config: pytest.Config) -> None:
    """A temporary folder of this run's own: the shared one is closed to PostgreSQL's user whenever another run starts."""
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="doorbell-tests-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


SECRET = {"Authorization": "Bearer sk_test_doorbell"}
PUBLIC = {"Authorization": "Bearer pk_test_doorbell"}

REDIS_DATABASE = 15
"""Of a Redis that the settings name: the tests empty it."""


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """PostgreSQL, migrated and installed, and Redis; this process' settings name them."""
    home = tmp_path_factory.mktemp("home")
    given = read({name: value for name, value in os.environ.items() if name.endswith(("DATABASE_URL", "REDIS_URL"))})
    with ExitStack() as stack:
        database = stack.enter_context(_database(given, home))
        redis = _redis(given, home, stack)
        chosen = Settings(
            database_url=database, redis_url=redis, home=home, development=True, encryption_keys=new_key()
        )
        choose(chosen)
        installation.install()
        installation.install_development(smtp_port=1)
        yield chosen
        session.close()
        client().close()
        choose(Settings())


@contextmanager
def _database(given: Settings, home: Path) -> Iterator[str]:
    if given.database_url is None:
        server = EmbeddedPostgres(home)
        try:
            yield server.start()
        finally:
            server.stop()
        return
    name = f"doorbell_test_{uuid4().hex[:12]}"
    admin = create_engine(given.database_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    try:
        yield make_url(given.database_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"drop database {name} with (force)"))
        admin.dispose()


def _redis(given: Settings, home: Path, stack: ExitStack) -> str:
    if given.redis_url is not None:
        separator = "&" if "?" in given.redis_url else "?"
        return f"{given.redis_url}{separator}db={REDIS_DATABASE}"
    server = EmbeddedRedis(home)
    stack.callback(server.stop)
    return server.start()


EMPTIED = (
    *("due", "delivery_attempts", "message_events", "short_links", "messages", "run_log", "recipient_runs", "triggers"),
    *("cancellations", "large_payloads", "recipients", "resources", "resource_versions", "outbox"),
    *("batch_items", "batch_windows", "throttle_windows", "waits", "signals", "audience_members", "entries"),
    *("api_log", "signing_keys"),
    *("schedules", "source_events", "source_keys", "sources"),
    *("bulk_operations", "subscriptions"),
    *("purges",),
    *("webhook_attempts", "webhook_deliveries", "webhooks"),
    *("guide_engagements", "guide_groups", "guide_states"),
    *("feed_changes", "feed_counts", "feed_entries", "feeds"),
    *("channel_routes",),
)
"""In an order that the foreign keys allow. Truncating them takes ten times as long, for as few rows as a test leaves."""


@pytest.fixture(scope="session")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mail(mail_server: MailServer) -> MailServer:
    """The mail server, with nothing in it and its best manners."""
    mail_server.reset()
    return mail_server


@pytest.fixture
def engine(stores: Settings, mail: MailServer) -> Iterator[Engine]:
    """An empty installation: environments, keys, the development stack's channels, no workflows; the clock at the present."""
    choose(stores)
    with transaction() as tx:
        for table in EMPTIED:
            tx.run(text(f"delete from {table}"))
        tx.run(text("update clock set offset_seconds = 0"))
        tx.run(text("delete from api_keys where not loopback_only"))
        tx.run(text("delete from channels"))
        tx.run(text("update environments set variables = '{}', default_preferences = '{}', enhanced_security = false"))
        tx.run(text("update environments set recipient_allow_list = null"))
        tx.run(text("update catalog set number = number + 1"))
        settings = {
            "host": "127.0.0.1",
            "port": mail.port,
            "security": "none",
            "from_address": "Doorbell <hello@doorbell.test>",
        }
        for slug, _ in installation.ENVIRONMENTS:
            of = environment_id(slug)
            set_channel(tx, of, "email", name="Mail", type="email", provider="smtp", settings=settings)
            installation.set_sandbox_channels(tx, of)
    client().flushdb()
    yield Engine()
    choose(stores)


class CheckedClient(TestClient):
    """Holds every answer against the contract."""

    def request(self, method: str, url: httpx2.URL | str, **options: object) -> httpx2.Response:
        answer = super().request(method, url, **options)  # type: ignore[arg-type]
        check_answer(method, answer.request.url.path, answer.status_code, answer.content)
        assert answer.headers["x-request-id"]
        return answer


@pytest.fixture
def api(engine: Engine) -> Iterator[CheckedClient]:
    """The HTTP application, called with a secret key unless a test says otherwise."""
    from api_shim.app import make_app

    with CheckedClient(
        make_app(), client=("127.0.0.1", 50000), raise_server_exceptions=False, headers=SECRET
    ) as checked:
        yield checked


@pytest.fixture
def change_settings(stores: Settings) -> Iterator[object]:
    """Replaces settings for one test: `change_settings(delivery_attempts=2)`."""
    from dataclasses import replace

    yield lambda **changes: choose(replace(settings_module.settings(), **changes))
    choose(stores)
