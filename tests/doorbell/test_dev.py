"""`doorbell dev`: one clear refusal, one line when it serves, nothing left when it ends, and then everything again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest

from api_shim.app import make_app
from doorbell import dev, running
from doorbell.child_server import EmbeddedServerError
from doorbell.dev import StackFailed
from doorbell.embedded import free_port
from notify_workers import settings
from tests.conftest import SECRET, CheckedClient
from tests.stack import Stack, eventually

FLOWER = free_port()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With Flower, whose own API has no password here."""
    home = tmp_path_factory.mktemp("dev") / "home"
    started = Stack(home, "--flower", f"--flower-port={FLOWER}", FLOWER_UNAUTHENTICATED_API="true").start()
    yield started
    started.stop()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is waited for, and pytest gets its Ctrl-C back."""
    monkeypatch.setattr(dev, "PATIENCE", 0.0)
    kept = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in kept.items():
        signal.signal(each, handler)


def refusal(home: Path, port: int = 0, flower_port: int | None = None) -> str:
    """What a stack that cannot start says."""
    with pytest.raises((StackFailed, EmbeddedServerError)) as refused:
        dev.run(settings.Settings(home=home, port=port), flower_port=flower_port)
    return str(refused.value)


# Starting


def test_a_port_that_is_taken_is_named_in_one_sentence_and_nothing_is_started(stack: Stack, tmp_path: Path) -> None:
    port = stack.told()["port"]
    done = subprocess.run(
        [sys.executable, "-m", "doorbell", "dev"],
        env={**stack.environment, "DOORBELL_HOME": str(tmp_path), "DOORBELL_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: nothing can listen on 127.0.0.1:{port} (Address already in use); "
        "choose another port with DOORBELL_PORT\n"
    )
    assert not (tmp_path / "postgres").exists()


def test_flowers_port_is_looked_at_too(stack: Stack, tmp_path: Path, at_once: None) -> None:
    assert refusal(tmp_path, flower_port=FLOWER).endswith("choose another port with --flower-port")


def test_a_home_has_one_stack(stack: Stack, at_once: None) -> None:
    told = stack.told()
    said = f"a development stack runs already in {stack.home}; stop it, or choose another DOORBELL_HOME"
    assert refusal(stack.home) == said
    assert stack.told() == told


def test_a_server_that_cannot_start_is_quoted(tmp_path: Path, at_once: None) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    assert refusal(tmp_path).startswith("postgres ended with status 2:\n")


# While it runs


def test_flower_shows_each_step_with_its_run(stack: Stack) -> None:
    """Flower switches events on when it has found the workers, so invitations go out until it sees one."""
    invited = (f"flower-{number}@example.com" for number in range(1000))
    shown: list[tuple[str, str]] = []

    def seen() -> bool:
        stack.invite(next(invited))
        shown[:] = [(task["name"], task["args"]) for task in flower_tasks()]
        return any(name == "run_step" and args.endswith(", 'email_1')") for name, args in shown)

    eventually(seen, "Flower shows a step")
    runs = {run["id"] for run in stack.get("/v1/workflow_recipient_runs")["items"]}
    steps = [args for name, args in shown if name == "run_step" and args.endswith(", 'email_1')")]
    assert {args.split("'")[1] for args in steps} <= runs


def flower_tasks() -> list[dict[str, Any]]:
    try:
        with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{FLOWER}/api/tasks", timeout=10) as answer:
            return list(json.load(answer).values())
    except ConnectionError:
        return []


def test_other_terminals_find_it(stack: Stack) -> None:
    assert "sk_test_" in stack.doorbell("keys", "list")


def test_what_it_tells_other_terminals_is_for_its_owner_only(stack: Stack) -> None:
    assert (stack.home / "stack.json").stat().st_mode & 0o777 == 0o600


# Ending


def test_ctrl_c_leaves_nothing_running_and_the_next_start_has_everything(stack: Stack) -> None:
    stack.invite("kept@example.com")
    eventually(lambda: stack.subjects("kept@example.com"), "the invitation is there")
    address = stack.address
    stack.stop()
    assert not (stack.home / "stack.json").exists()
    with pytest.raises(OSError, match=r"."), socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))):
        pass
    stack.start()
    assert len(stack.subjects("kept@example.com")) == 1
    assert [run["status"] for run in stack.runs("kept@example.com")] == ["paused"]


def test_what_a_killed_stack_told_misleads_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is left behind, its lock is not: commands look at their own settings instead."""
    told = {"address": "http://127.0.0.1:1", "port": 1, "database_url": "postgresql://127.0.0.1:1/x", "redis_url": "x"}
    (tmp_path / "stack.json").write_text(json.dumps(told))
    monkeypatch.setattr(settings, "_chosen", settings.Settings(home=tmp_path))
    running.attach()
    assert settings.settings().database_url is None
    holder = running.claim(tmp_path)
    assert holder is not None
    running.attach()
    assert settings.settings().database_url == told["database_url"]
    os.close(holder)


# Only in development


@pytest.mark.parametrize("path", ["/dev/mail", "/dev/mail.json", "/dev/clock"])
def test_its_pages_are_absent_elsewhere(path: str, engine: object, change_settings: Any) -> None:
    change_settings(development=False)
    with CheckedClient(make_app(), client=("127.0.0.1", 50000), headers=SECRET) as client:
        assert client.get(path).status_code == 404
        assert client.post("/dev/clock/advance", json={"seconds": 1}).status_code == 404
