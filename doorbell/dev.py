"""The development stack: every process of Doorbell on one machine, started, watched and stopped together.

Our processes are forked from one server that has imported everything once. Nothing outlives the supervisor: the stores
end by a watchdog of their own, our processes because each holds one end of a pipe of which only the supervisor has the
other, and stops when it closes.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import click

from doorbell import forking
from doorbell.child_server import until
from doorbell.embedded import EmbeddedPostgres, EmbeddedRedis, free_port
from doorbell.running import address, claim, forget, tell
from doorbell.sink import Sink
from notify_workers.errors import DoorbellError
from notify_workers.settings import Settings, choose, export
from notify_workers.vault import new_key

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
LOOK_INTERVAL = 0.3
ORPHAN_TIMEOUT = 5.0
PATIENCE = 2.0
"""Seconds in which a stack that was just killed gives back its home and its ports."""

FLOWER_HOST = "127.0.0.1"


class StackFailed(DoorbellError):
    """The development stack could not be started; the message says which part and why."""

    code = "stack_failed"


@dataclass
class Child:
    """One of our processes: a function of `doorbell.processes`. It is started again when it ends by itself."""

    name: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    process: BaseProcess | None = None
    _lifeline: Connection | None = None

    def start(self, chosen: Settings) -> None:
        ours, theirs = forking.context.Pipe()
        output = chosen.home / "logs" / f"{self.name}.log"
        self.process = forking.context.Process(
            target=_child, args=(self.function, self.arguments, chosen, output, theirs), name=self.name
        )
        try:
            self.process.start()
        except (EOFError, ConnectionError) as error:
            raise StackFailed("the processes could not be started: doorbell.processes cannot be imported") from error
        theirs.close()
        self._lifeline = ours

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.exitcode is not None

    def terminate(self) -> None:
        if self.process is not None and not self.ended:
            self.process.terminate()

    def wait(self, deadline: float) -> None:
        """Waits until it has ended; by force after the deadline (monotonic)."""
        if self.process is None:
            return
        self.process.join(max(0.1, deadline - time.monotonic()))
        if not self.ended:
            self.process.kill()
            self.process.join()
        if self._lifeline is not None:
            self._lifeline.close()


def _child(function: str, arguments: dict[str, Any], chosen: Settings, output: Path, supervisor: Connection) -> None:
    """The first thing a forked process does: its own session, its own log, the stack's settings."""
    os.setsid()
    with output.open("ab", buffering=0) as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    export(chosen)
    choose(chosen)
    threading.Thread(target=_follow, args=(supervisor,), name="follow-supervisor", daemon=True).start()
    getattr(import_module("doorbell.processes"), function)(**arguments)


def _follow(supervisor: Connection) -> None:
    try:
        supervisor.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHAN_TIMEOUT)
        os._exit(1)  # A Celery worker that is waiting for Redis waits for ever: its Redis ended with the supervisor.


def run(chosen: Settings, *, flower_port: int | None) -> None:
    """Runs the stack until SIGINT or SIGTERM, with Flower when it is given a port. Raises `StackFailed`."""
    stopping = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopping.set())
    home = chosen.home.resolve()
    (home / "logs").mkdir(parents=True, exist_ok=True)
    chosen = replace(chosen, home=home, development=True)
    with ExitStack() as stack:
        stack.callback(forking.stop)
        _claim_home(home, stack)
        _check_port(chosen.host, chosen.port, "DOORBELL_PORT")
        if flower_port is not None:
            _check_port(FLOWER_HOST, flower_port, "--flower-port")
        chosen = _start_stores(chosen, stack)
        sink = Sink(home, free_port())
        sink.start()
        stack.callback(sink.stop)
        _install(chosen, sink.port)
        _run_children(chosen, _children(chosen, flower_port), stopping, stack)


def _claim_home(home: Path, stack: ExitStack) -> None:
    claimed = claim(home, PATIENCE)
    if claimed is None:
        raise StackFailed(f"a development stack runs already in {home}; stop it, or choose another DOORBELL_HOME")
    stack.callback(os.close, claimed)


def _check_port(host: str, port: int, setting: str) -> None:
    """Before anything is started: whoever else answers on that port would be taken for us."""
    problem = ""
    for _ in until(PATIENCE):
        try:
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
        except OSError as error:
            problem = str(error.strerror).partition(" (while")[0]  # create_server() repeats the address there.
        else:
            return
    raise StackFailed(f"nothing can listen on {host}:{port} ({problem}); choose another port with {setting}")


def _start_stores(chosen: Settings, stack: ExitStack) -> Settings:
    """Brings the servers that the settings do not name, and a key to encrypt with."""
    if chosen.encryption_keys is None:
        chosen = replace(chosen, encryption_keys=_encryption_key(chosen.home))
    if chosen.port == 0:
        chosen = replace(chosen, port=free_port())
    if chosen.database_url is None:
        click.echo("starting PostgreSQL")
        postgres = EmbeddedPostgres(chosen.home)
        stack.callback(postgres.stop)
        chosen = replace(chosen, database_url=postgres.start())
    if chosen.redis_url is None:
        click.echo("starting Redis")
        redis = EmbeddedRedis(chosen.home)
        stack.callback(redis.stop)
        chosen = replace(chosen, redis_url=redis.start())
    return chosen


def _encryption_key(home: Path) -> str:
    """The home's own, made once."""
    kept = home / "encryption.key"
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(new_key())
    return kept.read_text().strip()


def _install(chosen: Settings, smtp_port: int) -> None:
    click.echo("migrating and loading workflows")
    child = Child("install", "install", {"smtp_port": smtp_port})
    child.start(chosen)
    child.wait(time.monotonic() + START_TIMEOUT)
    if child.process is None or child.process.exitcode != 0:
        raise StackFailed(f"the database could not be set up: {_last_line(chosen, child)}")


def _children(chosen: Settings, flower_port: int | None) -> list[Child]:
    workers = [Child(f"worker-{each}", "work", {"name": f"worker-{each}@%h"}) for each in range(1, chosen.workers + 1)]
    watching = [Child("flower", "watch", {"address": FLOWER_HOST, "port": flower_port})] if flower_port else []
    return [Child("api", "serve"), *workers, Child("timers", "ring_in_time"), *watching]


def _run_children(chosen: Settings, children: list[Child], stopping: threading.Event, stack: ExitStack) -> None:
    stack.callback(_stop_all, children)
    click.echo("starting the API, workers and timers")
    for each in children:
        each.start(chosen)
    stack.callback(forget, chosen)
    _tell(chosen, children)
    _wait_until_served(chosen, children, stopping)
    if not stopping.is_set():
        click.echo(f"ready {address(chosen)}")
    while not stopping.wait(LOOK_INTERVAL):
        for each in [child for child in children if child.ended]:
            click.echo(f"{each.name} ended and is started again; its log is {chosen.home / 'logs' / each.name}.log")
            each.start(chosen)
            _tell(chosen, children)
    click.echo("stopping")


def _tell(chosen: Settings, children: list[Child]) -> None:
    tell(chosen, {each.name: each.process.pid for each in children if each.process})


def _stop_all(children: list[Child]) -> None:
    for each in children:
        each.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT
    for each in children:
        each.wait(deadline)


def _wait_until_served(chosen: Settings, children: list[Child], stopping: threading.Event) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while not stopping.wait(0.05):
        for each in [child for child in children if child.ended]:
            raise StackFailed(f"{each.name} could not be started: {_last_line(chosen, each)}")
        if _answers(f"{address(chosen)}/health"):
            return
        if time.monotonic() > deadline:
            raise StackFailed(f"the API does not answer at {address(chosen)} after {START_TIMEOUT:.0f} s")


_direct = build_opener(ProxyHandler({})).open


def _answers(url: str) -> bool:
    try:
        with _direct(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (HTTPError, URLError, OSError):
        return False


def _last_line(chosen: Settings, child: Child) -> str:
    said = (chosen.home / "logs" / f"{child.name}.log").read_text(errors="replace").splitlines()
    return next((line for line in reversed(said) if line.strip()), "it said nothing")
