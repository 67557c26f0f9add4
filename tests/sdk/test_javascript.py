"""Knock's JavaScript clients, unmodified, against the development stack: each `.test.mjs` beside this file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from notify_workers.ids import channel_id
from tests.sdk.calls import IN_BROWSERS, IN_OLD_SDKS, IN_SDKS, operations
from tests.stack import Stack

pytestmark = pytest.mark.timeout(600)

FOLDER = Path(__file__).parent
CHANNELS = ("email", "in-app-feed", "second-feed", "in-app-guide", "sms", "push", "chat", "webhook")
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))

AT_ONCE = 2
"""Files at the same time: they mostly wait for Node to start."""

WEB_SOCKET = "process.allowedNodeEnvironmentFlags.has('--experimental-websocket') ? '--experimental-websocket' : ''"
"""What Node 20 needs for a socket as browsers have it; newer ones take it, and have it anyway."""


@pytest.fixture(scope="session")
def node() -> None:
    """Node is there when `make test` calls; on a desk it may be missing, in CI that is a failure."""
    missing = shutil.which("node") is None or not (FOLDER / "node_modules").is_dir()
    if missing and os.environ.get("CI") == "true":
        pytest.fail("Node or the packages of tests/sdk are missing")
    if missing:
        pytest.skip("THE JAVASCRIPT CLIENTS WERE NOT RUN: Node or the packages of tests/sdk are missing (`make test`)")


@dataclass(frozen=True)
class Runs:
    """What each file said, and the operations that each SDK called: `node`, `old` and `browser`."""

    ended: dict[str, subprocess.CompletedProcess[str]]
    called: dict[str, set[str]]


@pytest.fixture(scope="session")
def environment(node: None, stack: Stack) -> dict[str, str]:
    """What each file finds out about the stack from."""
    return {
        **stack.environment,
        "KNOCK_BASE_URL": stack.address,
        "DOORBELL_TEST_CHANNELS": json.dumps({key: str(channel_id(key)) for key in CHANNELS}),
        "DOORBELL_TEST_PYTHON": sys.executable,
        "NODE_OPTIONS": _said("node", "--print", WEB_SOCKET),
    }


def _run(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["node", "--test-reporter=spec", str(FOLDER / name)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="session")
def runs(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    calls = tmp_path_factory.mktemp("calls") / "calls.txt"
    noting = {**environment, "DOORBELL_TEST_CALLS": str(calls)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = dict(zip(FILES, pool.map(lambda name: _run(name, noting), FILES), strict=True))
    called: dict[str, list[str]] = {}
    for line in calls.read_text().splitlines():
        sdk, call = line.split(" ", 1)
        called.setdefault(sdk, []).append(call)
    return Runs(ended, {sdk: operations(made) for sdk, made in called.items()})


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", FILES)
def test_javascript(name: str, runs: Runs) -> None:
    ended = runs.ended[name]
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]


def test_feeds_come_back_after_the_server_has_ended(runs: Runs, environment: dict[str, str]) -> None:
    """After all the others, who need the server."""
    ended = _run("feed-restart.mjs", environment)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]


def test_the_newest_sdk_called_every_operation_that_it_has(runs: Runs) -> None:
    assert sorted(IN_SDKS - runs.called["node"]) == []


def test_an_old_sdk_called_the_operations_that_only_old_ones_have(runs: Runs) -> None:
    assert sorted(IN_OLD_SDKS - runs.called["old"]) == []


def test_a_browser_called_every_operation_that_its_client_has(runs: Runs) -> None:
    assert sorted(IN_BROWSERS - runs.called["browser"]) == []
