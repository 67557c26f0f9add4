"""The engine, driven by hand: bells are taken from the real queues and answered one by one, time passes when told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from pydantic_core import to_json
from sqlalchemy import text

from notify_workers import (
    bulk_operations,
    cancellations,
    clock,
    delivery,
    fanout,
    pending,
    purges,
    queue,
    resources,
    runner,
    schedules,
    triggers,
    webhooks,
)
from notify_workers.cancellations import CancellationKey
from notify_workers.ids import environment_id
from notify_workers.queue import Bell
from notify_workers.redis_client import client
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from notify_workers.timers import Timers
from workflows.recipients import USERS, Identity, Reference

DEVELOPMENT = environment_id("development")

DOORS: dict[str, Callable[..., None]] = {
    "accept_triggers": lambda ids: triggers.accept([UUID(each) for each in ids]),
    "fan_out": fanout.fan_out,
    "run_step": lambda due_id: queue.ring(runner.run_step(due_id)),
    "deliver": delivery.deliver,
    "run_schedule": schedules.run,
    "run_bulk_operation": bulk_operations.run,
    "purge_recipient": purges.run,
    "deliver_event": webhooks.deliver,
}


def email_step(ref: str = "email_1", **template: Any) -> dict[str, Any]:
    body = {"subject": f"Subject of {ref}", "html_body": "<p>Hello {{ recipient.name }}</p>", "settings": {}}
    return {
        "ref": ref,
        "type": "channel",
        "channel_type": "email",
        "channel_key": "email",
        "template": {**body, **template},
    }


def delay_step(ref: str = "delay_1", unit: str = "days", value: int = 3, **settings: Any) -> dict[str, Any]:
    return {"ref": ref, "type": "delay", "settings": {"delay_for": {"unit": unit, "value": value}, **settings}}


class Engine:
    """What an application, the workers and time do. `held` are bells that were taken and not answered."""

    def __init__(self) -> None:
        self.held: list[Bell] = []

    # What an application does

    def publish(self, key: str, steps: Sequence[Mapping[str, Any]], **workflow: Any) -> UUID | None:
        """Makes a workflow current in development; its new version."""
        with resources.configuration() as tx:
            return resources.publish_workflow(tx, DEVELOPMENT, key, {"name": key, "steps": list(steps), **workflow})

    def set_active(self, key: str, *, active: bool) -> None:
        resources.set_workflow_active(DEVELOPMENT, key, active)

    def identify(self, user_id: str, **properties: Any) -> None:
        with transaction() as tx:
            identify(tx, [(DEVELOPMENT, Identity(Reference(USERS, user_id), properties))])

    def trigger(self, key: str, recipients: Sequence[Any], **request: Any) -> UUID:
        """What the shim does with a request; the trigger's id. Nothing is accepted before `drain`."""
        trigger_id = uuid4()
        payload = {
            "environment_id": str(DEVELOPMENT),
            "workflow": key,
            "inline": True,
            "recipients": list(recipients),
            **request,
        }
        count, values = pending.arguments([pending.Entry(trigger_id, to_json(payload))])
        client().eval(pending.ENQUEUE, count, *values)
        return trigger_id

    def cancel(self, workflow: str, key: str, *recipients: str) -> int | None:
        return cancellations.cancel(
            CancellationKey(DEVELOPMENT, workflow, key), [Reference(USERS, each) for each in recipients]
        )

    # What workers do

    def bells(self) -> Iterator[Bell]:
        """Takes every bell that waits in the queues, oldest first."""
        for name in queue.QUEUES:
            while (message := client().rpop(name)) is not None:
                yield decode(message)  # type: ignore[arg-type]

    def answer(self, bell: Bell) -> None:
        DOORS[bell.task](*bell.args)

    def drain(self, most: int = 10_000) -> int:
        """Answers bells until none waits; those with a countdown are held back. How many were answered."""
        answered = 0
        while bells := list(self.bells()):
            for bell in bells:
                if bell.countdown > 0.01:
                    self.held.append(bell)
                    continue
                self.answer(bell)
                answered += 1
                assert answered < most, "the engine rings in circles"
        return answered

    # What time does

    def advance(self, **duration: float) -> None:
        """Time passes; the timer process rings for what is due, and everything is answered."""
        clock.advance(timedelta(**duration).total_seconds())
        self.tick()

    def tick(self) -> None:
        timers = Timers()
        while timers.publish():
            self.drain()
        self.drain()

    def release(self) -> None:
        """The countdowns of the bells that were held back are over."""
        while self.held:
            self.answer(self.held.pop(0))
        self.drain()

    def expire_leases(self) -> None:
        """As if everything in hand had been in hand for too long."""
        with transaction() as tx:
            tx.run(
                text(
                    "update due set leased_until = clock_timestamp() - interval '1 second' where leased_until is not null"
                )
            )
            tx.run(text("update due set publish_at = least(publish_at, greatest(due_at, engine_now()))"))

    # What is in the database

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with transaction() as tx:
            return list(tx.rows(text(statement), **values))

    def one(self, statement: str, **values: Any) -> Any:
        (row,) = self.rows(statement, **values)
        return row

    def count(self, table: str) -> int:
        return int(self.one(f"select count(*) as number from {table}").number)

    def statuses(self) -> dict[str, int]:
        """How many runs are in which status."""
        return {
            row.status: row.number
            for row in self.rows("select status, count(*) as number from recipient_runs group by 1")
        }

    def log(self) -> list[str]:
        """The events of every run's log, in order."""
        found = self.rows("select entries from run_log order by run_id, number")
        return [entry["event"] for row in found for entry in row.entries]


def decode(message: bytes) -> Bell:
    envelope = json.loads(message)
    args, _, _ = json.loads(envelope["body"])
    eta = envelope["headers"]["eta"]
    countdown = (datetime.fromisoformat(eta) - datetime.now(UTC)).total_seconds() if eta else 0.0
    return Bell(envelope["headers"]["task"], tuple(args), countdown, envelope["headers"]["argsrepr"])
