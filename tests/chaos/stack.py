"""The product's real processes on stores of their own, to be killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psycopg
from psycopg.rows import dict_row
from redis import Redis
from sqlalchemy import make_url

from doorbell.embedded import EmbeddedPostgres, EmbeddedRedis, free_port
from tests.mail_server import MailServer

PUSH = """
import sys, json
from notify_workers import installation, resources
from notify_workers.ids import environment_id
installation.install()
installation.install_development(int(sys.argv[1]))
with resources.configuration() as tx:
    for key, document in json.loads(sys.argv[2]).items():
        resources.publish_workflow(tx, environment_id("development"), key, document)
"""


class Stack:
    """Stores, mail server, API, two workers and a timer process. Whatever is killed is started again at once."""

    def __init__(self, home: Path, workflows: dict[str, Any]) -> None:
        self.home = home
        self.postgres, self.redis = EmbeddedPostgres(home), EmbeddedRedis(home)
        self.mail = MailServer()
        self.port = free_port()
        self.environment = {
            **os.environ,
            "DOORBELL_DATABASE_URL": self.postgres.start(),
            "DOORBELL_REDIS_URL": self.redis.start(),
            "DOORBELL_HOME": str(home),
            "DOORBELL_PORT": str(self.port),
            "DOORBELL_DEVELOPMENT": "true",
            "DOORBELL_STEP_LEASE": "2",
            "DOORBELL_ACCEPT_LEASE": "2",
            "DOORBELL_LIFELINE_INTERVAL": "1",
            "DOORBELL_SMTP_TIMEOUT": "3",
            "DOORBELL_DELIVERY_LEASE": "5",
            "DOORBELL_WORKER_THREADS": "8",
        }
        self.mail.seconds_to_answer = 0.1  # so that some are killed with a message in hand
        self.mail.start()
        self._python("-c", PUSH, str(self.mail.port), json.dumps(workflows)).wait(60)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("serve", "worker-1", "worker-2", "timers"):
            self.start(name)
        wait_for(self.answers, 60, "the API to answer")

    def _python(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.home / "processes.log").open("ab") as log:
            return subprocess.Popen([sys.executable, *arguments], env=self.environment, stdout=log, stderr=log)

    def start(self, name: str) -> None:
        self.processes[name] = self._python("-m", "doorbell", name.partition("-")[0])

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends a process and starts its successor."""
        self.processes[name].send_signal(how)
        self.processes[name].wait(30)
        self.start(name)

    def answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def flush_redis(self) -> None:
        with self.redis_client() as client:
            client.flushall()

    def redis_client(self) -> Redis:
        return Redis.from_url(self.environment["DOORBELL_REDIS_URL"], socket_timeout=5)

    def rows(self, statement: str) -> list[dict[str, Any]]:
        url = make_url(self.environment["DOORBELL_DATABASE_URL"])
        with psycopg.connect(
            host=str(url.query["host"]), user=url.username, dbname=url.database, row_factory=dict_row, autocommit=True
        ) as connection:
            return connection.execute(statement).fetchall()

    def number(self, statement: str) -> int:
        (row,) = self.rows(statement)
        return int(next(iter(row.values())))

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.mail.stop()
        self.redis.stop()
        self.postgres.stop()


def wait_for(happened: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)


class Misfortune:
    """Kills and restarts things at random moments of one random sequence; `counts` says what happened how often."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack, self._random = stack, random.Random(seed)
        self.counts: dict[str, int] = {}

    def strike(self) -> None:
        kinds: list[tuple[str, float, Callable[[], None]]] = [
            ("worker killed", 6, lambda: self._stack.kill(self._random.choice(["worker-1", "worker-2"]))),
            ("timers killed", 2, lambda: self._stack.kill("timers")),
            ("timers restarted", 1, lambda: self._stack.kill("timers", signal.SIGTERM)),
            ("Redis killed", 1, self._redis_killed),
            ("PostgreSQL killed", 1, self._postgres_killed),
        ]
        ((name, _, act),) = self._random.choices(kinds, [weight for _, weight, _ in kinds])
        self.do(name, act)

    def do(self, name: str, act: Callable[[], None]) -> None:
        act()
        self.counts[name] = self.counts.get(name, 0) + 1

    def everything_once(self) -> None:
        """What random moments may have left out."""
        self.do("Redis restarted", self._redis_restarted)
        self.do("PostgreSQL restarted", self._postgres_restarted)

    def _redis_killed(self) -> None:
        self._stack.redis.kill()
        self._stack.redis.start()

    def _redis_restarted(self) -> None:
        self._stack.redis.stop()
        self._stack.redis.start()

    def _postgres_killed(self) -> None:
        self._stack.postgres.kill()
        self._stack.postgres.start()

    def _postgres_restarted(self) -> None:
        self._stack.postgres.stop()
        self._stack.postgres.start()

    def pause(self) -> float:
        """Seconds to the next misfortune: long enough for a successor to start its work, most of the time."""
        return self._random.uniform(1.0, 9.0)
