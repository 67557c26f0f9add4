"""The embedded servers: durable, alone on their data, and gone when the process that started them is gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
import redis

from doorbell.child_server import SOCKET_PATH_LIMIT, ChildServer, EmbeddedServerError
from doorbell.embedded import EmbeddedPostgres, EmbeddedRedis, free_port

SUPERVISOR = """
import sys, time
from pathlib import Path
from doorbell.embedded import EmbeddedPostgres, EmbeddedRedis
servers = [EmbeddedPostgres(Path(sys.argv[1])), EmbeddedRedis(Path(sys.argv[1]))]
for server in servers:
    server.start()
print(*(server._watchdog.pid for server in servers), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for most tests: making PostgreSQL's data folder is what takes time."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def at_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def postgres(home: Path, at_end: ExitStack) -> EmbeddedPostgres:
    server = EmbeddedPostgres(home)
    at_end.callback(server.stop)
    return server


@pytest.fixture
def redis_server(home: Path, at_end: ExitStack) -> EmbeddedRedis:
    server = EmbeddedRedis(home)
    at_end.callback(server.stop)
    return server


def ask(server: EmbeddedPostgres, statement: str) -> str:
    """The first value of a statement's answer, or an empty text."""
    with psycopg.connect(server.start().replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return "" if row is None else str(row[0])


def client_of(server: EmbeddedRedis) -> closing[redis.Redis]:
    return closing(redis.Redis.from_url(server.start(), decode_responses=True))


def process_of(server: ChildServer) -> int:
    return int((server.home / f"{server.name}.pid").read_text())


def refuses(server: ChildServer) -> bool:
    return not server._answers()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_postgres_is_as_durable_as_in_production(postgres: EmbeddedPostgres) -> None:
    assert [ask(postgres, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "autovacuum")] == ["on"] * 3


def test_postgres_listens_on_no_address(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres, "SHOW listen_addresses") == ""


def test_redis_is_durable_listens_on_no_port_and_never_drops_a_key(redis_server: EmbeddedRedis) -> None:
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "port": "0", "save": ""}
    with client_of(redis_server) as client:
        assert client.config_get("*") | wanted == client.config_get("*")


def test_committed_rows_survive_kill_9(postgres: EmbeddedPostgres) -> None:
    ask(postgres, "CREATE TABLE kept AS SELECT 'rung' AS word")
    postgres.kill()
    assert refuses(postgres)
    assert ask(postgres, "SELECT word FROM kept") == "rung"


def test_answered_writes_survive_kill_9(redis_server: EmbeddedRedis) -> None:
    with client_of(redis_server) as client:
        client.set("word", "rung")
    redis_server.kill()
    assert refuses(redis_server)
    with client_of(redis_server) as client:
        assert client.get("word") == "rung"


def test_a_restart_is_a_new_process_on_the_same_data(postgres: EmbeddedPostgres) -> None:
    identity = "SELECT system_identifier FROM pg_control_system()"
    url, process, data = postgres.start(), process_of(postgres), ask(postgres, identity)
    assert postgres.restart() == url
    assert process_of(postgres) != process
    assert ask(postgres, identity) == data


def test_start_twice_is_one_server(redis_server: EmbeddedRedis) -> None:
    url, process = redis_server.start(), process_of(redis_server)
    assert redis_server.start() == url
    assert process_of(redis_server) == process


def test_a_server_that_died_by_itself_is_started_again(redis_server: EmbeddedRedis) -> None:
    redis_server.start()
    os.kill(process_of(redis_server), signal.SIGKILL)
    eventually(lambda: refuses(redis_server))
    with client_of(redis_server) as client:
        assert client.ping()


@pytest.mark.parametrize("kind", [EmbeddedPostgres, EmbeddedRedis])
def test_stop_leaves_no_process(kind: type[EmbeddedPostgres | EmbeddedRedis], home: Path) -> None:
    server = kind(home)
    server.start()
    assert server._watchdog
    processes = [process_of(server), server._watchdog.pid]
    server.stop()
    server.stop()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_second_supervisor_shares_the_server_and_leaves_it_running(postgres: EmbeddedPostgres, home: Path) -> None:
    url = postgres.start()
    second = EmbeddedPostgres(home)
    assert second.start() == url
    second.stop()
    assert ask(postgres, "SELECT 1") == "1"


def test_servers_end_with_a_supervisor_that_was_killed(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(home)], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout
        assert supervisor.stdout.readline()
        supervisor.kill()
    eventually(lambda: refuses(EmbeddedPostgres(home)) and refuses(EmbeddedRedis(home)))


def test_servers_left_behind_are_replaced(postgres: EmbeddedPostgres, redis_server: EmbeddedRedis, home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(home)], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout
        for watchdog in supervisor.stdout.readline().split():
            os.kill(int(watchdog), signal.SIGKILL)
        supervisor.kill()
    left = {process_of(postgres), process_of(redis_server)}
    postgres.start()
    redis_server.start()
    assert left.isdisjoint({process_of(postgres), process_of(redis_server)})


def test_a_home_too_deep_for_a_socket_works(tmp_path: Path, at_end: ExitStack) -> None:
    server = EmbeddedRedis(tmp_path / ("x" * SOCKET_PATH_LIMIT))
    at_end.callback(server.stop)
    with client_of(server) as client:
        assert client.ping()
    assert server.socket_folder.stat().st_mode & 0o777 == 0o700


def test_two_homes_are_made_at_the_same_time(tmp_path: Path, at_end: ExitStack) -> None:
    servers = [EmbeddedPostgres(tmp_path / name) for name in ("with space, comma, ü", "y" * SOCKET_PATH_LIMIT)]
    for server in servers:
        at_end.callback(server.stop)
    with ThreadPoolExecutor() as pool:
        urls = list(pool.map(EmbeddedPostgres.start, servers))
    assert urls[0] != urls[1]
    assert [ask(server, "SELECT current_database()") for server in servers] == ["doorbell", "doorbell"]


def test_an_interrupted_first_start_is_made_good(tmp_path: Path, at_end: ExitStack) -> None:
    (tmp_path / "postgres.new-left" / "base").mkdir(parents=True)
    (tmp_path / "postgres").mkdir()
    server = EmbeddedPostgres(tmp_path)
    at_end.callback(server.stop)
    assert ask(server, "SELECT 1") == "1"
    assert list(tmp_path.glob("postgres.new-*")) == []


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    server = EmbeddedPostgres(tmp_path)
    with pytest.raises(EmbeddedServerError, match=r"postgres ended with status \d:\n.*postgresql\.conf"):
        server.start()
    assert (server._process, server._watchdog, server._owner) == (None, None, None)


def test_a_free_port_can_be_taken() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 1023
