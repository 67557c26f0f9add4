"""The Celery tasks, named so that Flower reads like the run log. Nothing below knows what called it."""

from __future__ import annotations

from uuid import UUID

from notify_workers import bulk_operations, delivery, fanout, purges, runner, schedules, triggers, webhooks
from notify_workers.queue import DELIVERIES, app, ring


@app.task(name="accept_triggers")
def accept_triggers(trigger_ids: list[str]) -> None:
    triggers.accept([UUID(each) for each in trigger_ids])


@app.task(name="fan_out")
def fan_out(due_id: int) -> None:
    fanout.fan_out(due_id)


@app.task(name="run_step")
def run_step(due_id: int) -> None:
    """Delivers at once what the step made, where this worker takes deliveries; a bell of its own would cost as much again."""
    for bell in runner.run_step(due_id):
        if DELIVERIES in app.amqp.queues.consume_from:
            delivery.deliver(*bell.args)
        else:
            ring([bell])


@app.task(name="deliver")
def deliver(due_id: int) -> None:
    delivery.deliver(due_id)


@app.task(name="run_schedule")
def run_schedule(due_id: int) -> None:
    schedules.run(due_id)


@app.task(name="run_bulk_operation")
def run_bulk_operation(due_id: int) -> None:
    bulk_operations.run(due_id)


@app.task(name="purge_recipient")
def purge_recipient(due_id: int) -> None:
    purges.run(due_id)


@app.task(name="deliver_event")
def deliver_event(due_id: int) -> None:
    webhooks.deliver(due_id)
