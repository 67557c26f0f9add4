"""Who waits for whom, and what a statement sees that had to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from sqlalchemy import text

from notify_workers import clock
from notify_workers.store import runs
from notify_workers.store.due import step_bell
from notify_workers.store.purges import delete_recipient
from notify_workers.store.runs import StepClaim
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.test_batches import publish, send
from workflows.recipients import USERS, Reference

SLOW = """
create or replace function engine_now() returns timestamptz language plpgsql stable as $$ begin
    perform pg_advisory_xact_lock_shared(7);
    return statement_timestamp() + (select make_interval(secs => offset_seconds) from clock);
end $$
"""


@contextmanager
def slow_clock() -> Iterator[None]:
    """Whoever asks for the time has begun its statement, and waits for those that hold the lock 7."""
    with transaction() as tx:
        before = tx.scalar(text("select pg_get_functiondef('engine_now'::regproc)"))
        tx.run(text(SLOW))
    try:
        yield
    finally:
        with transaction() as tx:
            tx.run(text(before.replace(":", r"\:")))


def claim(due_id: int) -> StepClaim | None:
    with transaction() as tx:
        return runs.claim_step(tx, due_id)


def test_a_step_is_not_claimed_with_what_its_run_was_before_it_was_moved(engine: Engine) -> None:
    """A statement that begins before another one's commit and locks after it has the new row beside the old run."""
    publish(engine)
    send(engine, 1)
    due_id = engine.one("select id from due").id
    with slow_clock(), ThreadPoolExecutor(1) as threads:
        with transaction() as tx:
            tx.run(text("select pg_advisory_xact_lock(7)"))
            claimed = threads.submit(claim, due_id)
            somebody_waits(engine)
            tx.run(text("update recipient_runs set memory = null, status = 'processing'"))
            tx.run(text("update due set step = 'email_1', due_at = now()"))
        assert claimed.result(20) is None
    found = claim(due_id)
    assert found is not None
    assert (found.step, found.status, found.memory) == ("email_1", "processing", None)


def inactive(engine: Engine) -> None:
    engine.set_active("digest", active=False)
    clock.advance(301)
    engine.answer(step_bell(engine.one("select id from due").id, "", ""))


def deleted(engine: Engine) -> None:
    with transaction() as tx:
        delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))


def failing(engine: Engine) -> None:
    """The last attempt of a carrier whose step cannot be executed."""
    engine.rows("update due set attempt = 100, due_at = now() returning id")
    engine.rows("update batch_windows set closes_at = now() returning id")
    engine.rows('update recipient_runs set memory = \'{"window_id": "none"}\' returning id')
    engine.answer(step_bell(engine.one("select id from due").id, "", ""))


@pytest.mark.parametrize("end", [inactive, deleted, failing])
def test_whoever_ends_a_carrier_locks_its_window_before_its_run_as_a_cancellation_does(
    engine: Engine, end: Callable[[Engine], None]
) -> None:
    publish(engine)
    send(engine, 1)
    with ThreadPoolExecutor(1) as threads:
        with transaction() as tx:
            tx.run(text("select from batch_windows for update"))
            ended = threads.submit(end, engine)
            somebody_waits(engine)
            tx.run(text("update recipient_runs set updated_at = now()"))
        ended.result(20)
    assert engine.count("batch_windows where closed_at is null") == 0
    assert engine.count("due where kind <> 'purge'") == 0


def somebody_waits(engine: Engine) -> None:
    for _ in range(2000):
        if engine.one("select count(*) as number from pg_stat_activity where wait_event_type = 'Lock'").number:
            return
        Event().wait(0.005)
    raise AssertionError("nobody waits")
