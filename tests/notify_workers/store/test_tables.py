"""The schema that the migrations make, and the tables that queries are composed from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text

from notify_workers.settings import Settings
from notify_workers.store import session
from notify_workers.store.tables import metadata

MIGRATIONS = Path(session.__file__).parent / "migrations"
OF_THE_SCHEMA_ALONE = {"remove_index", "remove_constraint", "remove_fk"}
"""Differences that do not matter to a query."""


@pytest.fixture
def empty(stores: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A database without a schema; `session.migrate` migrates it."""
    name = f"migrated_{uuid4().hex[:12]}"
    admin = create_engine(stores.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    database = create_engine(make_url(stores.database).set(database=name))
    monkeypatch.setattr(session, "engine", lambda: database)
    yield database
    database.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    flat = [
        each
        for group in compare_metadata(context, metadata)
        for each in (group if isinstance(group, list) else [group])
    ]
    return [each for each in flat if each[0] not in OF_THE_SCHEMA_ALONE]


def migrate(database: Engine, work: Callable[[Config, str], None], revision: str) -> None:
    with database.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        work(config, revision)


def schema(database: Engine) -> list[Any]:
    """Every table, column, index, constraint and function, as PostgreSQL describes them."""
    columns = "select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns"
    parts = (
        f"{columns} where table_schema = 'public' order by 1, 2",
        "select indexdef from pg_indexes where schemaname = 'public' order by 1",
        "select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2",
        "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace order by 1",
    )
    with database.connect() as connection:
        return [tuple(row) for part in parts for row in connection.execute(text(part))]


def test_the_tables_are_those_that_the_migrations_make(empty: Engine) -> None:
    session.migrate()
    with empty.connect() as connection:
        assert differences(connection) == []


def test_the_comparison_sees_what_it_should(empty: Engine) -> None:
    session.migrate()
    with empty.begin() as connection:
        connection.execute(text("alter table due alter column tries type bigint"))
        connection.execute(text("alter table due alter column attempt drop not null"))
        connection.execute(text("alter table messages drop column metadata"))
        found = {each[0] for each in differences(connection)}
    assert found == {"modify_type", "modify_nullable", "add_column"}


def test_migrating_again_changes_nothing(empty: Engine) -> None:
    session.migrate()
    before = schema(empty)
    session.migrate()
    assert schema(empty) == before


def test_down_and_up_again_is_the_same_schema(empty: Engine) -> None:
    session.migrate()
    before = schema(empty)
    migrate(empty, command.downgrade, "base")
    assert inspect(empty).get_table_names() == ["alembic_version"]
    migrate(empty, command.upgrade, "head")
    assert schema(empty) == before


def test_several_may_migrate_at_once(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as threads:
        for migration in [threads.submit(session.migrate) for _ in range(4)]:
            migration.result(30)
    with empty.connect() as connection:
        assert differences(connection) == []
