"""A server program as a child process of ours, with its data in one folder.

The rule: **a server lives exactly as long as the process that started it.** `stop()` ends it and waits; when the
process dies without a word (kill -9), a watchdog sees its pipe close and ends the server.

Two locks per server, both dropped by the kernel with the last process that holds them, so that nothing here has to
trust a number in an old file:

- `<name>.owner` is held by the process that started the server. Whoever calls `start()` on the same home meanwhile gets
  the running server's URL, and its `stop()` leaves that server alone.
- `<name>.pid` is held by the server and its children. Whoever gets this one knows that nobody writes to the data any
  more. It contains the server's process id, for the case that a watchdog was killed as well.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

START_SECONDS = 60  # The recovery after a kill -9 is part of a start.
STOP_SECONDS = 10
POLL_SECONDS = 0.01
SOCKET_PATH_LIMIT = 103  # Bytes, macOS; Linux takes 107.

# Servers get nothing of the caller's environment: PGPORT or LC_ALL of a terminal must not change how they run.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}

# A line on stdin = the server was stopped in the ordinary way. End of file without one = the supervisor is dead.
WATCHDOG = """
trap '' HUP INT TERM
read -r farewell && exit 0
kill -s "$2" "$1" 2>/dev/null
left=100
while [ $left -gt 0 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; left=$((left - 1)); done
kill -s KILL "$1" 2>/dev/null
"""


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be started; the message says what to do about it."""


class Account(NamedTuple):
    """The system user that a server runs as. `groups`: supplementary groups, None = the caller's."""

    uid: int
    gid: int
    groups: Sequence[int] | None


class ChildServer(ABC):
    """One server below `home`: what PostgreSQL and Redis have in common."""

    name: str
    socket_name: str
    stop_signal: signal.Signals

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.folder = self.home / self.name
        self.socket_folder = _socket_folder(self.folder, self.socket_name)
        self._owner: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def _prepare(self, account: Account) -> None:
        """Makes the folders and what must be in them."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self) -> bool: ...

    def _account(self) -> Account:
        return Account(os.getuid(), os.getgid(), None)

    def start(self) -> str:
        """The URL of the server, which answers. Starts it unless it runs, be it in another process.

        Raises `EmbeddedServerError` when the server ends or does not answer within a minute.
        """
        if self._process is not None and self._process.poll() is None:
            return self.url
        self.stop()  # What is left of a server that ended by itself.
        self.home.mkdir(parents=True, exist_ok=True)
        for _ in until(START_SECONDS):
            self._owner = lock(self._file("owner"))
            if self._owner is not None:
                return self._start_own()
            if self._answers():
                return self.url
        raise EmbeddedServerError(f"{self.name}: another process owns {self.folder}, but its server does not answer")

    def stop(self) -> None:
        """Ends the server in its ordinary way and waits until no process of it is left. Twice is harmless."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """Ends the server with kill -9. The next `start()` recovers."""
        self._end(signal.SIGKILL)

    def restart(self) -> str:
        self.stop()
        return self.start()

    def _start_own(self) -> str:
        try:
            claim = self._claim()
            try:
                account = self._account()
                self._prepare(account)
                self._launch(account, claim)
            finally:
                os.close(claim)
            self._wait()
        except BaseException:  # Also Ctrl-C: nothing stays behind.
            self._end(signal.SIGKILL)
            raise
        return self.url

    def _claim(self) -> int:
        """The lock on the data. Ends a server that was left behind together with its killed supervisor and watchdog."""
        for how, patience in ((None, 2), (self.stop_signal, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            if how is not None:
                self._signal_recorded(how)
            if (claim := lock(self._file("pid"), patience)) is not None:
                os.ftruncate(claim, 0)
                return claim
        raise EmbeddedServerError(f"{self.name}: processes of an earlier server still use {self.folder}")

    def _signal_recorded(self, how: signal.Signals) -> None:
        number = self._file("pid").read_text().strip()
        if number:
            with suppress(ProcessLookupError):
                os.kill(int(number), how)

    def _launch(self, account: Account, claim: int) -> None:
        with self._file("log").open("ab") as output:
            process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=ENVIRONMENT,
                pass_fds=[claim],
                start_new_session=True,  # Ctrl-C in the terminal is the supervisor's to handle.
                user=account.uid,
                group=account.gid,
                extra_groups=account.groups,
            )
        self._process = process
        os.pwrite(claim, f"{process.pid}\n".encode(), 0)
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, f"doorbell-{self.name}-watchdog", str(process.pid), self.stop_signal.name[3:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
        )

    def _wait(self) -> None:
        assert self._process is not None
        for _ in until(START_SECONDS):
            if (status := self._process.poll()) is not None:
                raise EmbeddedServerError(f"{self.name} ended with status {status}:\n{self._end_of_log()}")
            if self._answers():
                return
        raise EmbeddedServerError(f"{self.name} does not answer after {START_SECONDS} seconds:\n{self._end_of_log()}")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            _end_process(self._process, how)
        if self._watchdog is not None:
            self._watchdog.communicate(b"farewell\n")
        if self._process is not None:
            os.truncate(self._file("pid"), 0)  # The number may be given to another process from now on.
            os.close(self._claim())  # Children of a killed server may need a moment more.
        if self._owner is not None:
            os.close(self._owner)
        self._process = self._watchdog = self._owner = None

    def _file(self, kind: str) -> Path:
        return self.home / f"{self.name}.{kind}"

    def _end_of_log(self) -> str:
        return "\n".join(self._file("log").read_text(errors="replace").splitlines()[-15:])


def make_private(folder: Path, account: Account) -> None:
    """Makes a folder that only `account` (and root) can enter. Refuses one that somebody else has put in its place."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), account.uid}:
        raise EmbeddedServerError(f"{folder} belongs to another user: remove it, or choose another DOORBELL_HOME")
    folder.chmod(0o700)
    os.chown(folder, account.uid, account.gid)


def _end_process(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until(seconds: float) -> Iterator[None]:
    """Once at least, then every `POLL_SECONDS` until `seconds` have passed."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        yield


def lock(path: Path, patience: float = 0) -> int | None:
    """A descriptor that holds the lock on `path`; None when others hold it for `patience` seconds more."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in until(patience):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    os.close(descriptor)
    return None


def _socket_folder(folder: Path, socket_name: str) -> Path:
    """`folder`, or a short one below the system's temporary folder when the socket's path would not do.

    It would not when it is too long, nor with a comma, which separates hosts for PostgreSQL and its clients.
    """
    if len(os.fsencode(folder / socket_name)) <= SOCKET_PATH_LIMIT and "," not in str(folder):
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"doorbell-{os.getuid()}-{digest}"
