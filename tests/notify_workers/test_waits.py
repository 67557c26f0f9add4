"""Waits under pressure: what is left behind, what comes at the wrong moment, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from notify_workers import runner
from notify_workers.store import runs
from notify_workers.store.purges import delete_recipient
from notify_workers.store.session import transaction
from notify_workers.timers import Timers
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.language import JANE, function_step, send
from tests.notify_workers.waiting import change_audience, happen, left_behind, wait_step, when
from workflows.recipients import USERS, Reference


@pytest.fixture
def waiting(engine: Engine) -> Engine:
    """A run that waits for jane to enter an audience, then for three days, then sends."""
    engine.publish("waiting", [wait_step("enter"), delay_step(), email_step()])
    send(engine, "waiting", cancellation_key="k")
    assert left_behind(engine) == (1, 0)
    return engine


def due_id(engine: Engine) -> int:
    return int(engine.one("select id from due").id)


def meanwhile(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Once, while the next step writes its outcome, somebody else does something."""
    move = runs.move

    def moving(*arguments: Any) -> Any:
        monkeypatch.setattr(runs, "move", move)
        work()
        return move(*arguments)

    monkeypatch.setattr(runs, "move", moving)


# What is left behind


def test_a_run_cancelled_while_it_waits_leaves_nothing_that_grows(waiting: Engine) -> None:
    change_audience(adds=True)
    assert waiting.cancel("waiting", "k") == 1
    assert left_behind(waiting) == (0, 0)
    change_audience(adds=False)
    change_audience(adds=True)
    assert left_behind(waiting) == (0, 0)


def test_a_recipient_deleted_while_it_waits_leaves_nothing(waiting: Engine) -> None:
    change_audience(adds=True)
    with transaction() as tx:
        delete_recipient(tx, DEVELOPMENT, Reference(USERS, "jane"))
    assert left_behind(waiting) == (0, 0)


def test_a_workflow_switched_off_while_it_waits_leaves_nothing(waiting: Engine) -> None:
    waiting.set_active("waiting", active=False)
    change_audience(adds=True)
    happen(waiting)
    assert (waiting.statuses(), left_behind(waiting)) == ({"cancelled": 1}, (0, 0))


def test_events_without_anybody_who_waits_are_not_kept(engine: Engine) -> None:
    change_audience(adds=True)
    engine.identify("jane", n=1)
    assert left_behind(engine) == (0, 0)


# Moments


def test_an_event_waits_for_nobody_who_has_the_run_in_hand(waiting: Engine) -> None:
    with transaction() as tx:
        assert runs.claim_step(tx, due_id(waiting)) is not None
        change_audience(adds=True)
        waiting.tick()
        assert waiting.one("select told from signals").told is False
    happen(waiting)
    assert waiting.one("select step from due").step == "delay_1"


def test_an_event_that_comes_while_the_wait_ends_does_not_cut_the_next_delay_short(
    waiting: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_audience(adds=True)
    change_audience(adds=False)
    meanwhile(monkeypatch, lambda: change_audience(adds=True))
    happen(waiting)
    waiting.tick()
    assert left_behind(waiting) == (0, 0)
    waiting.advance(days=2, hours=23)
    assert mail.messages == []
    waiting.advance(hours=1)
    assert len(mail.messages) == 1


def test_an_event_that_comes_while_others_are_looked_at_is_not_lost(
    engine: Engine, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.publish("waiting", [wait_step("updated", when("event.properties.n", "2")), email_step()])
    send(engine, "waiting")
    engine.identify("jane", n=1)
    meanwhile(monkeypatch, lambda: engine.identify("jane", n=2))
    happen(engine)
    assert len(mail.messages) == 1


def test_an_event_that_comes_while_the_step_begins_to_wait_is_before_the_wait(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.publish("waiting", [wait_step("enter"), email_step()])
    meanwhile(monkeypatch, lambda: change_audience(adds=True))
    send(engine, "waiting")
    happen(engine)
    assert (engine.statuses(), left_behind(engine)) == ({"paused": 1}, (1, 0))


def test_a_retry_of_a_failing_wait_keeps_its_pause(engine: Engine) -> None:
    engine.publish("waiting", [wait_step("enter", when("data.n", "{{ 1 | divided_by: data.n }}")), email_step()])
    send(engine, "waiting", data={"n": 0})
    change_audience(adds=True)
    for _ in range(5):
        engine.tick()
    assert engine.one("select attempt from due").attempt == 2


def test_a_step_redelivered_after_a_crash_waits_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.publish("waiting", [wait_step("enter"), email_step()])
    engine.trigger("waiting", [JANE])
    (accepting,) = engine.bells()
    engine.answer(accepting)
    (bell,) = engine.bells()

    def crash() -> None:
        raise KeyboardInterrupt

    meanwhile(monkeypatch, crash)
    with pytest.raises(KeyboardInterrupt):
        engine.answer(bell)
    assert left_behind(engine) == (0, 0)
    engine.answer(bell)
    engine.answer(bell)
    assert left_behind(engine) == (1, 0)


# Who waits for whom


def at_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Executes every step that is owed at once; all have done their work before the first one writes its outcome."""
    owed = [row.id for row in engine.rows("select id from due where kind = 'step'")]
    barrier, move = Barrier(len(owed)), runs.move

    def moving(*arguments: Any) -> Any:
        barrier.wait(timeout=10)
        return move(*arguments)

    with monkeypatch.context() as patched, ThreadPoolExecutor(len(owed)) as threads:
        patched.setattr(runs, "move", moving)
        list(threads.map(runner.run_step, owed))


@pytest.mark.parametrize("event", ["started", "completed"])
def test_runs_that_wait_for_each_others_end_do_not_block_each_other(
    event: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, other in (("one", "two"), ("two", "one")):
        step = wait_step(event)
        step["settings"]["event"] = {"event_type": "workflow", "event_key": event, "source_key": other}
        engine.publish(key, [step])
        send(engine, key)
    engine.rows("update clock set offset_seconds = offset_seconds + 3601 returning 1")
    at_once(engine, monkeypatch)
    assert (engine.statuses(), engine.count("due")) == ({"completed": 2}, 0)
    engine.tick()
    assert left_behind(engine) == (0, 0)


def test_runs_that_change_the_recipient_for_whom_the_others_wait_do_not_block_each_other(engine: Engine) -> None:
    update = function_step("update_user", recipient_mode="current", update_properties='{"n": "{{ data.n }}"}')
    engine.publish("waiting", [update, wait_step("updated", on_timeout="continue"), {**update, "ref": "update_2"}])
    for number in range(8):
        engine.trigger("waiting", [JANE], data={"n": number})
    with ThreadPoolExecutor(8) as threads:
        for _ in range(12):
            engine.rows("update clock set offset_seconds = offset_seconds + 900 returning 1")
            Timers().publish()
            list(threads.map(engine.answer, list(engine.bells())))
    assert engine.statuses() == {"completed": 8}
    assert engine.one("select sum(error_count) as errors from recipient_runs").errors == 0
