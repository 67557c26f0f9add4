"""Several workers and timers at once, every bell rung twice, and cancellations in between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from notify_workers import clock, pending, queue
from notify_workers.redis_client import client
from notify_workers.timers import Timers
from tests.engine import Engine, decode
from tests.mail_server import MailServer

RUNS = 16


@contextmanager
def workers(engine: Engine, number: int) -> Iterator[None]:
    """So many threads that answer each bell twice, and two timer processes. Leaves when nothing is to be done any more."""
    stopping = Event()

    def work() -> None:
        while not stopping.is_set():
            for name in queue.QUEUES:
                while (message := client().rpop(name)) is not None:
                    bell = decode(message)  # type: ignore[arg-type]
                    for _ in range(2 if bell.countdown < 0.01 else 0):
                        engine.answer(bell)
            stopping.wait(0.01)

    def ring() -> None:
        timers = Timers()
        while not stopping.wait(0.05):
            timers.publish()

    with ThreadPoolExecutor(number + 2) as threads:
        hands: list[Future[None]] = [threads.submit(work) for _ in range(number)]
        hands += [threads.submit(ring) for _ in range(2)]
        try:
            yield
            owed = "select count(*) as number from due where due_at <= engine_now()"
            while pending.count() or engine.one(owed).number:
                stopping.wait(0.02)
        finally:
            stopping.set()
        for hand in hands:
            hand.result(10)


def test_many_workers_lose_nobody_double_nobody_and_obey_cancellations(invite: Engine, mail: MailServer) -> None:
    with workers(invite, 4):
        for number in range(RUNS):
            recipients = [{"id": f"{who}{number}", "email": f"{who}{number}@example.com"} for who in "ab"]
            invite.trigger("account-invite", recipients, cancellation_key=f"k{number}")
            if number % 4 == 0:
                invite.cancel("account-invite", f"k{number}", f"a{number}")
    with workers(invite, 4):
        clock.advance(3 * 86_400 + 1)
    for number in range(RUNS):
        reminded = ["Subject of email_1", "Subject of email_2"]
        assert mail.subjects(f"b{number}@example.com") == reminded
        if number % 4:
            assert mail.subjects(f"a{number}@example.com") == reminded
        else:
            assert "Subject of email_2" not in mail.subjects(f"a{number}@example.com")
    assert (invite.count("due"), invite.statuses()) == (0, {"completed": RUNS * 7 // 4, "cancelled": RUNS // 4})
