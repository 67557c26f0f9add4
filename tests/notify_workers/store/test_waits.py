from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from notify_workers.store import audiences, waits
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from workflows.model import AwaitedEvent
from workflows.recipients import USERS, Identity, Reference

JANE = Reference(USERS, "jane")
ENTER = AwaitedEvent("audience", "enter", "beta")
UPDATED = AwaitedEvent("recipient", "updated")


def wait(event: AwaitedEvent = ENTER, recipient: Reference = JANE, environment: UUID = DEVELOPMENT) -> UUID:
    run = uuid4()
    with transaction() as tx:
        waits.wait(tx, run, "wait_1", environment, recipient, event)
    return run


def enter(key: str = "beta", recipient: Reference = JANE, *, adds: bool = True) -> None:
    with transaction() as tx:
        audiences.change(tx, DEVELOPMENT, key, recipient, None, adds=adds)


def taken(run: UUID) -> list[str]:
    with transaction() as tx:
        return [signal.event["transition"] for signal in waits.take(tx, run)]


def owe(run: UUID, step: str = "wait_1") -> None:
    with transaction() as tx:
        tx.run(
            text(
                "insert into due (kind, environment_id, trigger_id, run_id, step, due_at, publish_at)"
                " values ('step', :environment, :trigger, :run, :step, 'infinity', 'infinity')"
            ),
            environment=DEVELOPMENT,
            trigger=uuid4(),
            run=run,
            step=step,
        )


def wake() -> None:
    with transaction() as tx:
        waits.wake(tx)


def test_events_are_taken_in_their_order_and_once(engine: Engine) -> None:
    run, leaving = wait(), wait(AwaitedEvent("audience", "exit", "beta"))
    for adds in (True, False, True):
        enter(adds=adds)
    assert (taken(run), taken(run), taken(leaving)) == (["enter", "enter"], [], ["exit"])


@pytest.mark.parametrize(
    "other",
    [
        {"event": AwaitedEvent("audience", "exit", "beta")},
        {"event": AwaitedEvent("audience", "enter", "gamma")},
        {"event": AwaitedEvent("recipient", "enter", "beta")},
        {"recipient": Reference(USERS, "joe")},
        {"recipient": Reference("projects", "jane")},
        {"environment": uuid4()},
    ],
)
def test_an_event_is_kept_only_for_those_who_wait_for_it(other: dict[str, object], engine: Engine) -> None:
    run = wait(**other)  # type: ignore[arg-type]
    enter()
    assert taken(run) == []


def test_without_a_source_any_will_do(engine: Engine) -> None:
    run = wait(AwaitedEvent("audience", "enter"))
    enter("beta")
    enter("gamma")
    assert len(taken(run)) == 2


def test_who_waits_no_more_keeps_nothing(engine: Engine) -> None:
    run = wait()
    enter()
    with transaction() as tx:
        waits.forget(tx, run)
    enter(adds=False)
    enter()
    assert (engine.count("waits"), engine.count("signals")) == (0, 0)


def test_an_event_that_is_rolled_back_did_not_happen(engine: Engine) -> None:
    run = wait()
    with transaction() as tx:
        savepoint = tx.connection.begin_nested()
        audiences.change(tx, DEVELOPMENT, "beta", JANE, None, adds=True)
        savepoint.rollback()
    assert taken(run) == []


def test_a_change_that_changes_nothing_is_no_event(engine: Engine) -> None:
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(JANE, {"n": 1}))])
    wait(UPDATED)
    for properties in ({"n": 1}, {}):
        with transaction() as tx:
            identify(tx, [(DEVELOPMENT, Identity(JANE, properties))])
    assert engine.count("signals") == 0


def test_an_event_makes_its_run_due_once(engine: Engine) -> None:
    run = wait()
    owe(run)
    enter()
    wake()
    assert engine.one("select due_at <= engine_now() as due, publish_at <= engine_now() as published from due") == (
        True,
        True,
    )
    engine.rows("update due set due_at = 'infinity' returning 1")
    wake()
    assert engine.one("select due_at = 'infinity' as later from due").later
    enter(adds=False)
    enter()
    wake()
    assert not engine.one("select due_at = 'infinity' as later from due").later


def test_a_run_that_is_at_another_step_is_not_woken(engine: Engine) -> None:
    run = wait()
    owe(run, "delay_1")
    enter()
    wake()
    assert engine.one("select due_at = 'infinity' as later from due").later


def test_a_run_in_hand_is_woken_when_it_is_free(engine: Engine) -> None:
    run = wait()
    owe(run)
    enter()
    with transaction() as tx:
        tx.run(text("select from due for update"))
        wake()
    assert engine.one("select due_at = 'infinity' as later from due").later
    wake()
    assert not engine.one("select due_at = 'infinity' as later from due").later


def test_events_for_whom_nobody_waits_any_more_are_forgotten(engine: Engine) -> None:
    wait()
    enter()
    engine.rows("delete from waits returning 1")
    wake()
    assert engine.count("signals") == 0
