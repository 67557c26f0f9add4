"""The real engine in virtual time: its clock stands still, and goes from one thing that is due to the next.

What the engine leaves to chance is done in the simulator's order. Everything else is the engine's: its doors, its rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import text

from notify_workers import cancellations, clock, delivery, pending, runner, statuses, triggers
from notify_workers import resources as resource_door
from notify_workers.cancellations import CancellationKey
from notify_workers.redis_client import client
from notify_workers.store import audiences, purges, recipients, waits
from notify_workers.store.session import transaction
from notify_workers.store.statuses import STATUSES
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import Reference
from workflows.simulate.happenings import (
    Activated,
    AudienceChanged,
    Cancelled,
    Deleted,
    Engaged,
    Happening,
    Identified,
    PreferencesSet,
    Published,
    Triggered,
    What,
)
from workflows.simulate.replies import Replies
from workflows.simulate.trace import Entry, Told, TracedMessage, TracedRun, digest, trace_of

MOST_STEPS = 5_000

_DEFINITION = text("select pg_get_functiondef('engine_now()'::regprocedure) as source")
_FROZEN = text(
    "create or replace function engine_now() returns timestamptz language sql stable as"
    " 'select to_timestamp(offset_seconds) from clock'"
)
_NEXT = text("""
    select id, kind, extract(epoch from due_at)::float8 as at from due
    where due_at <= to_timestamp(:until) order by due_at, kind = 'delivery', id limit 1
""")


@contextmanager
def standing_clock() -> Iterator[None]:
    """The engine's time is what its clock says, and nothing else moves it."""
    with transaction() as tx:
        source = tx.one(_DEFINITION).source
        tx.run(_FROZEN)
    try:
        yield
    finally:
        with transaction() as tx:
            tx.run(text(source))
            tx.run(text("update clock set offset_seconds = 0"))


class TimeTraveller:
    """What `workflows.simulate.simulation.Simulation` is to the simulated world."""

    def __init__(self, engine: Engine, start: datetime, replies: Replies) -> None:
        self.engine = engine
        self._replies = replies
        with transaction() as tx:
            tx.run(text("update clock set offset_seconds = :at"), at=start.timestamp())

    def answer(self, call: Any) -> Any:
        """Stands in for `calls.perform`."""
        return self._replies.answer(call, clock.now())

    def pass_time(self, until: datetime) -> None:
        for _ in range(MOST_STEPS):
            with transaction() as tx:
                waits.wake(tx)
            found = self.engine.rows(str(_NEXT), until=until.timestamp())
            if not found:
                break
            self._stand_at(found[0].at)
            (delivery.deliver if found[0].kind == "delivery" else runner.run_step)(found[0].id)
        else:
            raise AssertionError("the engine runs in circles")
        self._stand_at(until.timestamp())

    def _stand_at(self, at: float) -> None:
        clock.advance(max(0.0, at - clock.now().timestamp()))

    def happen(self, happening: Happening) -> None:
        self.pass_time(happening.at)
        self._do(happening.what)

    def _do(self, what: What) -> None:
        match what:
            case Triggered(request):
                self._trigger(request)
            case Cancelled(workflow, key, only):
                cancellations.cancel(CancellationKey(DEVELOPMENT, workflow, key), list(only))
            case Engaged():
                self._engage(what)
            case Published(workflow, document):
                with resource_door.configuration() as tx:
                    resource_door.publish_workflow(tx, DEVELOPMENT, workflow, document)
            case Activated(workflow, active):
                self.engine.set_active(workflow, active=active)
            case _:
                self._learn(what)

    def _learn(self, what: Identified | PreferencesSet | Deleted | AudienceChanged) -> None:
        with transaction() as tx:
            match what:
                case Identified(said):
                    recipients.identify(tx, [(DEVELOPMENT, said)])
                case Deleted(recipient):
                    purges.delete_recipient(tx, DEVELOPMENT, recipient)
                    tx.run(text("delete from due where kind = 'purge'"))  # so that what came of its runs can be told
                case AudienceChanged(audience, recipient, tenant, adds):
                    audiences.change(tx, DEVELOPMENT, audience, recipient, tenant, adds=adds)
                case PreferencesSet():
                    raise AssertionError("streams write preferences inline")
                case _:
                    assert_never(what)

    def _trigger(self, request: Any) -> None:
        """What the shim lets through, accepted at once."""
        payload = {
            "environment_id": str(DEVELOPMENT),
            "workflow": request.workflow,
            "recipients": list(request.recipients),
            "data": request.data,
            "actor": request.actor,
            "tenant": request.tenant,
            "cancellation_key": request.cancellation_key,
            "settings": request.settings,
        }
        count, values = pending.arguments([pending.Entry(request.id, to_json(payload))])
        client().eval(pending.ENQUEUE, count, *values)
        triggers.accept([request.id])

    def _engage(self, engaged: Engaged) -> None:
        found = self.engine.rows(
            "select m.id from messages m join message_events e on e.message_id = m.id and e.type = 'message.created'"
            " where m.collection = :collection and m.recipient_id = :who"
            " and (cast(:workflow as text) is null or m.workflow_key = :workflow) order by e.number",
            collection=engaged.recipient.collection,
            who=engaged.recipient.id,
            workflow=engaged.workflow,
        )
        nth = len(found) if engaged.nth is None else engaged.nth
        if 1 <= nth <= len(found):
            self._tell(found[nth - 1].id, engaged)

    def _tell(self, message_id: str, engaged: Engaged) -> None:
        with transaction() as tx:
            if engaged.status in STATUSES:
                statuses.change(tx, DEVELOPMENT, [message_id], engaged.status, dict(engaged.detail) or None)
                return
            tx.run(text("update messages set status = :status where id = :id"), status=engaged.status, id=message_id)
            tx.run(
                text(
                    "insert into message_events (id, message_id, type, at)"
                    " values (substr(md5(random()::text), 1, 27), :id, :type, engine_now())"
                ),
                id=message_id,
                type=f"message.{engaged.status}",
            )


def trace_of_engine(engine: Engine) -> list[Entry]:
    """What was decided, from the engine's rows."""
    log: dict[UUID, list[Told]] = {}
    for row in engine.rows("select run_id, step_ref, entries, at from run_log order by number"):
        log.setdefault(row.run_id, []).extend(
            Told(row.at, row.step_ref, entry["event"], entry["data"]) for entry in row.entries
        )
    messages = _messages(engine)
    runs = engine.rows("""
        select r.id, r.trigger_id, r.workflow_key, r.collection, r.recipient_id, r.tenant, r.inserted_at
        from recipient_runs r join triggers t on t.id = r.trigger_id
        cross join lateral (
            select position from jsonb_array_elements(t.recipients) with ordinality as given (who, position)
            where who ->> 0 = r.collection and who ->> 1 = r.recipient_id limit 1
        ) place order by t.sequence, place.position
    """)
    return trace_of(
        TracedRun(
            at=run.inserted_at,
            trigger_id=str(run.trigger_id),
            workflow=run.workflow_key,
            recipient=str(Reference(run.collection, run.recipient_id)),
            tenant=run.tenant,
            log=log.get(run.id, []),
            messages=messages.get(run.id, []),
        )
        for run in runs
    )


def _messages(engine: Engine) -> dict[UUID, list[TracedMessage]]:
    events: dict[str, list[tuple[str, datetime, Any]]] = {}
    for row in engine.rows("select message_id, type, data, at from message_events order by number"):
        events.setdefault(row.message_id, []).append((row.type, row.at, row.data or {}))
    rows = {
        row.id: row
        for row in engine.rows(
            "select m.id, m.run_id, m.step_ref, c.key, m.content, m.scheduled_at from messages m"
            " join channels c on c.id = m.channel_id and c.environment_id = m.environment_id"
        )
    }
    found: dict[UUID, list[TracedMessage]] = {}
    for message_id, told in events.items():
        row = rows[message_id]
        found.setdefault(row.run_id, []).append(
            TracedMessage(
                id=message_id,
                step=row.step_ref,
                channel=row.key,
                made={"content": digest(row.content)},
                scheduled_at=row.scheduled_at,
                events=told,
            )
        )
    return found
