"""Knock's JavaScript clients, unmodified, against the development stack: each `.test.mjs` beside this file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from notify_workers.ids import channel_id
from tests.sdk.calls import IN_SDKS, operations
from tests.stack import Stack

FOLDER = Path(__file__).parent
CHANNELS = ("email", "in-app-feed", "in-app-guide", "sms", "push", "chat", "webhook")
FILES = sorted(path.name for path in FOLDER.glob("*.test.mjs"))


@pytest.fixture(scope="session")
def node() -> None:
    """Node is there when `make test` calls; on a desk it may be missing, in CI that is a failure."""
    missing = shutil.which("node") is None or not (FOLDER / "node_modules").is_dir()
    if missing and os.environ.get("CI") == "true":
        pytest.fail("Node or the packages of tests/sdk are missing")
    if missing:
        pytest.skip("THE JAVASCRIPT CLIENTS WERE NOT RUN: Node or the packages of tests/sdk are missing (`make test`)")


@pytest.fixture(scope="session")
def runs(
    node: None, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, subprocess.CompletedProcess[str]], set[str]]:
    """What each file said, and the operations that they called."""
    calls = tmp_path_factory.mktemp("calls") / "calls.txt"
    environment = {
        **stack.environment,
        "KNOCK_BASE_URL": stack.address,
        "DOORBELL_TEST_CALLS": str(calls),
        "DOORBELL_TEST_CHANNELS": json.dumps({key: str(channel_id(key)) for key in CHANNELS}),
    }
    ended = {
        name: subprocess.run(
            ["node", "--test", "--test-reporter=spec", str(FOLDER / name)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        for name in FILES
    }
    return ended, operations(calls.read_text().splitlines())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FILES)
def test_javascript(name: str, runs: tuple[dict[str, subprocess.CompletedProcess[str]], set[str]]) -> None:
    ended = runs[0][name]
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]


def test_every_operation_was_called(runs: tuple[dict[str, subprocess.CompletedProcess[str]], set[str]]) -> None:
    assert sorted(IN_SDKS - runs[1]) == []
