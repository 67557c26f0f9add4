"""kill -9 in the middle of invitations: nobody is forgotten, and whoever hears twice is in the ledger as unknown."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.stack import QUICK, Stack, eventually


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("killed") / "home", **QUICK).start()
    yield running
    running.stop()


def guests(name: str, number: int) -> list[str]:
    return [f"{name}-{each}@example.com" for each in range(number)]


def everybody_has_mail(stack: Stack, invited: list[str]) -> bool:
    return {mail["to"] for mail in stack.mail()} >= set(invited)


def nothing_is_under_way(stack: Stack) -> bool:
    return not stack.get("/v1/messages?status[]=queued&status[]=delivery_attempted")["items"]


def check_each_once(stack: Stack, invited: list[str]) -> None:
    """One message for each, and one mail; more of it only where an attempt's result is unknown."""
    eventually(lambda: everybody_has_mail(stack, invited), "everybody has the invitation")
    eventually(lambda: nothing_is_under_way(stack), "every message is settled")
    mails = [mail for mail in stack.mail() if mail["to"] in invited]
    assert len({mail["message_id"] for mail in mails}) == len(invited)
    received = [mail["message_id"] for mail in mails]
    for twice in {each for each in received if received.count(each) > 1}:
        assert "unknown" in stack.outcomes(twice)


def test_a_worker_killed_in_the_middle_of_a_burst(stack: Stack) -> None:
    invited = guests("worker", 60)
    stack.invite(*invited[:30])
    worker = stack.told()["processes"]["worker-1"]
    os.kill(worker, signal.SIGKILL)
    stack.invite(*invited[30:])
    check_each_once(stack, invited)
    eventually(lambda: stack.told()["processes"]["worker-1"] != worker, "the worker is started again")
    assert "worker-1 ended and is started again" in stack.output


def test_a_supervisor_killed_right_after_a_burst(stack: Stack) -> None:
    invited = guests("supervisor", 40)
    stack.invite(*invited)
    stack.kill()
    stack.start()
    check_each_once(stack, invited)
