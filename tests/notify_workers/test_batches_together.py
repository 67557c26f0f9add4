"""Many workers at one window at once: they agree on it, none waits for ever, and the rows add up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from notify_workers import clock, queue, runner
from notify_workers.queue import Bell
from notify_workers.redis_client import client
from notify_workers.store.purges import delete_recipient
from notify_workers.store.session import transaction
from notify_workers.timers import Timers
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from tests.notify_workers.test_batches import JANE, batch_step
from workflows.recipients import USERS, Reference

NUMBERS = "{{ total_activities }}: {% for each in activities %}{{ each.n }},{% endfor %}"
THREADS = 8


@pytest.fixture(autouse=True)
def no_step_fails(engine: Engine) -> Iterator[None]:
    """A deadlock would be a failed attempt, and the next one would hide it."""
    yield
    assert "step_attempt_failed" not in engine.log()


def publish(engine: Engine, **settings: Any) -> None:
    engine.publish("digest", [batch_step(batch_items_render_limit=100, **settings), email_step(subject=NUMBERS)])


def waiting(engine: Engine, count: int) -> list[Bell]:
    """Bells of runs that are about to come to their batch."""
    first = engine.count("triggers")
    for number in range(first, first + count):
        engine.trigger("digest", [JANE], data={"n": number}, cancellation_key=f"key-{number}")
    bells = list(engine.bells())
    for bell in bells:
        engine.answer(bell)
    return list(engine.bells())


def together(*works: Callable[[], object]) -> None:
    """Does everything at once, and fails with whatever fails."""
    start = Barrier(len(works))

    def do(work: Callable[[], object]) -> None:
        start.wait(20)
        work()

    with ThreadPoolExecutor(len(works)) as threads:
        for hand in [threads.submit(do, work) for work in works]:
            hand.result(60)


def answering(engine: Engine, bells: Sequence[Bell]) -> list[Callable[[], object]]:
    """So many hands, each with its share of the bells."""

    def answer(share: Sequence[Bell]) -> None:
        for bell in share:
            engine.answer(bell)

    return [partial(answer, bells[each::THREADS]) for each in range(THREADS)]


def numbers(mail: MailServer) -> list[int]:
    """Of all messages; fails when one has another total than activities."""
    found = []
    for subject in mail.subjects():
        total, _, shown = subject.partition(": ")
        told = [int(each) for each in shown.split(",") if each]
        assert len(told) == int(total)
        found += told
    return found


@pytest.mark.parametrize("count", [2, 60])
def test_runs_that_open_at_once_agree_on_one_window(engine: Engine, mail: MailServer, count: int) -> None:
    publish(engine)
    together(*answering(engine, waiting(engine, count)))
    assert engine.count("batch_windows") == 1
    engine.advance(minutes=5)
    assert (len(mail.messages), sorted(numbers(mail))) == (1, list(range(count)))


def test_runs_that_open_at_once_agree_on_one_window_while_redis_forgets(engine: Engine, mail: MailServer) -> None:
    publish(engine)

    def flush() -> None:
        for _ in range(50):
            client().flushdb()

    together(*answering(engine, waiting(engine, 60)), flush)
    engine.expire_leases()
    engine.tick()
    assert engine.count("batch_windows") == 1
    engine.advance(minutes=5)
    assert (len(mail.messages), sorted(numbers(mail))) == (1, list(range(60)))


def test_a_window_never_takes_more_than_its_limit(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_items_max_limit=4)
    together(*answering(engine, waiting(engine, 60)))
    engine.drain()
    assert (len(mail.messages), sorted(numbers(mail))) == (15, list(range(60)))
    assert engine.rows("select items from batch_windows where items <> 4") == []
    assert engine.count("due") == 0


def test_of_runs_that_open_at_once_one_leads_and_one_of_the_others_carries(engine: Engine, mail: MailServer) -> None:
    publish(engine, batch_execution_mode="flush_leading")
    together(*answering(engine, waiting(engine, 40)))
    engine.drain()
    assert len(mail.messages) == 1
    engine.advance(minutes=5)
    assert sorted(len(subject.split(",")) - 1 for subject in mail.subjects()) == [1, 39]
    assert sorted(numbers(mail)) == list(range(40))


@pytest.mark.parametrize("then", [{"batch_items_max_limit": 100}, {"batch_execution_mode": "flush_leading"}, {}])
@pytest.mark.parametrize("first", [{"batch_items_max_limit": 100}, {"batch_execution_mode": "flush_leading"}])
def test_a_new_version_with_other_settings_joins_the_window_without_a_deadlock(
    engine: Engine, mail: MailServer, first: dict[str, Any], then: dict[str, Any]
) -> None:
    publish(engine, workflow_version_mode="latest", **first)
    (opener,) = waiting(engine, 1)
    engine.answer(opener)
    publish(engine, workflow_version_mode="latest", **then)
    together(*answering(engine, waiting(engine, 40)))
    assert engine.count("batch_windows") == 1
    engine.advance(minutes=5)
    assert sorted(numbers(mail)) == list(range(41))


def test_joins_cancellations_and_closings_at_once_lose_nobody(engine: Engine, mail: MailServer) -> None:
    publish(engine)
    others = random.Random(3).sample(range(80), 20)
    bells = waiting(engine, 80)
    engine.answer(bells.pop(0))

    def cancel() -> None:
        for number in others:
            engine.cancel("digest", f"key-{number}")

    def close() -> None:
        for _ in range(4):
            clock.advance(301)
            while Timers().publish():
                pass

    hands = answering(engine, bells)
    together(*hands, cancel, close)
    for _ in range(3):
        engine.expire_leases()
        engine.advance(minutes=5)
    sent = numbers(mail)
    assert len(sent) == len(set(sent))
    assert set(range(80)) - set(sent) <= set(others)
    assert (engine.count("due"), engine.count("batch_windows where closed_at is null")) == (0, 0)


def test_many_windows_at_once_with_cancellations_of_all_of_them(engine: Engine, mail: MailServer) -> None:
    """One key is in every window, so that a cancellation holds many windows while others close, fill and open."""
    publish(engine, batch_key="data.page", batch_items_max_limit=5)
    bells: list[Bell] = []
    for page in range(6):
        for number in range(12):
            data = {"n": page * 12 + number, "page": page}
            engine.trigger("digest", [JANE], data=data, cancellation_key="every" if number % 4 == 0 else f"key-{page}")
    for bell in list(engine.bells()):
        engine.answer(bell)
    bells = list(engine.bells())
    random.Random(5).shuffle(bells)

    def cancel(key: str) -> None:
        for _ in range(10):
            engine.cancel("digest", key)

    def close() -> None:
        clock.advance(301)
        for bell in [bell for bell in engine.bells() if bell.task == "run_step"]:
            engine.answer(bell)

    together(*answering(engine, bells), lambda: cancel("every"), lambda: cancel("key-3"), close)
    engine.expire_leases()
    engine.advance(minutes=5)
    cancelled = {page * 12 + number for page in range(6) for number in range(12) if number % 4 == 0 or page == 3}
    sent = numbers(mail)
    assert len(sent) == len(set(sent))
    assert set(range(72)) - set(sent) <= cancelled
    assert engine.count("due") == 0


@pytest.mark.parametrize("end", ["recipient deleted", "workflow inactive"])
def test_carriers_that_end_while_their_activities_are_cancelled_do_not_deadlock(
    engine: Engine, mail: MailServer, end: str
) -> None:
    publish(engine, batch_key="data.n")
    bells = waiting(engine, 24)
    for bell in bells:
        engine.answer(bell)

    def stop() -> None:
        if end == "recipient deleted":
            with transaction() as tx:
                delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))
        else:
            clock.advance(301)
            Timers().publish()
            for bell in list(engine.bells()):
                engine.answer(bell)

    def cancel(start: int) -> None:
        for number in range(start, 24, 4):
            engine.cancel("digest", f"key-{number}")

    if end == "workflow inactive":
        engine.set_active("digest", active=False)
    together(stop, *(partial(cancel, start) for start in range(4)))
    engine.expire_leases()
    engine.advance(minutes=6)
    assert (mail.subjects(), engine.count("due where kind <> 'purge'")) == ([], 0)
    assert engine.count("batch_windows where closed_at is null") == 0


def test_a_full_window_closes_although_its_carrier_is_in_a_hand_that_came_too_early(
    engine: Engine, mail: MailServer
) -> None:
    """Bells for the carrier come all the time while others fill its window."""
    publish(engine, batch_items_max_limit=20)
    first, *others = waiting(engine, 20)
    engine.answer(first)
    (carrier,) = engine.rows("select id from due where due_at > engine_now()")

    def ring() -> None:
        for _ in range(60):
            queue.ring(runner.run_step(carrier.id))

    together(*answering(engine, others), ring, ring)
    engine.drain()
    assert sorted(numbers(mail)) == list(range(20))
