"""Connections and transactions. Bells ring after the commit: `with transaction() as tx: … tx.ring(bell)`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg.types.json
from psycopg.errors import DeadlockDetected
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, Engine, Executable, Row, TextClause, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from notify_workers import queue
from notify_workers.errors import Collision, StoreUnavailable
from notify_workers.queue import Bell
from notify_workers.settings import settings

psycopg.types.json.set_json_dumps(to_json)
psycopg.types.json.set_json_loads(from_json)

Jsonb = psycopg.types.json.Jsonb

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_COLLISIONS = 4
"""How often `transact` begins anew."""


@cache
def engine() -> Engine:
    """This process' pool of connections for transactions. They are checked after an error, not on every use."""
    return _pool()


@cache
def _autocommitting() -> Engine:
    """A pool of its own for single statements: switching a connection to and fro costs as much as the statement."""
    return _pool(isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)


def _pool(**options: Any) -> Engine:
    configured = settings()
    return create_engine(
        configured.database,
        pool_size=configured.pool_size,
        max_overflow=0,
        pool_timeout=configured.pool_timeout,
        pool_use_lifo=True,
        hide_parameters=True,  # an error's text ends in logs, and parameters are people's data
        connect_args={
            "connect_timeout": 5,
            "options": f"-c statement_timeout={int(configured.statement_timeout * 1000)}"
            " -c idle_in_transaction_session_timeout=60000 -c timezone=UTC -c jit=off"
            " -c plan_cache_mode=force_generic_plan",  # planning a statement costs more than executing it
            "prepare_threshold": 1,
            "keepalives_idle": 30,
        },
        json_serializer=lambda value: to_json(value).decode(),
        json_deserializer=from_json,
        **options,
    )


class Transaction:
    """An open transaction and the bells that ring when it has committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.bells: list[Bell] = []

    def ring(self, *bells: Bell) -> None:
        self.bells.extend(bells)

    def run(self, statement: Executable, **values: Any) -> int:
        """Executes a statement; the number of rows it touched."""
        return self.connection.execute(statement, values).rowcount

    def rows(self, statement: Executable, **values: Any) -> Sequence[Row[Any]]:
        return self.connection.execute(statement, values).all()

    def first(self, statement: Executable, **values: Any) -> Row[Any] | None:
        return self.connection.execute(statement, values).first()

    def one(self, statement: Executable, **values: Any) -> Row[Any]:
        return self.connection.execute(statement, values).one()

    def scalar(self, statement: Executable, **values: Any) -> Any:
        return self.connection.execute(statement, values).scalar()


@contextmanager
def transaction() -> Iterator[Transaction]:
    """One transaction. Raises `StoreUnavailable` when PostgreSQL does not answer; then nothing was written."""
    with _guarded(), engine().begin() as connection:
        tx = Transaction(connection)
        yield tx
    queue.ring(tx.bells)


def transact(work: Callable[[Transaction], T]) -> T:
    """Does work in one transaction, and again when it and another one waited for each other. Raises `StoreUnavailable`."""
    for _ in range(MOST_COLLISIONS):
        try:
            with transaction() as tx:
                return work(tx)
        except Collision as collision:
            log.info("done again: %s", collision.message)
    with transaction() as tx:
        return work(tx)


@contextmanager
def statement() -> Iterator[Transaction]:
    """Each statement is a transaction of its own, which saves the two round trips that open and close one."""
    with _guarded(), _autocommitting().connect() as connection:
        tx = Transaction(connection)
        yield tx
    queue.ring(tx.bells)


def close() -> None:
    """Closes this process' connections; the next use opens new ones, by the settings of that time."""
    for pool in (engine, _autocommitting):
        pool().dispose()
        pool.cache_clear()


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        kind = Collision if isinstance(error.__cause__, DeadlockDetected) else StoreUnavailable
        raise kind(f"The database does not answer: {_cause(error)}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable(f"The database connection was lost: {_cause(error)}") from error
        raise


def _cause(error: Exception) -> str:
    """The first line only: the rest of a database error may quote values."""
    return str(error).splitlines()[0].removeprefix("(psycopg.OperationalError) ")


def sql(statement: str) -> TextClause:
    """A statement written out, with `:name` parameters. Made once at import, so that it is parsed and prepared once."""
    return text(statement)


def now(tx: Transaction) -> Any:
    """The engine's time (aware, UTC): the database's clock plus the development stack's offset."""
    return tx.scalar(_NOW)


_NOW = sql("select engine_now()")


def migrate() -> None:
    """Brings the schema to the newest version. Safe to run by several at once: the first holds a lock, the others wait."""
    from alembic import command  # imported here: only a migration needs it, and it is slow to import
    from alembic.config import Config

    with _guarded(), engine().begin() as connection:
        connection.execute(text("set local statement_timeout = 0"))
        connection.execute(text("select pg_advisory_xact_lock(7305)"))
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def as_json(value: Mapping[str, Any] | Sequence[Any] | None) -> Any:
    """A value for a jsonb parameter; None stays the SQL null."""
    return None if value is None else Jsonb(value)
