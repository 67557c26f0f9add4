"""What each kind of process does. The command line starts one; the development stack forks several from one import."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import uvicorn

import api_shim.app  # noqa: F401  imported before the stack forks
import notify_workers.tasks  # noqa: F401  registers the tasks
from notify_workers import installation, timers
from notify_workers.errors import SettingsInvalid, kind_and_place
from notify_workers.queue import QUEUES, app
from notify_workers.settings import settings


def log_to_stderr() -> None:
    logging.basicConfig(
        level=settings().log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )


class _WithoutWords(logging.Filter):
    """Which task failed and where: what the error says is left out, for it may quote what people wrote."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception):
            task = getattr(record, "data", {})
            record.msg, record.args = "%s [%s] failed: %s", (task.get("name"), task.get("id"), kind_and_place(error))
            record.exc_info = record.exc_text = None
        return True


_without_words = _WithoutWords()


def keep_words_out() -> None:
    """Of what Celery logs of tasks that fail."""
    logging.getLogger("celery.app.trace").addFilter(_without_words)


def require_stores() -> None:
    """Raises `SettingsInvalid` with each store that no setting names: without it a process could only wait for ever."""
    problems: list[str] = []
    for name in ("database", "redis"):
        try:
            getattr(settings(), name)
        except SettingsInvalid as error:
            problems += error.problems
    if problems:
        raise SettingsInvalid(problems)


def serve() -> None:
    """The API, until SIGTERM."""
    require_stores()
    log_to_stderr()
    uvicorn.run(
        "api_shim.app:make_app",
        factory=True,
        host=settings().host,
        port=settings().port,
        workers=settings().api_processes,
        loop="uvloop",
        http="httptools",
        log_level=settings().log_level.lower(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        backlog=4096,
        ws="websockets-sansio",
        ws_max_size=settings().socket_frame,
        ws_per_message_deflate=False,  # a compressor for each socket takes more memory than all else of it
        ws_ping_interval=None,  # clients beat by themselves, and silent ones are closed
    )


def work(
    queues: str = ",".join(QUEUES), threads: int | None = None, name: str = "worker-%p@%h", events: bool = False
) -> None:
    """A Celery worker, until SIGTERM. `%p` in its name is its process id, `%h` the host's name."""
    require_stores()
    log_to_stderr()
    keep_words_out()
    arguments = ["worker", "-P", "threads", "-c", str(threads or settings().worker_threads), "-Q", queues]
    arguments += [
        "-n",
        name.replace("%p", str(os.getpid())),
        "-l",
        settings().log_level,
        "--without-gossip",
        "--without-mingle",
    ]
    app.worker_main([*arguments, "-E"] if events else arguments)


def ring_in_time() -> None:
    """A timer process, until SIGTERM."""
    require_stores()
    log_to_stderr()
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    timers.run(stopping.is_set)


def watch(address: str = "127.0.0.1", port: int = 5555) -> None:
    """Flower, until SIGTERM."""
    log_to_stderr()
    app.start(["flower", f"--address={address}", f"--port={port}", "--max_tasks=2000"])


def install(smtp_port: int) -> None:
    """What the development stack needs in its database. Ends by itself."""
    log_to_stderr()
    installation.install()
    installation.install_development(smtp_port)
