"""How many triggers the shim takes, against the same server answering a constant."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.stack import median, stack
from benchmarks.tables import Table
from notify_workers import pending
from notify_workers.redis_client import client

ROUNDS = 5
SECONDS = 4.0
CONNECTIONS = 64
HEADERS = "Authorization: Bearer sk_test_doorbell\\nContent-Type: application/json\\n"
TRIGGER = json.dumps(
    {
        "recipients": ["jane@example.com"],
        "actor": "ben@example.com",
        "cancellation_key": "invite-1",
        "data": {"inviteToken": "8c1f6f9e", "account": {"id": "acc_1", "name": "Acme"}},
    }
)


def measure() -> Table:
    with stack() as running, running.serving():
        constants, triggers = [], []
        for _ in range(ROUNDS):
            constants.append(_load(f"{running.address}/health/live", "GET", ""))
            triggers.append(_load(f"{running.address}/v1/workflows/account-invite/trigger", "POST", TRIGGER))
            client().delete("accept", pending.PAYLOADS, pending.BY_SEQUENCE)
    return _table(constants, triggers)


def _load(url: str, method: str, body: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.load", url, str(SECONDS), str(CONNECTIONS), method, body, HEADERS]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    if set(result["statuses"]) != {"200"}:
        raise AssertionError(f"{method} {url} answered {result['statuses']}")
    return result


def _table(constants: list[dict[str, Any]], triggers: list[dict[str, Any]]) -> Table:
    ratios = [ours["per_second"] / theirs["per_second"] for ours, theirs in zip(triggers, constants, strict=True)]
    table = Table(
        "Ingestion: triggers a second",
        ["", "requests/s (median)", "p50 ms", "p99 ms"],
        notes=[
            f"One API process, {CONNECTIONS} connections from one Python client on the same machine,"
            f" {ROUNDS} rounds of {SECONDS:.0f} s.",
            "A trigger is answered once Redis holds it (append-only file on, everysec). No worker runs meanwhile.",
            "The constant is `GET /health/live` of the same process: routing, request id and a fixed body.",
        ],
    )
    for name, results in (("constant answer", constants), ("trigger", triggers)):
        table.rows.append(
            [name, *(f"{median([each[key] for each in results]):,.1f}" for key in ("per_second", "p50_ms", "p99_ms"))]
        )
    table.rows.append(["trigger ÷ constant (median of rounds)", f"{median(ratios):.2f}", "", ""])
    return table
