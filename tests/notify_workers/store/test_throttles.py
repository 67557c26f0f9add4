from __future__ import annotations

from datetime import UTC, datetime, timedelta

from notify_workers.store import throttles
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from workflows.effects import Counted

START = datetime(2030, 1, 1, tzinfo=UTC)


def count(key: str = "a", minutes: float = 0, window: float = 10) -> Counted:
    now = START + timedelta(minutes=minutes)
    with transaction() as tx:
        return throttles.count(tx, key, DEVELOPMENT, now=now, closes_at=now + timedelta(minutes=window))


def test_executions_in_a_window_are_counted_and_the_window_stays(engine: Engine) -> None:
    assert [count(minutes=each).number for each in (0, 5, 9.99)] == [1, 2, 3]
    assert count(minutes=9.99).closes_at == START + timedelta(minutes=10)


def test_a_window_ends_at_its_end(engine: Engine) -> None:
    count()
    assert count(minutes=10) == Counted(1, START + timedelta(minutes=20))
    assert count(minutes=19).number == 2


def test_keys_are_counted_apart(engine: Engine) -> None:
    assert [count("a").number, count("b").number, count("a").number] == [1, 1, 2]


def test_what_is_taken_back_was_not_counted(engine: Engine) -> None:
    count()
    with transaction() as tx:
        savepoint = tx.connection.begin_nested()
        throttles.count(tx, "a", DEVELOPMENT, now=START, closes_at=START)
        savepoint.rollback()
    assert count().number == 2


def test_only_windows_that_are_over_are_forgotten(engine: Engine) -> None:
    now = engine.one("select engine_now() as now").now
    with transaction() as tx:
        for key, minutes in (("over", -1), ("open", 1)):
            at = now + timedelta(minutes=minutes)
            throttles.count(tx, key, DEVELOPMENT, now=at - timedelta(hours=1), closes_at=at)
        assert throttles.forget_closed(tx, 10) == 1
    assert engine.one("select key from throttle_windows").key == "open"
