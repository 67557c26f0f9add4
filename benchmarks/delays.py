"""What pending delays cost in memory: at none and at 100,000."""

from __future__ import annotations

import time
from contextlib import ExitStack

from benchmarks.fixtures import copy_paused, publish_waiting, trigger, wait_until_paused
from benchmarks.stack import resident_megabytes, stack
from benchmarks.tables import Table

PENDING = 100_000
SETTLE_SECONDS = 20


def measure() -> Table:
    table = Table(
        "Pending delays: resident memory in MB",
        ["pending", "worker 1", "worker 2", "timers", "Redis"],
        notes=[
            f"After {SETTLE_SECONDS} s each, with the same 200 triggers handled before each reading. Delays of 30 days.",
            "Pending delays are rows of PostgreSQL; neither a worker nor Redis knows of them.",
        ],
    )
    with stack() as running, ExitStack() as processes:
        publish_waiting(days=30)
        workers = [processes.enter_context(running.process("doorbell", "worker")) for _ in range(2)]
        timers = processes.enter_context(running.process("doorbell", "timers"))
        pids = [*(worker.pid for worker in workers), timers.pid, running.redis_pid]
        trigger("waiting", [f"warm-up-{each}" for each in range(200)])
        wait_until_paused(200)
        for pending in (0, PENDING):
            if pending:
                copy_paused(running, pending, 30 * 86_400)
                trigger("waiting", [f"again-{each}" for each in range(200)])
            time.sleep(SETTLE_SECONDS)
            table.rows.append([f"{pending:,}", *(f"{resident_megabytes(pid):.1f}" for pid in pids)])
    first, last = table.rows
    table.rows.append(
        ["difference", *(f"{float(b) - float(a):+.1f}" for a, b in zip(first[1:], last[1:], strict=True))]
    )
    return table
