"""How long each read takes in a large installation."""

from __future__ import annotations

import time
from collections.abc import Mapping

from starlette.testclient import TestClient

from benchmarks import plenty
from benchmarks.fixtures import DEVELOPMENT
from benchmarks.plenty import Amount, Names
from benchmarks.stack import stack
from benchmarks.tables import Table
from notify_workers import resources
from notify_workers.store.session import transaction

ROUNDS = 60
AMOUNT = Amount()
GUIDES = 20
GUIDE = {
    "name": "A guide",
    "channel_key": "in-app-guide",
    "steps": [
        {
            "ref": "step_1",
            "schema_key": "banner",
            "schema_semver": "1.0.0",
            "schema_variant_key": "default",
            "values": {"title": "Hello {{ recipient.name }}"},
        }
    ],
}
SECRET = {"Authorization": "Bearer sk_test_doorbell"}

READS: Mapping[str, str] = {
    "users": "/v1/users",
    "a user": "/v1/users/user-3",
    "a user's preference sets": "/v1/users/user-3/preferences",
    "a user's preference set": "/v1/users/user-3/preferences/default",
    "a user's preference centre": "/v1/users/user-3/preference_center/config",
    "a user's channel data": "/v1/users/user-3/channel_data/{feed}",
    "a user's guides": "/v1/users/user-3/guides/{guides}",
    "objects of a collection": "/v1/objects/projects",
    "an object": "/v1/objects/projects/project-3",
    "an object's preference sets": "/v1/objects/projects/project-3/preferences",
    "an object's preference set": "/v1/objects/projects/project-3/preferences/default",
    "an object's channel data": "/v1/objects/projects/project-3/channel_data/{feed}",
    "tenants": "/v1/tenants",
    "a tenant": "/v1/tenants/tenant-3",
    "messages": "/v1/messages",
    "messages of a tenant": "/v1/messages?tenant=tenant-3",
    "messages of a workflow": "/v1/messages?source=workflow-3",
    "messages of a channel": "/v1/messages?channel_id={feed}",
    "messages with a delivery status (one in 1,000)": "/v1/messages?status[]=queued",
    "messages that are unread": "/v1/messages?engagement_status[]=unread",
    "messages of a category (one in 50)": "/v1/messages?workflow_categories[]=news",
    "messages with trigger data (ten of all)": '/v1/messages?trigger_data={{"n": 7}}',
    "messages with trigger data (half of all)": '/v1/messages?trigger_data={{"odd": true}}',
    "a user's messages": "/v1/users/user-3/messages",
    "an object's messages": "/v1/objects/projects/project-3/messages",
    "a message": "/v1/messages/{message}",
    "a message's content": "/v1/messages/{message}/content",
    "contents of messages": "/v1/messages/batch/content?message_ids[]={message}",
    "a message's events": "/v1/messages/{message}/events",
    "a message's activities": "/v1/messages/{message}/activities",
    "a message's delivery logs": "/v1/messages/{message}/delivery_logs",
    "a user's feed, compact": "/v1/users/user-3/feeds/{feed}?mode=compact",
    "a user's feed, rich": "/v1/users/user-3/feeds/{feed}",
    "a user's feed, unread": "/v1/users/user-3/feeds/{feed}?mode=compact&status=unread",
    "a feed of {busy:,} items, compact": "/v1/users/user-busy/feeds/{feed}?mode=compact",
    "a feed of {busy:,} items, rich": "/v1/users/user-busy/feeds/{feed}",
    "a feed's settings": "/v1/users/user-3/feeds/{feed}/settings",
    "recipient runs": "/v1/workflow_recipient_runs",
    "recipient runs of a workflow": "/v1/workflow_recipient_runs?workflow=workflow-3",
    "recipient runs of a user": "/v1/workflow_recipient_runs?recipient=user-3",
    "a recipient run": "/v1/workflow_recipient_runs/{each}",
    "schedules of a workflow": "/v1/schedules?workflow=workflow-3",
    "a user's schedules": "/v1/users/user-3/schedules",
    "an object's schedules": "/v1/objects/projects/project-3/schedules",
    "a user's subscriptions": "/v1/users/user-3/subscriptions",
    "an object's subscriptions": "/v1/objects/projects/project-3/subscriptions",
    "an audience's members": "/v1/audiences/audience-3/members",
    "a bulk operation": "/v1/bulk_operations/{each}",
}
"""Every read but those that ask a vendor."""


def measure() -> Table:
    from api_shim.app import make_app

    table = Table(
        "Reads in a large installation",
        ["", "p50 ms", "p95 ms"],
        notes=[
            f"{AMOUNT.users:,} users, {AMOUNT.messages:,} messages, {AMOUNT.runs:,} runs; first pages of 50,"
            f" {ROUNDS} requests each, one after the other, in the process that asks. Reads that ask a vendor are left out.",
        ],
    )
    with stack():
        with transaction() as tx:
            names = plenty.make(tx, AMOUNT)
        with resources.configuration() as tx:
            for number in range(GUIDES):
                resources.publish_guide(tx, DEVELOPMENT, f"guide-{number}", GUIDE)
        with TestClient(make_app(), client=("127.0.0.1", 1), headers=SECRET) as client:
            for name, address in READS.items():
                shown = name.format(busy=AMOUNT.busy)
                table.rows.append([shown, *(f"{each:,.1f}" for each in _milliseconds(client, address, names))])
    return table


def _milliseconds(client: TestClient, address: str, names: Names) -> tuple[float, float]:
    path = address.format(feed=names.feed, guides=plenty.GUIDES, message=names.message, each=names.each)
    taken = []
    client.get(path)
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer = client.get(path)
        taken.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise AssertionError(f"{path} answered {answer.status_code}")
    taken.sort()
    return taken[ROUNDS // 2], taken[int(ROUNDS * 0.95)]
