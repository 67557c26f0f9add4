"""What the benchmarks measure: the product's own processes on embedded stores, in a folder that is thrown away."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from doorbell.embedded import EmbeddedPostgres, EmbeddedRedis, free_port
from notify_workers import installation
from notify_workers.redis_client import client
from notify_workers.settings import Settings, choose, export
from notify_workers.store import session


@dataclass(frozen=True)
class Stack:
    settings: Settings
    sink_port: int
    redis_pid: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A child process with the stack's settings, ended at the end."""
        with (self.settings.home / "processes.log").open("ab") as log:
            running = subprocess.Popen([sys.executable, "-m", *arguments], stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.process("doorbell", "serve") as running:
            wait_for(lambda: answers(f"{self.address}/health"), 60, "the API")
            yield running


@contextmanager
def stack(**changes: object) -> Iterator[Stack]:
    """Empty stores and a mail sink that answers at once; no process of the product yet."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorbell-bench-")))
        postgres, redis = EmbeddedPostgres(home), EmbeddedRedis(home)
        stack.callback(redis.stop)
        stack.callback(postgres.stop)
        urls = {"database_url": postgres.start(), "redis_url": redis.start()}
        settings = Settings(home=home, port=free_port(), development=True, **urls, **changes)  # type: ignore[arg-type]
        choose(settings)
        export(settings)
        stack.callback(_forget)
        sink_port = free_port()
        made = Stack(settings, sink_port, int((home / "redis.pid").read_text()))
        stack.enter_context(made.process("benchmarks.sink", str(sink_port)))
        installation.install()
        installation.install_development(sink_port)
        yield made


def _forget() -> None:
    """Closes what this process has opened, so that the next benchmark starts from nothing."""
    session.close()
    client().close()
    client.cache_clear()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def wait_for(happened: object, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)


def resident_megabytes(pid: int) -> float:
    """The resident memory of a process, by /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
