"""Runs that wait in a delay, made by copying one that went there by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from pydantic_core import to_json
from sqlalchemy import text

from benchmarks.stack import Stack, wait_for
from notify_workers import pending, resources
from notify_workers.ids import environment_id
from notify_workers.redis_client import client
from notify_workers.store.session import transaction

DEVELOPMENT = environment_id("development")

COPY = text("""
    with template as (select r.*, d.step from recipient_runs r join due d on d.run_id = r.id where r.status = 'paused' limit 1),
    copied as (
        insert into recipient_runs (id, environment_id, trigger_id, workflow_key, version_id, collection, recipient_id, status,
            paused_until, inserted_at, updated_at)
        select gen_random_uuid(), environment_id, trigger_id, workflow_key, version_id, collection, 'copy-' || number, status,
            engine_now() + make_interval(secs => :seconds), inserted_at, updated_at
        from template, generate_series(1, :count) as number
        returning *
    )
    insert into due (kind, environment_id, trigger_id, run_id, step, due_at, publish_at)
    select 'step', copied.environment_id, copied.trigger_id, copied.id, template.step, copied.paused_until,
        copied.paused_until - make_interval(secs => :horizon)
    from copied, template
""")


def publish_waiting(days: int) -> None:
    """A workflow that waits and then ends."""
    step = {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "days", "value": days}}}
    with resources.configuration() as tx:
        resources.publish_workflow(tx, DEVELOPMENT, "waiting", {"name": "Waiting", "steps": [step]})


def trigger(workflow: str, recipients: Sequence[Any]) -> None:
    payload = {
        "environment_id": str(DEVELOPMENT),
        "workflow": workflow,
        "inline": True,
        "recipients": list(recipients),
        "data": {},
    }
    count, values = pending.arguments([pending.Entry(uuid4(), to_json(payload))])
    client().eval(pending.ENQUEUE, count, *values)


def wait_until_paused(count: int) -> None:
    wait_for(
        lambda: number("select count(*) from recipient_runs where status = 'paused'") >= count, 60, "the first delay"
    )


def copy_paused(running: Stack, count: int, seconds: float) -> None:
    """Makes `count` more runs that wait, due in that many seconds."""
    with transaction() as tx:
        tx.run(text("set local statement_timeout = 0"))
        tx.run(COPY, count=count, seconds=seconds, horizon=running.settings.horizon)


def number(statement: str) -> int:
    with transaction() as tx:
        return int(tx.scalar(text(statement)))
