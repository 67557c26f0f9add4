"""How many triggers the shim takes, against the same server answering a constant."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.stack import median, stack
from benchmarks.tables import Table
from notify_workers import api_log, pending
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


Rounds = list[tuple[dict[str, Any], dict[str, Any]]]
"""What the constant and the trigger answered, side by side."""


def measure() -> Table:
    return _table({"as it is": _rounds(), "without the log of requests": _rounds(api_log=False)})


def _rounds(**changes: object) -> Rounds:
    with stack(**changes) as running, running.serving():
        rounds = []
        for _ in range(ROUNDS):
            constant = _load(f"{running.address}/health/live", "GET", "")
            rounds.append((constant, _load(f"{running.address}/v1/workflows/account-invite/trigger", "POST", TRIGGER)))
            client().delete("accept", pending.PAYLOADS, pending.BY_SEQUENCE, api_log.WAITING)
    return rounds


def _load(url: str, method: str, body: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.load", url, str(SECONDS), str(CONNECTIONS), method, body, HEADERS]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    if set(result["statuses"]) != {"200"}:
        raise AssertionError(f"{method} {url} answered {result['statuses']}")
    return result


def _table(measured: dict[str, Rounds]) -> Table:
    table = Table(
        "Ingestion: triggers a second",
        ["", "requests/s (median)", "p50 ms", "p99 ms"],
        notes=[
            f"One API process, {CONNECTIONS} connections from one Python client on the same machine,"
            f" {ROUNDS} rounds of {SECONDS:.0f} s.",
            "A trigger is answered once Redis holds it (append-only file on, everysec). No worker runs meanwhile.",
            "The constant is `GET /health/live` of the same process: routing, request id and a fixed body.",
            "The log of requests is handed to Redis; no timer process writes it meanwhile.",
        ],
    )
    for how, rounds in measured.items():
        constants, triggers = [each for each, _ in rounds], [each for _, each in rounds]
        ratios = [ours["per_second"] / theirs["per_second"] for theirs, ours in rounds]
        for name, results in ((f"constant answer, {how}", constants), (f"trigger, {how}", triggers)):
            figures = (median([each[key] for each in results]) for key in ("per_second", "p50_ms", "p99_ms"))
            table.rows.append([name, *(f"{figure:,.1f}" for figure in figures)])
        table.rows.append([f"trigger ÷ constant, {how} (median of rounds)", f"{median(ratios):.2f}", "", ""])
    return table
