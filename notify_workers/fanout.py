"""Fanning a trigger out: one run for each recipient, a chunk in a transaction (hop 3).

The first chunk is made where the trigger is accepted; the rest by `fan_out` tasks, whose place is kept in their due row.

When everybody whom the trigger names has a run, the subscribers of the objects among them get theirs, and those of the
objects among these (contract: semantics §15). The place is then a stack of frames, `[collection, id, level, after]`: whose
subscribers are still to be reached, how far they are from the trigger, and the key `[collection, id]` of the last one that
was. Its top is worked on, so that it never holds more than a chunk for each level. Who is reached again has a run already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from notify_workers.cancellations import NOBODY, Revoked, already_cancelled, key_of
from notify_workers.catalog import catalog
from notify_workers.ids import recipient_run_id
from notify_workers.settings import settings
from notify_workers.store import cancellations as cancellation_rows
from notify_workers.store import due, purges, resources, subscriptions
from notify_workers.store.runs import insert_runs
from notify_workers.store.session import Transaction, transaction
from notify_workers.store.subscriptions import Subscriber
from notify_workers.store.triggers import Trigger, load_trigger
from workflows.model import Workflow
from workflows.recipients import USERS, Reference, deep_merge


def start(tx: Transaction, triggers: Sequence[Trigger]) -> None:
    """Makes the first chunk of runs of each trigger; the caller holds their cancellation keys' locks."""
    chunk = settings().fan_out_chunk
    _make_runs(tx, triggers, 0)
    subscribed = _subscribed(tx, triggers)
    for trigger in triggers:
        named_all = len(trigger.recipients) <= chunk
        place = [each for each in _roots(trigger) if (trigger.environment_id, _object_of(each)) in subscribed]
        if place or not named_all:
            due_id = due.owe_fan_out(tx, trigger.environment_id, trigger.id, chunk, place if named_all else None)
            tx.ring(due.fan_out_bell(due_id, trigger.id))


Frame = list[Any]


def _roots(trigger: Trigger) -> list[Frame]:
    """The objects whose subscribers are to be reached; a schedule is for its recipient alone (contract: semantics §14)."""
    if trigger.source["type"] == "schedule":
        return []
    return [
        [collection, identifier, 1, None] for collection, identifier, _ in trigger.recipients if collection != USERS
    ]


def _object_of(frame: Sequence[Any]) -> Reference:
    return Reference(frame[0], frame[1])


def _subscribed(tx: Transaction, triggers: Sequence[Trigger]) -> set[tuple[UUID, Reference]]:
    """Which of the objects that triggers name have subscribers. Asks nothing for triggers that name users only."""
    objects = [(trigger.environment_id, _object_of(each)) for trigger in triggers for each in _roots(trigger)]
    return subscriptions.with_subscribers(tx, objects) if objects else set()


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
        if claim.cursor < len(trigger.recipients):
            _make_runs(tx, [trigger], claim.cursor, _departed(tx, trigger, claim.cursor))
            cursor = claim.cursor + chunk
            place = _roots(trigger) if cursor >= len(trigger.recipients) else []
        else:
            cursor, place = claim.cursor, _reach(tx, trigger, claim.place or ())
        if place or cursor < len(trigger.recipients):
            due.move_fan_out(tx, due_id, cursor, place or None)
            tx.ring(due.fan_out_bell(due_id, trigger.id))
        else:
            due.settle(tx, due_id)


def _reach(tx: Transaction, trigger: Trigger, place: Sequence[Sequence[Any]]) -> list[Frame]:
    """Makes runs for the next subscribers, a chunk at most. The place from which the next chunk goes on, empty at the end."""
    frames = [list(frame) for frame in place]
    left = settings().fan_out_chunk
    reached: dict[Reference, dict[str, Any]] = {}
    while frames and left > 0:
        collection, identifier, level, after = frame = frames[-1]
        object_ = Reference(collection, identifier)
        known = Reference(*after) if after else None
        found = subscriptions.subscribers(tx, trigger.environment_id, object_, known, left)
        if len(found) < left:
            frames.pop()
        else:
            frame[3] = [found[-1].reference.collection, found[-1].reference.id]
        left -= max(1, len(found))
        for each in found:
            reached.setdefault(each.reference, subscription_of(object_, each.properties))
        if level < settings().subscription_depth:
            frames.extend(_below(found, level, trigger))
    _make_subscribers_runs(tx, trigger, reached)
    return frames


def _below(found: Sequence[Subscriber], level: int, trigger: Trigger) -> Iterator[Frame]:
    """Subscribers that are objects. Those that the trigger names have their own place in the stack."""
    named = {(collection, identifier) for collection, identifier, _ in trigger.recipients}
    for each in found:
        reference = each.reference
        if not reference.is_user and (reference.collection, reference.id) not in named:
            yield [reference.collection, reference.id, level + 1, None]


def subscription_of(object_: Reference, properties: Mapping[str, Any]) -> dict[str, Any]:
    """What a run keeps of the subscription through which its recipient was reached."""
    return {"object": {"collection": object_.collection, "id": object_.id}, "properties": dict(properties)}


def _make_subscribers_runs(tx: Transaction, trigger: Trigger, reached: Mapping[Reference, dict[str, Any]]) -> None:
    """Runs for those who have none yet; not for the actor, who need not be told what they did."""
    workflow = catalog(resources.catalog_number(tx)).program(tx, trigger.environment_id, trigger.version_id).workflow
    revoked = _revoked(tx, [trigger]).get(trigger.id, NOBODY)
    runs = [
        {**_run(trigger, workflow, revoked, who), "subscription": subscription}
        for who, subscription in reached.items()
        if who != trigger.actor
    ]
    tx.ring(*insert_runs(tx, runs))


def _departed(tx: Transaction, trigger: Trigger, cursor: int) -> Collection[Reference]:
    """Who of the chunk was deleted after the trigger was made."""
    chunk = trigger.recipients[cursor : cursor + settings().fan_out_chunk]
    left = purges.departures(tx, [(trigger.environment_id, _object_of(each)) for each in chunk])
    return {who for (_, who), gone in left.items() if gone.sequence > trigger.sequence}


def _make_runs(
    tx: Transaction, triggers: Sequence[Trigger], cursor: int, departed: Collection[Reference] = frozenset()
) -> None:
    compiled = catalog(resources.catalog_number(tx))
    revoked = _revoked(tx, triggers)
    runs: list[dict[str, Any]] = []
    for trigger in triggers:
        workflow = compiled.program(tx, trigger.environment_id, trigger.version_id).workflow
        made = _runs(trigger, workflow, revoked.get(trigger.id, NOBODY), cursor)
        runs.extend(run for run in made if Reference(run["collection"], run["recipient_id"]) not in departed)
    tx.ring(*insert_runs(tx, runs))


def _runs(trigger: Trigger, workflow: Workflow, revoked: Revoked, cursor: int) -> Iterator[dict[str, Any]]:
    """Runs for the chunk of a trigger's recipients. Those cancelled since the trigger was made are born cancelled."""
    for collection, identifier, only_for_them in islice(trigger.recipients, cursor, cursor + settings().fan_out_chunk):
        run = _run(trigger, workflow, revoked, Reference(collection, identifier))
        yield {**run, "data": deep_merge(trigger.data, only_for_them)} if only_for_them else run


def _run(trigger: Trigger, workflow: Workflow, revoked: Revoked, recipient: Reference) -> dict[str, Any]:
    first = workflow.first()
    return {
        "id": recipient_run_id(trigger.id, recipient.collection, recipient.id),
        "environment_id": trigger.environment_id,
        "trigger_id": trigger.id,
        "workflow_key": trigger.workflow_key,
        "version_id": trigger.version_id,
        "collection": recipient.collection,
        "recipient_id": recipient.id,
        "tenant": trigger.tenant,
        "status": _first_status(first, recipient, revoked),
        "data": None,
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
