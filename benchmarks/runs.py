"""Two-step runs a second with the full run log, against bare Celery that renders, sends and writes one row a step."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from uuid import uuid4

import psycopg
from pydantic_core import to_json
from sqlalchemy import make_url, text

from benchmarks.stack import Stack, median, stack, wait_for
from benchmarks.tables import Table
from notify_workers import pending, resources
from notify_workers.ids import environment_id
from notify_workers.installation import LIBRARY
from notify_workers.redis_client import client
from notify_workers.store.session import transaction
from workflows.files import read_library

ROUNDS = 3
RUNS = 1000
DEVELOPMENT = environment_id("development")


def measure() -> Table:
    ours, bare = [], []
    with stack() as running:
        _publish_two_steps()
        for _ in range(ROUNDS):
            bare.append(_bare(running))
            ours.append(_ours(running))
    table = Table(
        "Runs: two e-mail steps a run",
        ["", "runs/s (median)", "of bare Celery (median of rounds)"],
        notes=[
            f"{RUNS} runs a round, {ROUNDS} rounds, one recipient each, waiting in Redis before the workers start to work on them.",
            "Bare Celery: stock settings (prefork, one process a core, acknowledgements), two tasks a run; each renders the same"
            " e-mail, sends it over a kept SMTP connection and commits one row. No log, no ledger, no retries, no cancellation.",
            "Doorbell: two worker processes with threads; trigger, run, run log, message, message events, ledger of sends,"
            " revocation check before each step and each send. The SMTP server, PostgreSQL and Redis share the same cores.",
        ],
    )
    table.rows.append(["bare Celery", f"{median(bare):,.0f}", "1.00"])
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    table.rows.append(["Doorbell", f"{median(ours):,.0f}", f"{median(ratios):.2f}"])
    return table


def _publish_two_steps() -> None:
    """The library's invitation without its delay."""
    document = dict(read_library(LIBRARY).workflows["account-invite"])
    document["steps"] = [step for step in document["steps"] if step["type"] == "channel"]
    with resources.configuration() as tx:
        resources.publish_workflow(tx, DEVELOPMENT, "two-steps", document)


def _ours(running: Stack) -> float:
    with transaction() as tx:
        tx.run(
            text("truncate due, delivery_attempts, message_events, messages, run_log, recipient_runs, triggers cascade")
        )
    client().flushdb()
    _enqueue(1, "warm-up")

    def sent() -> int:
        with transaction() as tx:
            return int(tx.scalar(text("select count(*) from delivery_attempts where outcome = 'sent'")))

    with ExitStack() as processes:
        for _ in range(running.settings.workers):
            processes.enter_context(running.process("doorbell", "worker"))
        processes.enter_context(running.process("doorbell", "timers"))
        wait_for(lambda: sent() == 2, 60, "the first run")
        time.sleep(2)
        return _timed(lambda: _enqueue(RUNS, "jane"), lambda: sent() == 2 + 2 * RUNS)


def _enqueue(count: int, name: str) -> None:
    """What the shim does, without HTTP."""
    entries = []
    for number in range(count):
        payload = {
            "environment_id": str(DEVELOPMENT),
            "workflow": "two-steps",
            "inline": True,
            "recipients": [{"id": f"{name}-{number}", "email": f"{name}-{number}@example.com", "name": "Jane Doe"}],
            "cancellation_key": f"{name}-{number}",
            "data": {"inviteToken": "8c1f6f9e"},
        }
        entries.append(pending.Entry(uuid4(), to_json(payload)))
    for start in range(0, count, 100):
        keys, values = pending.arguments(entries[start : start + 100])
        client().eval(pending.ENQUEUE, keys, *values)


def _bare(running: Stack) -> float:
    url = make_url(running.settings.database).set(drivername="postgresql")
    dsn = f"host={url.query['host']} user={url.username} dbname={url.database}"
    os.environ.update(
        BARE_BROKER=f"redis+socket://{running.settings.redis.removeprefix('unix://').partition('?')[0]}?virtual_host=1",
        BARE_DATABASE=dsn,
        BARE_SINK_PORT=str(running.sink_port),
    )
    from benchmarks import bare_celery

    bare_celery.app.conf.update(broker_url=os.environ["BARE_BROKER"])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(bare_celery.TABLE)
        connection.execute("truncate bare")

        def rows() -> int:
            found = connection.execute("select count(*) from bare").fetchone()
            return int(found[0]) if found else 0

        def enqueue(count: int, name: str) -> None:
            for number in range(count):
                recipient = f"{name}-{number}@example.com"
                bare_celery.first.delay(str(number), recipient, {"inviteToken": "8c1f6f9e"})

        with running.process("celery", "-A", "benchmarks.bare_celery", "worker", "-l", "WARNING"):
            enqueue(4, "warm-up")
            wait_for(lambda: rows() == 8, 60, "the first bare runs")
            time.sleep(1)
            return _timed(lambda: enqueue(RUNS, "jane"), lambda: rows() == 8 + 2 * RUNS)


def _timed(enqueue: Callable[[], None], done: Callable[[], bool]) -> float:
    """Runs a second, from the first request to the last mail."""
    started = time.perf_counter()
    enqueue()
    wait_for(done, 300, "the last mail")
    return RUNS / (time.perf_counter() - started)
