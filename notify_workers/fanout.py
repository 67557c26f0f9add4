"""Fanning a trigger out: one run for each recipient, a chunk in a transaction (hop 3).

The first chunk is made where the trigger is accepted; the rest by `fan_out` tasks, whose place is kept in their due row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from notify_workers.cancellations import NOBODY, Revoked, already_cancelled, key_of
from notify_workers.catalog import catalog
from notify_workers.ids import recipient_run_id
from notify_workers.settings import settings
from notify_workers.store import cancellations as cancellation_rows
from notify_workers.store import due, resources
from notify_workers.store.runs import insert_runs
from notify_workers.store.session import Transaction, transaction
from notify_workers.store.triggers import Trigger, load_trigger
from workflows.model import Workflow
from workflows.recipients import Reference, deep_merge


def start(tx: Transaction, triggers: Sequence[Trigger]) -> None:
    """Makes the first chunk of runs of each trigger; the caller holds their cancellation keys' locks."""
    chunk = settings().fan_out_chunk
    _make_runs(tx, triggers, 0)
    for trigger in triggers:
        if len(trigger.recipients) > chunk:
            due_id = due.owe_fan_out(tx, trigger.environment_id, trigger.id, chunk)
            tx.ring(due.fan_out_bell(due_id, trigger.id))


def fan_out(due_id: int) -> None:
    """Makes the next chunk of runs of a trigger."""
    chunk = settings().fan_out_chunk
    with transaction() as tx:
        claim = due.claim_fan_out(tx, due_id)
        if claim is None:
            return
        trigger = load_trigger(tx, claim.trigger_id)
        key = key_of(trigger)
        if key is not None:
            cancellation_rows.lock(tx, [key.lock])
        _make_runs(tx, [trigger], claim.cursor)
        if claim.cursor + chunk < len(trigger.recipients):
            due.move_fan_out(tx, due_id, claim.cursor + chunk)
            tx.ring(due.fan_out_bell(due_id, trigger.id))
        else:
            due.settle(tx, due_id)


def _make_runs(tx: Transaction, triggers: Sequence[Trigger], cursor: int) -> None:
    compiled = catalog(resources.catalog_number(tx))
    revoked = _revoked(tx, triggers)
    runs: list[dict[str, Any]] = []
    for trigger in triggers:
        workflow = compiled.program(tx, trigger.environment_id, trigger.version_id).workflow
        runs.extend(_runs(trigger, workflow, revoked.get(trigger.id, NOBODY), cursor))
    tx.ring(*insert_runs(tx, runs))


def _runs(trigger: Trigger, workflow: Workflow, revoked: Revoked, cursor: int) -> Iterator[dict[str, Any]]:
    """Runs for the chunk of a trigger's recipients. Those cancelled since the trigger was made are born cancelled."""
    first = workflow.first()
    for collection, identifier, only_for_them in islice(trigger.recipients, cursor, cursor + settings().fan_out_chunk):
        recipient = Reference(collection, identifier)
        yield {
            "id": recipient_run_id(trigger.id, recipient.collection, recipient.id),
            "environment_id": trigger.environment_id,
            "trigger_id": trigger.id,
            "workflow_key": trigger.workflow_key,
            "version_id": trigger.version_id,
            "collection": collection,
            "recipient_id": identifier,
            "tenant": trigger.tenant,
            "status": _first_status(first, recipient, revoked),
            "data": deep_merge(trigger.data, only_for_them) if only_for_them else None,
            "step": first,
            "once": workflow.entered_once_for(trigger.tenant),
        }


def _first_status(first: str | None, recipient: Reference, revoked: Revoked) -> str:
    if recipient in revoked:
        return "cancelled"
    return "queued" if first else "completed"


def _revoked(tx: Transaction, triggers: Sequence[Trigger]) -> dict[UUID, Revoked]:
    """Who of which trigger is cancelled already, for the triggers of which anybody is."""
    keyed = {trigger.id: (key, trigger.sequence) for trigger in triggers if (key := key_of(trigger))}
    return already_cancelled(tx, keyed) if keyed else {}
