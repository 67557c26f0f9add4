"""How long each list takes in a large installation."""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.testclient import TestClient

from benchmarks import plenty
from benchmarks.plenty import Amount, Names
from benchmarks.stack import stack
from benchmarks.tables import Table
from notify_workers.store.session import transaction

ROUNDS = 60
AMOUNT = Amount()
SECRET = {"Authorization": "Bearer sk_test_doorbell"}

READS: Mapping[str, str] = {
    "users": "/v1/users",
    "objects of a collection": "/v1/objects/projects",
    "tenants": "/v1/tenants",
    "messages": "/v1/messages",
    "messages of a tenant": "/v1/messages?tenant=tenant-3",
    "messages of a workflow": "/v1/messages?source=workflow-3",
    "messages of a channel": "/v1/messages?channel_id={feed}",
    "messages with a delivery status (one in 1,000)": "/v1/messages?status[]=queued",
    "messages that are unread": "/v1/messages?engagement_status[]=unread",
    "messages of a category (one in 50)": "/v1/messages?workflow_categories[]=news",
    "messages with trigger data (ten of all)": '/v1/messages?trigger_data={{"n": 7}}',
    "a user's messages": "/v1/users/user-3/messages",
    "an object's messages": "/v1/objects/projects/project-3/messages",
    "a message's events": "/v1/messages/{message}/events",
    "a message's activities": "/v1/messages/{message}/activities",
    "a message's delivery logs": "/v1/messages/{message}/delivery_logs",
    "a user's feed, compact": "/v1/users/user-3/feeds/{feed}?mode=compact",
    "a user's feed, rich": "/v1/users/user-3/feeds/{feed}",
    "a user's feed, unread": "/v1/users/user-3/feeds/{feed}?mode=compact&status=unread",
    "recipient runs": "/v1/workflow_recipient_runs",
    "recipient runs of a workflow": "/v1/workflow_recipient_runs?workflow=workflow-3",
    "recipient runs of a user": "/v1/workflow_recipient_runs?recipient=user-3",
    "schedules of a workflow": "/v1/schedules?workflow=workflow-3",
    "a user's subscriptions": "/v1/users/user-3/subscriptions",
    "an object's subscriptions": "/v1/objects/projects/project-3/subscriptions",
    "an audience's members": "/v1/audiences/audience-3/members",
}


def measure() -> Table:
    from api_shim.app import make_app

    table = Table(
        "Lists in a large installation",
        ["", "p50 ms", "p95 ms"],
        notes=[
            f"{AMOUNT.users:,} users, {AMOUNT.messages:,} messages, {AMOUNT.runs:,} runs; first pages of 50,"
            f" {ROUNDS} requests each, one after the other, in the process that asks.",
        ],
    )
    with stack():
        with transaction() as tx:
            names = plenty.make(tx, AMOUNT)
        with TestClient(make_app(), client=("127.0.0.1", 1), headers=SECRET) as client:
            for name, address in READS.items():
                table.rows.append([name, *(f"{each:,.1f}" for each in _milliseconds(client, address, names))])
    return table


def _milliseconds(client: TestClient, address: str, names: Names) -> tuple[float, float]:
    path = address.format(feed=names.feed, message=names.message)
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer = client.get(path)
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise AssertionError(f"{path} answered {answer.status_code}")
    taken.sort()
    return taken[ROUNDS // 2], taken[int(ROUNDS * 0.95)]
