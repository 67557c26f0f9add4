"""What tests of the API ask of an answer, and how they wait for what another thread does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx2

from api_shim.app import make_app
from tests.conftest import SECRET, CheckedClient

PRODUCTION = {"Authorization": "Bearer sk_live_doorbell"}

MINUTE = 60.0


def local_api() -> CheckedClient:
    """A new application, called from this machine with a secret key."""
    return CheckedClient(make_app(), client=("127.0.0.1", 1), raise_server_exceptions=False, headers=SECRET)


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["code"])


def fields(answer: httpx2.Response) -> list[str]:
    """Which fields a 422 complains about."""
    assert answer.status_code == 422, answer.text
    return [each["field"] for each in answer.json()["errors"]]


def trigger(
    api: CheckedClient, workflow: str = "welcome", recipients: Sequence[Any] = ("jane",), **request: Any
) -> httpx2.Response:
    return api.post(f"/v1/workflows/{workflow}/trigger", json={"recipients": list(recipients), **request})


def eventually(true: Callable[[], bool]) -> None:
    """Waits until another thread has seen what was told to it."""
    deadline = time.monotonic() + MINUTE
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
