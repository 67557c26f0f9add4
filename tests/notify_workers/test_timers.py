from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import RedisError
from sqlalchemy import text

from notify_workers import lifeline, queue, timers
from notify_workers.errors import StoreUnavailable
from notify_workers.queue import STEPS, Bell
from notify_workers.redis_client import client
from notify_workers.store.session import transaction
from notify_workers.timers import Timers
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away

ChangeSettings = Callable[..., None]


def paused(engine: Engine, number: int, **delay: Any) -> None:
    """That many runs in a delay, their bells not rung."""
    engine.publish("later", [delay_step(**delay), email_step()])
    engine.trigger("later", [f"u{each}" for each in range(number)])
    engine.drain()
    engine.held.clear()


def behind(engine: Engine) -> list[float]:
    """Seconds from when each row is due to when it is published next."""
    rows = engine.rows("select extract(epoch from publish_at - due_at)::float8 as behind from due order by id")
    return [row.behind for row in rows]


def make_due(engine: Engine) -> None:
    with transaction() as tx:
        tx.run(text("update due set due_at = engine_now(), publish_at = engine_now()"))


def test_nothing_is_rung_before_its_horizon(engine: Engine) -> None:
    paused(engine, 3, unit="minutes", value=1)
    assert Timers().publish() == 0
    assert behind(engine) == [-5, -5, -5]


def test_within_the_horizon_a_bell_carries_the_time_that_is_left(engine: Engine) -> None:
    paused(engine, 1, unit="minutes", value=1)
    with transaction() as tx:
        tx.run(text("update clock set offset_seconds = offset_seconds + 57"))
    assert Timers().publish() == 1
    (bell,) = engine.bells()
    assert (bell.task, bell.label.endswith("'delay_1')")) == ("run_step", True)
    assert 0 < bell.countdown <= 3
    assert behind(engine) == [15]


def test_a_row_is_rung_once_a_lease(engine: Engine) -> None:
    paused(engine, 2)
    make_due(engine)
    timers = Timers()
    assert [timers.publish() for _ in range(3)] == [2, 0, 0]
    assert len(list(engine.bells())) == 2


def test_each_ring_in_vain_doubles_the_wait_until_the_next_up_to_64_leases(engine: Engine) -> None:
    paused(engine, 1)
    waits = []
    for _ in range(9):
        make_due(engine)
        Timers().publish()
        waits.append(round(behind(engine)[0] / 15))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def test_a_delivery_waits_for_its_own_longer_lease(invite: Engine, mail: MailServer) -> None:
    mail.answer_to_rcpt = lambda address: "450 not now"
    invite.trigger("account-invite", ["jane"])
    invite.drain()
    make_due(invite)
    Timers().publish()
    rows = invite.rows("select kind, extract(epoch from publish_at - due_at)::float8 as behind from due")
    assert {row.kind: round(row.behind / 15) for row in rows} == {"delivery": 4, "step": 1}


def test_the_longest_overdue_are_rung_first_a_chunk_at_a_time(engine: Engine, change_settings: ChangeSettings) -> None:
    change_settings(timer_chunk=2)
    paused(engine, 5)
    with transaction() as tx:
        tx.run(text("update due set due_at = engine_now(), publish_at = engine_now() - make_interval(secs => id)"))
    order = []
    timers = Timers()
    while timers.publish():
        order.append([bell.args[0] for bell in engine.bells()])
    ids = [row.id for row in engine.rows("select id from due order by id desc")]
    assert [sorted(each, reverse=True) for each in order] == [ids[:2], ids[2:4], ids[4:]]


@pytest.mark.parametrize("name", queue.QUEUES)
def test_while_a_queue_is_long_the_database_keeps_the_rest(
    name: str, engine: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(queue_bound=3)
    paused(engine, 2)
    make_due(engine)
    client().lpush(name, *[b"x"] * 4)
    assert Timers().publish() == 0
    assert behind(engine) == [0, 0]
    client().rpop(name)
    assert Timers().publish() == 2


def test_countdowns_in_the_broker_are_bounded_and_what_is_due_is_not(
    engine: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(queue_bound=3, timer_chunk=2)
    now = 0.0
    timers = Timers(clock=lambda: now)
    paused(engine, 8)
    with transaction() as tx:
        tx.run(text("update due set due_at = engine_now() + interval '4 seconds', publish_at = engine_now()"))
    assert [timers.publish() for _ in range(4)] == [2, 2, 0, 0]
    list(engine.bells())
    with transaction() as tx:
        tx.run(text("update due set due_at = engine_now() where id = (select max(id) from due where tries = 0)"))
    assert timers.publish() == 1
    list(engine.bells())
    now = 10.0
    assert timers.publish() == 2


def test_two_timer_processes_ring_each_row_once(engine: Engine) -> None:
    paused(engine, 6)
    make_due(engine)
    assert Timers().publish() + Timers().publish() == 6
    rung = [bell.args[0] for bell in engine.bells()]
    assert len(rung) == len(set(rung)) == 6


def test_while_redis_is_away_no_row_is_moved(engine: Engine, redis_away: Away) -> None:
    paused(engine, 2)
    make_due(engine)
    before = engine.rows("select id, publish_at, tries from due order by id")
    with redis_away(), pytest.raises(RedisError):
        Timers().publish()
    assert engine.rows("select id, publish_at, tries from due order by id") == before


def test_a_lifeline_that_cannot_look_stops_no_timer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    paused(engine, 1)
    make_due(engine)
    rounds = iter(range(5))

    def broken() -> int:
        raise KeyError("a flaw")

    monkeypatch.setattr(lifeline, "look", broken)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    timers.run(stopping=lambda: next(rounds, None) is None)
    assert [bell.task for bell in engine.bells()] == ["run_step"]


def test_the_process_waits_for_stores_that_are_away_and_goes_on_after_any_error(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, change_settings: ChangeSettings
) -> None:
    change_settings(lifeline_interval=1e-9)
    paused(engine, 1)
    make_due(engine)
    weather: list[Exception | None] = [StoreUnavailable("PostgreSQL"), RedisError("Redis"), KeyError("a flaw"), None]
    look = lifeline.look

    def stormy() -> int:
        error = weather.pop(0)
        if error is not None:
            raise error
        return look()

    monkeypatch.setattr(lifeline, "look", stormy)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    timers.run(stopping=lambda: not weather)
    assert [record.levelname for record in caplog.records if record.name == "notify_workers.timers"] == [
        "WARNING",
        "WARNING",
        "ERROR",
    ]
    assert [bell.task for bell in engine.bells()] == ["run_step"]


def test_ringing_for_nothing_is_no_request(engine: Engine, redis_away: Away) -> None:
    with redis_away():
        queue.ring([])
        queue.ring([Bell("run_step", (1,))])
    assert queue.length(STEPS) == 0
