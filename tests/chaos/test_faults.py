"""Real processes, real `kill -9`: everybody gets one first mail and one reminder, or the ledger says why not; and each
comment is in one batch."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from tests.chaos import batches
from tests.chaos.stack import Misfortune, Stack, wait_for
from tests.engine import email_step

RUNS = int(os.environ.get("DOORBELL_CHAOS_RUNS", "120"))
SEED = int(os.environ.get("DOORBELL_CHAOS_SEED", "7"))
DELAY_SECONDS = 10 + RUNS // 40
CLIENTS = 12

WORKFLOW = {
    "name": "Invite",
    "steps": [
        email_step("email_1", subject="first"),
        {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "seconds", "value": DELAY_SECONDS}}},
        email_step("email_2", subject="reminder"),
    ],
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("chaos"), {"invite": WORKFLOW, "digest": batches.DIGEST})
    yield made
    made.stop()


@dataclass
class Application:
    """Invites people and cancels every third invitation, tells readers of comments and withdraws some, again and again
    until it is answered, as the SDKs do."""

    stack: Stack
    cancelled_at: dict[str, float] = field(default_factory=dict)
    withdrawn_at: dict[int, float] = field(default_factory=dict)
    retries: int = 0

    def invite(self, number: int) -> None:
        person = f"person-{number}@example.com"
        body = {"recipients": [{"id": person, "email": person, "name": person}], "cancellation_key": person}
        self._post("/v1/workflows/invite/trigger", body, {"Idempotency-Key": uuid4().hex})
        if number % 3 == 0:
            time.sleep(random.Random(number).choice([0, 0.05, 0.5, 8]))
            self._post("/v1/workflows/invite/cancel", {"cancellation_key": person}, {})
            self.cancelled_at[person] = time.time()

    def comment(self, number: int) -> None:
        time.sleep(batches.seconds_before(number))
        reader = batches.reader(number, RUNS)
        body = {
            "recipients": [{"id": reader, "email": reader}],
            "data": {"n": number},
            "cancellation_key": f"comment-{number}",
        }
        self._post("/v1/workflows/digest/trigger", body, {"Idempotency-Key": uuid4().hex})
        if batches.is_withdrawn(number):
            time.sleep(batches.seconds_to_withdrawal(number))
            self._post("/v1/workflows/digest/cancel", {"cancellation_key": f"comment-{number}"}, {})
            self.withdrawn_at[number] = time.time()

    def _post(self, path: str, body: object, headers: dict[str, str]) -> None:
        headers = {"Authorization": "Bearer sk_test_doorbell", **headers}
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            request = Request(f"http://127.0.0.1:{self.stack.port}{path}", json.dumps(body).encode(), headers)
            try:
                with urlopen(request, timeout=15):
                    return
            except HTTPError as error:
                if error.code != 503:
                    raise AssertionError(f"{path} answered {error.code}: {error.read().decode()}") from error
            except (URLError, OSError, HTTPException):
                pass
            self.retries += 1
            time.sleep(0.2)
        raise AssertionError(f"{path} was not answered for two minutes")


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_everybody_gets_each_mail_once_while_everything_is_killed(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    misfortune, application = Misfortune(stack, SEED), Application(stack)
    _invite_everybody(stack, application, misfortune)
    wait_for(lambda: _accepted(stack) == 2 * RUNS, 120, "every trigger to be accepted")
    misfortune.do("Redis flushed", stack.flush_redis)
    for _ in range(4 + RUNS // 200):
        time.sleep(misfortune.pause())
        misfortune.strike()
    misfortune.everything_once()
    wait_for(lambda: stack.number("select count(*) from due") == 0, 180 + RUNS // 4, "nothing to be owed any more")
    report = _report(stack, application, misfortune)
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(report, indent=2)}\n")
    if directory := os.environ.get("DOORBELL_CHAOS_REPORT"):
        Path(directory).write_text(json.dumps(report, indent=2) + "\n")
    assert report["problems"] == []


def _invite_everybody(stack: Stack, application: Application, misfortune: Misfortune) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        futures = [
            clients.submit(do, number) for number in range(RUNS) for do in (application.invite, application.comment)
        ]
        inviting = Thread(target=lambda: [each.result() for each in futures])
        inviting.start()
        while inviting.is_alive():
            time.sleep(misfortune.pause())
            misfortune.strike()
    for each in futures:
        each.result()


def _accepted(stack: Stack) -> int:
    return stack.number("select count(*) from triggers")


RUNS_OF_INVITES = "select recipient_id, status from recipient_runs where workflow_key = 'invite'"
MESSAGES = """
    select m.id, m.recipient_id, m.step_ref, m.status, r.status as run,
        coalesce(json_agg(json_build_object('attempt', a.attempt, 'outcome', a.outcome, 'started', a.started_at)
            order by a.attempt) filter (where a.attempt is not null), '[]') as attempts
    from messages m join recipient_runs r on r.id = m.run_id left join delivery_attempts a on a.message_id = m.id
    where m.workflow_key = 'invite'
    group by 1, 2, 3, 4, 5
"""


def _report(stack: Stack, application: Application, misfortune: Misfortune) -> dict[str, object]:
    """What came, and everything that should not be."""
    received = Counter((str(mail["To"]), str(mail["Subject"])) for mail in stack.mail.messages)
    messages = stack.rows(MESSAGES)
    runs = {row["recipient_id"]: row["status"] for row in stack.rows(RUNS_OF_INVITES)}
    digest = batches.report(stack, RUNS, application.withdrawn_at)
    unknown = {(each["recipient_id"], each["step_ref"]) for each in messages if _has(each, "unknown")}
    problems = [
        *_never_run(runs),
        *_missing_or_doubled(application, received, runs, unknown),
        *_sent_after_cancellation(application, messages),
        *(
            f"run of {who} is still {status}"
            for who, status in runs.items()
            if status not in {"completed", "cancelled"}
        ),
        *digest.pop("problems"),
    ]
    first = sum(count > 0 for (_, subject), count in received.items() if subject == "first")
    return {
        "runs": RUNS,
        "misfortunes": misfortune.counts,
        "requests repeated by the clients": application.retries,
        "first mails": first,
        "reminders": sum(count > 0 for (_, subject), count in received.items() if subject == "reminder"),
        "cancelled runs": sum(status == "cancelled" for status in runs.values()),
        "cancelled before the first mail": RUNS - first,
        "mails that came twice, their attempt unknown": sum(count > 1 for count in received.values()),
        "unknown attempts": len(unknown),
        **digest,
        "problems": problems,
    }


def _has(message: dict[str, object], outcome: str) -> bool:
    attempts: list[dict[str, object]] = message["attempts"]  # type: ignore[assignment]
    return any(each["outcome"] == outcome for each in attempts)


STEP = {"first": "email_1", "reminder": "email_2"}


def _never_run(runs: dict[str, str]) -> list[str]:
    return [f"person-{n}@example.com has no run" for n in range(RUNS) if f"person-{n}@example.com" not in runs]


def _missing_or_doubled(
    application: Application, received: Counter[tuple[str, str]], runs: dict[str, str], unknown: set[tuple[str, str]]
) -> list[str]:
    problems = []
    for number in range(RUNS):
        person = f"person-{number}@example.com"
        for subject, step in STEP.items():
            count = received[person, subject]
            if count == 0 and runs.get(person) != "cancelled":
                problems.append(f"{person} never got the {subject}")
            if count > 1 and (person, step) not in unknown:
                problems.append(f"{person} got the {subject} {count} times, and no attempt is unknown")
        if person in application.cancelled_at and received[person, "reminder"] and runs.get(person) == "cancelled":
            problems.append(f"{person}'s run is cancelled, and the reminder came")
    return problems


def _sent_after_cancellation(application: Application, messages: list[dict[str, object]]) -> list[str]:
    """Attempts that started after the cancellation had been answered."""
    problems = []
    for message in messages:
        cancelled = application.cancelled_at.get(str(message["recipient_id"]))
        attempts: list[dict[str, str]] = message["attempts"]  # type: ignore[assignment]
        late = [
            each for each in attempts if cancelled and datetime.fromisoformat(each["started"]).timestamp() > cancelled
        ]
        if any(each["outcome"] != "cancelled" for each in late):
            problems.append(f"{message['recipient_id']} {message['step_ref']} was sent after its cancellation: {late}")
    return problems
