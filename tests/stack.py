"""The development stack as somebody at a terminal has it: the real command, what it serves, and its processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2

SECRET = {"Authorization": "Bearer sk_test_doorbell"}

PATIENCE = 30.0
"""Seconds that anything may take on a busy machine."""

QUICK = {
    "DOORBELL_ACCEPT_LEASE": "1",
    "DOORBELL_STEP_LEASE": "1",
    "DOORBELL_LIFELINE_INTERVAL": "0.5",
    "DOORBELL_SMTP_TIMEOUT": "2",
    "DOORBELL_DELIVERY_LEASE": "3",
    "DOORBELL_DELIVERY_WINDOW": "60",
}
"""Settings with which a stack takes up again in a second what a killed process had in hand."""


def eventually(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Waits until the condition holds. Fails with what was waited for."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"after {patience:.0f} s still not so: {what}"
        time.sleep(0.1)


class Stack:
    """`doorbell dev` on a home of its own: embedded stores, a free port."""

    def __init__(self, home: Path, *options: str, **environment: str) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOORBELL_")},
            "DOORBELL_HOME": str(home),
            "DOORBELL_PORT": "0",
            "NO_PROXY": "127.0.0.1",
            **environment,
        }
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._output = home.with_suffix(".out")
        self.address = ""

    # Running it

    def start(self) -> Stack:
        """Starts it and waits for its line `ready http://…`."""
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "doorbell", "dev", *self._options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )
        eventually(lambda: self._ready() or self._process.poll() is not None, "the stack is ready", 60)  # type: ignore[union-attr]
        ready = self._ready()
        assert ready, self.output
        self.address = ready[1]
        return self

    def _ready(self) -> re.Match[str] | None:
        return re.search(r"^ready (http://\S+)$", self.output, re.MULTILINE)

    def stop(self) -> None:
        """Ctrl-C. Nothing that it started is left."""
        assert self._process
        started = self.processes()
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(60) == 0, self.output
        eventually(lambda: started.isdisjoint(_parents()), "every process of the stack has ended")

    def kill(self) -> None:
        """kill -9 of the supervisor. Nothing that it started lives on for long."""
        assert self._process
        started = self.processes()
        self._process.kill()
        self._process.wait()
        eventually(lambda: started.isdisjoint(_parents()), "every process of the killed stack has ended", 15)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def told(self) -> dict[str, Any]:
        """What the stack tells other terminals."""
        told: dict[str, Any] = json.loads((self.home / "stack.json").read_text())
        return told

    def processes(self) -> set[int]:
        """The supervisor and everything that descends from it."""
        assert self._process
        parents = _parents()
        found = {self._process.pid}
        while more := {each for each, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    # Using it

    def run(self, *command: str) -> str:
        """What a command says, that knows of the stack what a person's terminal would. Fails when it fails."""
        environment = {**self.environment, "KNOCK_BASE_URL": self.address}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def doorbell(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "doorbell", *arguments)

    def get(self, path: str) -> Any:
        with self._client() as client:
            answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def invite(self, *emails: str) -> None:
        """Triggers the invitation, one request for each."""
        with self._client() as client:
            for email in emails:
                body = {"recipients": [{"id": email, "email": email}], "cancellation_key": f"invite-{email}"}
                assert client.post("/v1/workflows/account-invite/trigger", json=body).status_code == 200

    def accept(self, email: str) -> None:
        with self._client() as client:
            body = {"cancellation_key": f"invite-{email}"}
            assert client.post("/v1/workflows/account-invite/cancel", json=body).status_code == 204

    def _client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.address, headers=SECRET, timeout=PATIENCE, trust_env=False)

    # What came of it

    def mail(self, email: str | None = None) -> list[dict[str, Any]]:
        return [each for each in self.get("/dev/mail.json") if email in (None, each["to"])]

    def subjects(self, email: str) -> list[str]:
        return [each["subject"] for each in self.mail(email)]

    def runs(self, email: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"/v1/workflow_recipient_runs?recipient={quote(email)}")["items"]
        return found

    def outcomes(self, message_id: str) -> list[str | None]:
        """What the ledger says of each attempt to deliver a message."""
        return [each["outcome"] for each in self.get(f"/v1/messages/{message_id}/delivery_logs")["items"]]


def _parents() -> dict[int, int]:
    """Every living process with its parent."""
    if Path("/proc/self/stat").exists():
        return dict(_from_proc())
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in listing.splitlines()]
    return {int(process): int(parent) for process, parent, state in found if not state.startswith("Z")}


def _from_proc() -> Iterator[tuple[int, int]]:
    for each in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (each / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            yield int(each.name), int(parent)
