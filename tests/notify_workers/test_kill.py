"""Workers killed with -9, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from notify_workers.settings import Settings
from tests.engine import Engine
from tests.mail_server import MailServer

ROOT = Path(__file__).parents[2]


Kill = Callable[[str, int], None]
"""Executes the work that a row owes in a process that dies at the place of that name."""


@pytest.fixture(scope="module")
def kill(stores: Settings) -> Iterator[Kill]:
    environment = {**os.environ, "DOORBELL_DATABASE_URL": stores.database, "DOORBELL_REDIS_URL": stores.redis}
    command = [sys.executable, "-m", "tests.notify_workers.victim"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, cwd=ROOT, text=True, **pipes) as victims:  # type: ignore[call-overload]

        def kill(where: str, due_id: int) -> None:
            print(where, due_id, file=victims.stdin, flush=True)
            assert int(victims.stdout.readline()) == signal.SIGKILL

        yield kill
        victims.stdin.close()


@pytest.mark.parametrize("where", ["step-before-commit", "step-after-commit"])
def test_a_worker_killed_in_a_step_costs_a_lease(where: str, kill: Kill, invite: Engine, mail: MailServer) -> None:
    invite.trigger("account-invite", ["jane"])
    invite.answer(next(invite.bells()))
    list(invite.bells())
    kill(where, invite.one("select id from due").id)
    assert list(invite.bells()) == []
    invite.advance(seconds=16)
    assert (mail.subjects(), invite.statuses()) == (["Subject of email_1"], {"paused": 1})
    invite.advance(days=3)
    assert (mail.subjects(), invite.statuses()) == (["Subject of email_1", "Subject of email_2"], {"completed": 1})


@pytest.mark.parametrize(
    ("where", "outcomes", "mails"),
    [
        ("delivery-after-intent", ["unknown", "sent"], 1),
        ("delivery-before-the-provider", ["unknown", "sent"], 1),
        ("delivery-after-the-provider", ["unknown", "sent"], 2),
        ("delivery-after-the-outcome", ["sent"], 1),
    ],
)
def test_a_worker_killed_in_a_delivery_leaves_an_unknown_outcome_and_the_same_name(
    where: str, outcomes: list[str], mails: int, kill: Kill, invite: Engine, mail: MailServer
) -> None:
    invite.trigger("account-invite", ["jane"])
    for _ in range(2):
        invite.answer(next(invite.bells()))
    list(invite.bells())
    kill(where, invite.one("select id from due where kind = 'delivery'").id)
    invite.expire_leases()
    invite.tick()
    found = invite.rows("select outcome from delivery_attempts order by attempt")
    assert [row.outcome for row in found] == outcomes
    assert (len(mail.messages), len({each["Message-ID"] for each in mail.messages})) == (mails, 1)
    assert invite.one("select status from messages").status == "sent"
