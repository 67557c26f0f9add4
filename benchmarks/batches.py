"""Activities that one worker process adds to batch windows in a second: all to one window, and to many."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import to_json
from sqlalchemy import text

from benchmarks.stack import Stack, median, stack, wait_for
from benchmarks.tables import Table
from notify_workers import pending, queue, resources, triggers
from notify_workers.ids import environment_id
from notify_workers.redis_client import client
from notify_workers.store.session import transaction

ROUNDS = 3
ACTIVITIES = 1000
CASES: dict[str, tuple[int, Mapping[str, Any]]] = {
    "one window": (1, {}),
    "one sliding window": (
        1,
        {"batch_window_type": "sliding", "batch_window_extension_limit": {"unit": "hours", "value": 9}},
    ),
    "windows of at most 100, one after the other": (1, {"batch_items_max_limit": 100}),
    "200 windows": (200, {}),
}
"""Among how many recipients the activities are divided, and the settings of the batch step."""
HELD = "benchmark:held"


def measure() -> Table:
    table = Table(
        "Batches: activities added by one worker process",
        ["", "activities/s (median)", "slowest and fastest round"],
        notes=[
            f"{ACTIVITIES} runs a round, {ROUNDS} rounds, each waiting before its batch step when the worker gets all of their"
            " bells at once; from then to the last activity in its window. One process with the default number of threads.",
            "Each is a whole step: claim, revocation check, window in Redis and in PostgreSQL, activity, run log, end of the run.",
        ],
    )
    with stack() as running:
        for name, (recipients, settings) in CASES.items():
            rates = [_added(running, recipients, settings) for _ in range(ROUNDS)]
            table.rows.append([name, f"{median(rates):,.0f}", f"{min(rates):,.0f} to {max(rates):,.0f}"])
    return table


def _added(running: Stack, recipients: int, settings: Mapping[str, Any]) -> float:
    """Activities a second."""
    _empty()
    batch = {"batch_window": {"unit": "hours", "value": 1}, **settings}
    with resources.configuration() as tx:
        steps = [{"ref": "batch_1", "type": "batch", "settings": batch}]
        resources.publish_workflow(tx, environment_id("development"), "digest", {"name": "Digest", "steps": steps})
    _accept(ACTIVITIES, recipients)
    client().rename(queue.STEPS, HELD)
    with running.process("doorbell", "worker"):
        _accept(1, 1, prefix="warm-up")
        wait_for(lambda: _activities() == 1, 60, "the first activity")
        time.sleep(1)
        started = time.perf_counter()
        client().rename(HELD, queue.STEPS)
        wait_for(lambda: _activities() == ACTIVITIES + 1, 300, "the last activity")
        return ACTIVITIES / (time.perf_counter() - started)


def _empty() -> None:
    tables = "batch_items, batch_windows, due, delivery_attempts, message_events, messages, run_log, recipient_runs, triggers"
    with transaction() as tx:
        tx.run(text(f"truncate {tables} cascade"))
    client().flushdb()


def _activities() -> int:
    with transaction() as tx:
        return int(tx.scalar(text("select count(*) from batch_items")))


def _accept(count: int, recipients: int, prefix: str = "reader") -> None:
    """Makes the runs in this process; the bells for their first step are rung."""
    ids: list[UUID] = []
    for number in range(count):
        payload = {
            "environment_id": str(environment_id("development")),
            "workflow": "digest",
            "inline": True,
            "recipients": [{"id": f"{prefix}-{number % recipients}"}],
            "cancellation_key": f"comment-{number}",
            "data": {"n": number},
        }
        ids.append(uuid4())
        keys, values = pending.arguments([pending.Entry(ids[-1], to_json(payload))])
        client().eval(pending.ENQUEUE, keys, *values)
    client().delete(queue.ACCEPT)
    for start in range(0, count, 100):
        triggers.accept(ids[start : start + 100])
