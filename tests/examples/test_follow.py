"""The example that follows a feed by Server-Sent Events: nothing is missed, whichever side is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.stack import SECRET, Stack, eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "feed" / "follow.py"
WORKFLOW = "account-invite-accepted"


@pytest.fixture
def follow(stack: Stack, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the program, which remembers in the test's folder where it was."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, str(EXAMPLE), "follower"]
        environment = {**stack.environment, "KNOCK_BASE_URL": stack.address}
        with (tmp_path / "said").open("a") as output:
            started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()


def said(folder: Path) -> list[str]:
    """Each event and the count of unseen items."""
    lines = [line.split(" ") for line in (folder / "said").read_text().splitlines()]
    return [f"{kind} {unseen}" for kind, _, unseen in lines if kind != "ready"]


def send(stack: Stack) -> None:
    url = f"{stack.address}/v1/workflows/{WORKFLOW}/trigger"
    answer = httpx2.post(url, json={"recipients": ["follower"]}, headers=SECRET, trust_env=False)
    assert answer.status_code == 200, answer.text


def test_a_feed_is_followed_through_the_death_of_either_side(
    stack: Stack, follow: Callable[[], subprocess.Popen[str]], tmp_path: Path
) -> None:
    program = follow()
    eventually(lambda: (tmp_path / ".feed-follower").exists(), "the stream is open")
    send(stack)
    eventually(lambda: said(tmp_path) == ["created 1"], "the item is told")
    program.kill()
    program.wait()
    send(stack)
    follow()
    eventually(lambda: said(tmp_path) == ["created 1", "created 2"], "what came meanwhile is told")
    api = stack.told()["processes"]["api"]
    asked = time.monotonic()
    os.kill(api, signal.SIGTERM)
    eventually(lambda: not Path(f"/proc/{api}").exists(), "the API has ended")
    assert time.monotonic() - asked < 8, "the API waited for a stream that has no end"
    eventually(lambda: is_up(stack), "the API is started again")
    send(stack)
    eventually(lambda: said(tmp_path) == ["created 1", "created 2", "created 3"], "the stream goes on by itself")


def is_up(stack: Stack) -> bool:
    try:
        return httpx2.get(f"{stack.address}/health", trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
