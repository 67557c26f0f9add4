"""How late timers are when many are due in the same second."""

from __future__ import annotations

from contextlib import ExitStack

from sqlalchemy import text

from benchmarks.fixtures import copy_paused, number, publish_waiting, trigger, wait_until_paused
from benchmarks.stack import percentile, stack, wait_for
from benchmarks.tables import Table
from notify_workers.store.session import transaction

TIMERS = 5000
AHEAD_SECONDS = 20.0

KEEP = text(
    "create table if not exists kept as select id, paused_until from recipient_runs where recipient_id like 'copy-%'"
)
LATENESS = text("""
    select extract(epoch from (l.entries -> 0 ->> 'at')::timestamptz - kept.paused_until)::float8 as late
    from run_log l join kept on kept.id = l.run_id where l.entries -> 0 ->> 'event' = 'step_resumed'
""")


def measure() -> Table:
    with stack() as running, ExitStack() as processes:
        publish_waiting(days=30)
        for _ in range(2):
            processes.enter_context(running.process("doorbell", "worker"))
        processes.enter_context(running.process("doorbell", "timers"))
        trigger("waiting", ["template"])
        wait_until_paused(1)
        copy_paused(running, TIMERS, AHEAD_SECONDS)
        with transaction() as tx:
            tx.run(KEEP)
        done = "select count(*) from recipient_runs where status = 'completed'"
        wait_for(lambda: number(done) == TIMERS, 300, "the last timer")
        with transaction() as tx:
            late = [float(row.late) for row in tx.rows(LATENESS)]
    table = Table(
        f"Timers: lateness of {TIMERS:,} due in the same second",
        ["", "seconds"],
        notes=[
            "From the time a delay ends to the start of its step; every start is a task of its own that writes its log.",
            "Two workers and one timer process on the cores that PostgreSQL and Redis share.",
        ],
    )
    table.rows += [
        ["p50", f"{percentile(late, 0.5):.2f}"],
        ["p99", f"{percentile(late, 0.99):.2f}"],
        ["max", f"{max(late):.2f}"],
    ]
    return table
