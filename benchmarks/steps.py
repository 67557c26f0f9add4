"""Steps a second of one worker process, for each type of step."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import text

from benchmarks.fixtures import DEVELOPMENT, number, trigger
from benchmarks.stack import stack, wait_for
from benchmarks.tables import Table
from notify_workers import resources
from notify_workers.redis_client import client
from notify_workers.store.session import transaction

RUNS = 100
STEPS = 5
MINUTE = {"unit": "minutes", "value": 1}


def measure() -> Table:
    table = Table(
        "Steps: one worker process, by type of step",
        ["step", "steps/s"],
        notes=[
            f"{RUNS} runs of {STEPS} such steps, one recipient each, from the first trigger to the end of the last run; one worker"
            " process with threads, each step a task that writes its log. The stores and the fetched server share the same cores.",
            "Channel steps also deliver: to the SMTP sink, and to the outbox of the development stack.",
        ],
    )
    with stack() as running, _server() as url, running.process("doorbell", "worker"):
        _publish("ending", [{"type": "update_data", "settings": {"data": "{}"}}])
        _finish("ending", 4)
        for name, step in _types(url):
            _publish(name, [step] * STEPS)
            table.rows.append([name, f"{_rate(name):,.0f}"])
    return table


def _rate(name: str) -> float:
    with transaction() as tx:
        tx.run(
            text("truncate due, recipient_runs, run_log, triggers, messages, message_events, delivery_attempts cascade")
        )
    client().flushdb()
    started = time.perf_counter()
    _finish(name, RUNS)
    return RUNS * STEPS / (time.perf_counter() - started)


def _finish(name: str, count: int) -> None:
    users = [{"id": f"{name}-{each}", "email": "jane@example.com", "phone_number": "+1555"} for each in range(count)]
    trigger(name, users)
    done = "select count(*) from recipient_runs where status = 'completed' and not exists (select from due)"
    wait_for(lambda: number(done) >= count, 300, f"the last run of {name}")


def _publish(key: str, steps: list[dict[str, Any]]) -> None:
    numbered = [{**step, "ref": f"step_{position}"} for position, step in enumerate(steps)]
    with resources.configuration() as tx:
        resources.publish_workflow(tx, DEVELOPMENT, key, {"name": key, "steps": numbered})


def _types(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    condition = {"all": [{"variable": "recipient.id", "operator": "contains", "argument": "branch"}]}
    yield "update_data", {"type": "update_data", "settings": {"data": '{"n": {{ recipient.id | json }}}'}}
    yield "update_user", _update("update_user")
    yield "branch", {"type": "branch", "branches": [{"name": "yes", "conditions": condition}, {"name": "no"}]}
    halves = [{"name": name, "percentage": "50"} for name in ("a", "b")]
    yield "random_cohort", {"type": "random_cohort", "cohort_branches": halves}
    yield "throttle", {"type": "throttle", "settings": {"throttle_window": MINUTE, "throttle_limit": 1000}}
    yield "http_fetch", {"type": "http_fetch", "settings": {"method": "get", "url": url}}
    yield "trigger_workflow", {"type": "trigger_workflow", "settings": {"workflow_key": "ending", "data": "{}"}}
    audience = {"audience_key": "vip", "action": "add"}
    yield "update_audience", {"type": "update_audience", "settings": audience}
    yield "email", _channel("email", {"subject": "Hello", "html_body": "<p>{{ recipient.id }}</p>", "settings": {}})
    yield "in_app_feed", _channel("in_app_feed", {"markdown_body": "Hello {{ recipient.id }}"}, "in-app-feed")
    yield "sms", _channel("sms", {"text_body": "Hello {{ recipient.id }}"})


def _update(type: str) -> dict[str, Any]:
    return {"type": type, "settings": {"recipient_mode": "current", "update_properties": '{"seen": true}'}}


def _channel(channel_type: str, template: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    return {"type": "channel", "channel_type": channel_type, "channel_key": key or channel_type, "template": template}


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"answer": 42}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
