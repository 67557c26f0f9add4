"""Bells as Celery sees them, and a real worker that answers them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, cast
from uuid import uuid4

import pytest
from celery.contrib.testing.worker import start_worker
from celery.worker.request import Request
from kombu.utils.json import loads

from notify_workers import (
    pending,
    queue,
    tasks,  # noqa: F401  (registers the tasks)
    timers,
)
from notify_workers.queue import ACCEPT, DELIVERIES, QUEUES, STEPS, Bell, app, envelope
from notify_workers.redis_client import client
from notify_workers.store import due
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.conftest import Away

Worker = Callable[..., AbstractContextManager[None]]
BELLS = [
    due.step_bell(7, uuid4(), "email_1"),
    due.step_bell(8, uuid4(), "delay_1", countdown=3.5),
    due.delivery_bell(9, "3MQs49RN5zB4aVoOsSpLViWRwmW", attempt=2),
    due.fan_out_bell(10, uuid4()),
    *pending.accept_bells([uuid4(), uuid4()]),
    Bell("run_step", (11,)),
]


def as_celery_publishes(bell: Bell) -> Any:
    """The message that Celery itself writes for the same task, taken from a queue of its own."""
    app.send_task(
        bell.task,
        bell.args,
        queue="scratch",
        countdown=bell.countdown or None,
        argsrepr=bell.label or None,
        ignore_result=True,
    )
    return loads(cast(bytes, client().rpop("scratch")))


def decoded(message: Any) -> Request:
    """As a worker of ours decodes a message."""
    with app.connection_for_read() as connection, connection.channel() as channel:
        received = channel.message_to_python(message)  # type: ignore[attr-defined]
        return Request(received, app=app, decoded=False)


@pytest.fixture(scope="module", autouse=True)
def producers_are_closed(stores: object) -> Iterator[None]:
    yield
    app.close()


@pytest.mark.parametrize("bell", BELLS, ids=lambda bell: f"{bell.task}-{bell.countdown:g}")
def test_a_bell_is_decoded_as_what_celery_would_have_published(bell: Bell, engine: Engine) -> None:
    ours, theirs = decoded(loads(envelope(bell))), decoded(as_celery_publishes(bell))
    for name in (
        "name",
        "args",
        "kwargs",
        "argsrepr",
        "kwargsrepr",
        "expires",
        "time_limits",
        "group",
        "parent_id",
        "type",
    ):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.message.payload == theirs.message.payload
    assert ours.root_id == ours.id
    assert ours.correlation_id == ours.id
    assert (ours.eta is None, theirs.eta is None) == (not bell.countdown,) * 2
    if ours.eta and theirs.eta:
        assert abs(ours.eta - theirs.eta) < timedelta(seconds=10)


@pytest.mark.parametrize("bell", BELLS, ids=lambda bell: f"{bell.task}-{bell.countdown:g}")
def test_a_bell_leaves_out_no_header_that_a_worker_looks_for(bell: Bell, engine: Engine) -> None:
    ours, theirs = loads(envelope(bell)), as_celery_publishes(bell)
    assert theirs.keys() == ours.keys()
    assert theirs["properties"].keys() - {"argsrepr"} == ours["properties"].keys()
    optional = {"shadow", "group_index", "stamped_headers", "stamps", "replaced_task_nesting"}
    assert theirs["headers"].keys() - ours["headers"].keys() <= optional
    assert all(not theirs["headers"][each] for each in optional & theirs["headers"].keys())
    for name in ("lang", "task", "argsrepr", "kwargsrepr", "retries", "timelimit", "expires", "ignore_result"):
        assert ours["headers"][name] == theirs["headers"][name], name


def test_bells_go_to_the_queue_of_their_task_in_order(engine: Engine) -> None:
    queue.ring(BELLS)
    assert {name: queue.length(name) for name in QUEUES} == {ACCEPT: 2, STEPS: 3, DELIVERIES: 1}
    assert [bell.args[0] for bell in engine.bells() if bell.task == "run_step"] == [7, 8, 11]


def test_a_countdown_is_a_time_in_utc(engine: Engine) -> None:
    written = loads(envelope(Bell("run_step", (1,), countdown=60)))["headers"]["eta"]
    left = datetime.fromisoformat(written) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


def test_bells_that_cannot_be_rung_are_no_error(
    engine: Engine, redis_away: Away, caplog: pytest.LogCaptureFixture
) -> None:
    with redis_away():
        queue.ring(BELLS)
    assert "the timer process will" in caplog.text
    assert sum(map(queue.length, QUEUES)) == 0


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("redis://:secret@host:6380/2", "redis://:secret@host:6380/2"),
        ("rediss://host/0", "rediss://host/0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("sentinel://a:26379,b:26380/1?master=doorbell", "sentinel://a:26379/1;sentinel://b:26380/1"),
    ],
)
def test_every_form_of_redis_address_is_a_broker_address(url: str, broker: str) -> None:
    written, options = queue._broker(url)
    assert written == broker
    assert options["ack_emulation"] is False
    assert options.get("master_name") == ("doorbell" if "master" in url else None)


# A real worker


@pytest.fixture
def quiet_logs() -> Iterator[None]:
    """Starting a worker sets the root logger up; it is as before afterwards."""
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def worker(engine: Engine, quiet_logs: None) -> Worker:
    """A Celery worker in this process: `with worker(queues=…): …`."""

    @contextmanager
    def working(queues: tuple[str, ...] = QUEUES) -> Iterator[None]:
        app.amqp.queues.select(list(queues))
        with start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, loglevel="ERROR"):
            yield

    return working


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    patience, never = time.monotonic() + seconds, Event()
    while not condition():
        assert time.monotonic() < patience, "the worker did not get there"
        never.wait(0.02)


def test_a_worker_runs_a_whole_invitation_with_its_countdown(engine: Engine, worker: Worker, mail: MailServer) -> None:
    engine.publish(
        "account-invite", [email_step("email_1"), delay_step(unit="seconds", value=1), email_step("email_2")]
    )
    with worker():
        for name in ("jane", "bob"):
            engine.trigger("account-invite", [{"id": name, "email": f"{name}@example.com"}], cancellation_key=name)
        wait_until(lambda: len(mail.messages) == 4)
    for name in ("jane", "bob"):
        assert mail.subjects(f"{name}@example.com") == ["Subject of email_1", "Subject of email_2"]
    engine.drain()
    assert (engine.statuses(), pending.count()) == ({"completed": 2}, 0)


def test_workers_and_timers_together_need_no_help(
    engine: Engine, worker: Worker, mail: MailServer, change_settings: Callable[..., None]
) -> None:
    change_settings(timer_interval=0.05)
    engine.publish("account-invite", [email_step("email_1"), delay_step(), email_step("email_2")])
    with worker(), timer():
        engine.trigger("account-invite", [{"id": "jane", "email": "jane@example.com"}])
        wait_until(lambda: engine.statuses() == {"paused": 1} and len(mail.messages) == 1)
        with_days(engine, 3)
        wait_until(lambda: len(mail.messages) == 2)
    assert mail.subjects() == ["Subject of email_1", "Subject of email_2"]


@contextmanager
def timer() -> Iterator[None]:
    """A timer process, as a thread."""
    stopping = Event()
    thread = Thread(target=timers.run, args=(stopping.is_set,))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)


def with_days(engine: Engine, days: int) -> None:
    """Time passes, and nobody but the workers does anything about it."""
    engine.rows("update clock set offset_seconds = offset_seconds + :seconds returning 1", seconds=days * 86_400 + 1)


def test_a_worker_that_takes_no_deliveries_leaves_them_to_others(
    engine: Engine, worker: Worker, mail: MailServer
) -> None:
    engine.publish("hello", [email_step()])
    with worker(queues=(ACCEPT, STEPS)):
        engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
        wait_until(lambda: queue.length(DELIVERIES))
    assert mail.messages == []
    with worker(queues=(DELIVERIES,)):
        wait_until(lambda: mail.messages)
    assert mail.subjects() == ["Subject of email_1"]
