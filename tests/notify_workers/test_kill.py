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
from tests.notify_workers.test_batches import JANE, publish, send

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


OPENING = ("step-in-redis", "step-window-opened", "step-activity-appended", "step-before-commit", "step-after-commit")
CLOSING = ("step-window-closed", "step-in-redis", "step-before-commit", "step-after-commit")


@pytest.fixture
def digest(engine: Engine) -> Engine:
    return publish(engine)


def arriving(digest: Engine, number: int) -> int:
    """The row of a run that is about to come to its batch, and whose bell is lost."""
    digest.trigger("digest", [JANE], data={"n": number})
    digest.answer(next(digest.bells()))
    list(digest.bells())
    return int(digest.one("select max(id) as id from due").id)


@pytest.mark.parametrize("where", OPENING)
def test_a_worker_killed_while_it_opens_a_window_leaves_one_that_everybody_joins(
    where: str, kill: Kill, digest: Engine, mail: MailServer
) -> None:
    kill(where, arriving(digest, 1))
    send(digest, 2)
    digest.advance(seconds=16)
    assert digest.count("batch_windows") == 1
    digest.advance(minutes=5)
    shown = mail.subjects()[0].removeprefix("2: ").split(";")
    assert (len(mail.messages), sorted(shown)) == (1, ["", "1 by ", "2 by "])


@pytest.mark.parametrize("where", [each for each in OPENING if each != "step-window-opened"])
def test_a_worker_killed_while_it_joins_a_window_is_in_it_once(
    where: str, kill: Kill, digest: Engine, mail: MailServer
) -> None:
    send(digest, 1)
    kill(where, arriving(digest, 2))
    digest.advance(seconds=16)
    digest.advance(minutes=5)
    assert mail.subjects() == ["2: 1 by ;2 by ;"]


@pytest.mark.parametrize("where", [each for each in OPENING if each != "step-window-opened"])
def test_a_worker_killed_while_it_fills_a_window_does_not_keep_it_from_closing(
    where: str, kill: Kill, engine: Engine, mail: MailServer
) -> None:
    publish(engine, batch_items_max_limit=2)
    send(engine, 1)
    kill(where, arriving(engine, 2))
    engine.advance(seconds=16)
    engine.advance(seconds=16)
    assert mail.subjects() == ["2: 1 by ;2 by ;"]


@pytest.mark.parametrize("where", CLOSING)
def test_a_worker_killed_while_it_closes_a_window_sends_it_once_with_whoever_came_meanwhile(
    where: str, kill: Kill, digest: Engine, mail: MailServer
) -> None:
    send(digest, 1, 2)
    carrier = digest.one("select id from due").id
    digest.rows("update clock set offset_seconds = offset_seconds + 300 returning 1")
    kill(where, carrier)
    late = where == "step-after-commit"
    send(digest, 3)
    digest.advance(seconds=16)
    digest.advance(seconds=16)
    assert mail.subjects() == (["2: 1 by ;2 by ;"] if late else ["3: 1 by ;2 by ;3 by ;"])
    digest.advance(minutes=5)
    assert len(mail.messages) == (2 if late else 1)


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
