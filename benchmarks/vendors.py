"""Deliveries a second of one worker process to vendors that take 50 ms, and how many it has in flight."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.request import urlopen

from sqlalchemy import text

from benchmarks.fixtures import DEVELOPMENT, number, trigger
from benchmarks.stack import Stack, median, stack, wait_for
from benchmarks.tables import Table
from doorbell.embedded import free_port
from notify_workers import resources
from notify_workers.channels import set_channel
from notify_workers.redis_client import client
from notify_workers.store.session import transaction
from notify_workers.vault import new_key

LATENCY = 0.05
MESSAGES = 1500
THREADS = 64
ROUNDS = 3


def _http(path: str) -> Mapping[str, Any]:
    template = {"method": "post", "url": "http://127.0.0.1:{port}" + path, "body": '{"hello": "{{ recipient.id }}"}'}
    return {"ref": "http_1", "type": "channel", "channel_key": "webhook", "template": template}


STEPS: Mapping[str, Mapping[str, Any]] = {
    "HTTP": _http("/hook"),
    "HTTP, a vendor that takes a second": _http("/slow"),
    "SMTP": {
        "ref": "email_1",
        "type": "channel",
        "channel_key": "email",
        "template": {"settings": {"layout_key": "default"}, "subject": "Hello", "html_body": "<p>Hello</p>"},
    },
}


def measure() -> Table:
    table = Table(
        "Deliveries: one worker process, vendors that take 50 ms",
        ["", "deliveries/s (median)", "in flight at once (most)"],
        notes=[
            f"`doorbell worker -Q deliveries -c {THREADS}`, {MESSAGES} messages a round that wait to be delivered, {ROUNDS} rounds."
            " Each delivery writes its intent before and its outcome after.",
            "The vendors, PostgreSQL and Redis share the same cores.",
            f"One delivery at a time would make {1 / LATENCY:.0f} a second; {THREADS} at a time at most {THREADS / LATENCY:,.0f}.",
        ],
    )
    with stack(encryption_keys=new_key()) as running:
        http_port, smtp_port = free_port(), free_port()
        with running.process("benchmarks.slow_vendor", str(http_port), str(smtp_port), str(LATENCY)):
            _configure(http_port, smtp_port)
            for name in STEPS:
                rounds = [_round(running, name, http_port) for _ in range(ROUNDS)]
                rate, most = median([rate for rate, _ in rounds]), max(most for _, most in rounds)
                table.rows.append([name, f"{rate:,.0f}", str(most)])
    return table


def _configure(http_port: int, smtp_port: int) -> None:
    set_channel(DEVELOPMENT, "webhook", provider="webhook", name="Slow", settings={"allow_http": "true"})
    mail = {"host": "127.0.0.1", "port": str(smtp_port), "security": "none", "from_address": "a@doorbell.test"}
    set_channel(DEVELOPMENT, "email", provider="smtp", name="Slow", settings=mail)
    for name, step in STEPS.items():
        document = json.loads(json.dumps({"name": name, "steps": [step]}).replace("{port}", str(http_port)))
        with resources.configuration() as tx:
            resources.publish_workflow(tx, DEVELOPMENT, _key(name), document)


def _key(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "-")


def _round(running: Stack, name: str, http_port: int) -> tuple[float, int]:
    """Makes the messages with a worker that delivers none, then times one that does nothing else."""
    with transaction() as tx:
        tx.run(
            text("truncate due, delivery_attempts, message_events, messages, run_log, recipient_runs, triggers cascade")
        )
    client().flushdb()
    with running.process("doorbell", "worker", "-Q", "accept,steps"):
        for start in range(0, MESSAGES, 500):
            people = [{"id": f"user-{n}", "email": f"user-{n}@example.com"} for n in range(start, start + 500)]
            trigger(_key(name), people)
        wait_for(lambda: number("select count(*) from messages") == MESSAGES, 120, "the messages")
    _stats(http_port)
    with (
        running.process("doorbell", "worker", "-Q", "deliveries", "-c", str(THREADS)),
        running.process("doorbell", "timers"),
    ):
        done = "select count(*) from delivery_attempts where outcome is not null"
        wait_for(lambda: number(done) > MESSAGES // 10, 60, "the first deliveries")
        begun, started = number(done), time.perf_counter()
        wait_for(lambda: number(done) >= MESSAGES, 300, "every delivery")
        seconds = time.perf_counter() - started
    return (MESSAGES - begun) / seconds, _stats(http_port)["most"]


def _stats(port: int) -> dict[str, int]:
    with urlopen(f"http://127.0.0.1:{port}/stats", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
        return found
