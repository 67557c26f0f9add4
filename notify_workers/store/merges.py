"""Merging one user into another: what is known of both, and whose rows are whose afterwards (contract: semantics §16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from notify_workers.settings import settings
from notify_workers.store import purges, recipients, subjects
from notify_workers.store.purges import Purge
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, sql
from workflows.recipients import Reference, deep_merge

_MINE = "m.environment_id = :environment and m.collection = :collection and m.recipient_id = :id"

KEYS: Mapping[str, tuple[str, ...]] = {
    "subscriptions": ("object_collection", "object_id"),
    "audience_members": ("audience_key", "tenant"),
    "entries": ("workflow_key", "tenant"),
    "guide_engagements": ("guide_key", "tenant", "step_ref"),
}
"""Tables whose rows move, and what a recipient has one row of each for. Where the primary has one, it keeps its own."""


def _moving(table: str, key: tuple[str, ...]) -> str:
    same = " and ".join(f"k.{each} = m.{each}" for each in key)
    known = f"""select from {table} k where k.environment_id = m.environment_id and k.collection = m.collection
        and k.recipient_id = :into and {same}"""
    return f"update {table} m set recipient_id = :into where {_MINE} and not exists ({known})"


_MOVE = (
    *(sql(_moving(table, key)) for table, key in KEYS.items()),
    sql(f"update schedules m set recipient_id = :into where {_MINE}"),
)

# A run whose step is in hand stays behind: it stops when it looks for its row.
_MOVE_RUNS = sql("""
    with moving as materialized (
        select r.id from recipient_runs r
        where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id
            and (r.inserted_at <= :before or exists (
                select from triggers t where t.id = r.trigger_id and t.sequence < :sequence))
            and not exists (select from due d where d.run_id = r.id and d.kind = 'step')
            and (r.inserted_at > :before - make_interval(secs => :window) or exists (
                select from messages m
                where m.run_id = r.id and m.inserted_at > :before - make_interval(secs => :window)))
        order by r.inserted_at desc limit :limit
    ), held as materialized (
        select r.id from recipient_runs r join moving on moving.id = r.id order by r.id for update of r
    )
    update recipient_runs r set recipient_id = :into from held where r.id = held.id
    returning r.id
""")
_MOVE_MESSAGES = sql("""
    with moved as (
        update messages set recipient_id = :into where run_id = any(:runs) returning id
    )
    update outbox o set recipient_id = :into from moved where o.message_id = moved.id
""")
# A guide's message goes where its engagement went.
_MOVE_MESSAGES_ALONE = sql(f"""
    update messages m set recipient_id = :into
    where {_MINE} and m.run_id is null and case
        when m.source_type = 'guide' then m.id in (
            select e.message_id from guide_engagements e
            where e.environment_id = :environment and e.collection = :collection and e.recipient_id = :into)
        else m.inserted_at > engine_now() - make_interval(secs => :window) end
""")


def merge(
    tx: Transaction, environment: UUID, secondary: Reference, primary: Reference, window: float, sequence: int = 0
) -> Recipient:
    """Merges a recipient into another one, which is made if nobody knows it, and deletes it.

    The primary's properties, preference sets and channel data win. Runs and messages of the last `window` seconds move: the
    newest at once, the others with the purge of the secondary. Triggers of a sequence below `sequence` that are accepted
    later reach the primary.
    """
    values = {**purges.values_of(environment, secondary), "into": primary.id}
    purges.hold_schedules(tx, environment, secondary)
    known = recipients.lock(tx, [(environment, primary), (environment, secondary)])
    merged = _merged(known[environment, secondary], known[environment, primary])
    _finish(tx, environment, primary, window)
    purges.stop_runs(tx, environment, secondary)
    for statement in _MOVE:
        tx.run(statement, **values)
    (saved,) = recipients.save(tx, [merged])  # after the memberships: dynamic audiences judge what the user is now
    tx.run(_MOVE_MESSAGES_ALONE, window=window, **values)
    purge = purges.delete_recipient(tx, environment, secondary, sequence, primary.id)
    move_chunk(tx, purge, window, settings().purge_chunk)
    return saved


def move_chunk(tx: Transaction, purge: Purge, window: float, limit: int) -> bool:
    """Moves the newest runs of somebody who was merged, at most `limit`, and their messages. Whether there were any."""
    if purge.into is None:
        return False
    values = {"sequence": purge.sequence, "into": purge.into, "window": window, "limit": limit}
    runs = [row.id for row in tx.rows(_MOVE_RUNS, **purge.values, **values)]
    if runs:
        tx.run(_MOVE_MESSAGES, runs=runs, into=purge.into)
    return bool(runs)


def _finish(tx: Transaction, environment: UUID, reference: Reference, window: float) -> None:
    """Does all that is left of a purge at once: what its recipient is given now is older than the deletion, and is not to
    go with the rest.
    """
    purge_id, limit = purges.id_of(environment, reference), settings().purge_chunk
    subjects.settle(tx, purges.KIND, purge_id)  # waits for whoever has it in hand
    purge = purges.get_purge(tx, purge_id)
    if purge is not None:
        while move_chunk(tx, purge, window, limit):
            pass
        while purges.purge_chunk(tx, purge, limit):
            pass
        purges.end(tx, purge)


def _merged(secondary: Mapping[str, Any], primary: Mapping[str, Any]) -> dict[str, Any]:
    """The primary's row: maps of properties deeply, preference sets and channel data each as a whole."""
    return {
        **primary,
        "properties": deep_merge(secondary["properties"], primary["properties"]),
        "preferences": {**secondary["preferences"], **primary["preferences"]},
        "channel_data": {**secondary["channel_data"], **primary["channel_data"]},
        "created_at": primary["created_at"] or secondary["created_at"],
    }
