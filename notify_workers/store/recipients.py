"""Users, tenants and objects: one table, told apart by collection (`$users`, `$tenants`, anything else is an object's)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import recipients
from workflows.recipients import USERS, Identity, Reference, deep_merge


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient as stored. `created_at` is the application's own date, `updated_at` ours."""

    reference: Reference
    properties: Mapping[str, Any]
    created_at: datetime | None
    updated_at: datetime


_IDENTIFY = sql("""
    insert into recipients as known (environment_id, collection, id, properties, preferences, channel_data, created_at, updated_at)
    select environment_id, collection, id, properties, preferences, channel_data, created_at, engine_now()
    from jsonb_to_recordset(:rows) as given (environment_id uuid, collection text, id text, properties jsonb, preferences jsonb,
                                             channel_data jsonb, created_at timestamptz)
    order by environment_id, collection, id
    on conflict (environment_id, collection, id) do update set
        properties = deep_merge(known.properties, excluded.properties),
        preferences = deep_merge(known.preferences, excluded.preferences),
        channel_data = deep_merge(known.channel_data, excluded.channel_data),
        created_at = coalesce(excluded.created_at, known.created_at),
        updated_at = excluded.updated_at
    returning collection, id, properties, created_at, updated_at
""")


def identify(tx: Transaction, identities: Iterable[tuple[UUID, Identity]]) -> list[Recipient]:
    """Upserts recipients of environments; maps are merged deeply. Rows are locked in one order, so callers cannot deadlock."""
    merged: dict[tuple[UUID, Reference], dict[str, Any]] = {}
    for environment, identity in identities:
        row = _row(environment, identity)
        known = merged.get((environment, identity.reference))
        merged[environment, identity.reference] = deep_merge(known, row) if known else row
    if not merged:
        return []
    rows = tx.rows(_IDENTIFY, rows=as_json(list(merged.values())))
    return [
        Recipient(Reference(row.collection, row.id), row.properties, row.created_at, row.updated_at) for row in rows
    ]


def _row(environment: UUID, identity: Identity) -> dict[str, Any]:
    return {
        "environment_id": environment,
        "collection": identity.reference.collection,
        "id": identity.reference.id,
        "properties": dict(identity.properties),
        "preferences": dict(identity.preferences),
        "channel_data": dict(identity.channel_data),
        "created_at": identity.created_at,
    }


_GET = select(recipients.c.properties, recipients.c.created_at, recipients.c.updated_at)


def get_recipient(tx: Transaction, environment: UUID, reference: Reference) -> Recipient | None:
    row = tx.first(
        _GET.where(
            recipients.c.environment_id == environment,
            recipients.c.collection == reference.collection,
            recipients.c.id == reference.id,
        )
    )
    return Recipient(reference, row.properties, row.created_at, row.updated_at) if row else None


_DELETE = sql("delete from recipients where environment_id = :environment and collection = :collection and id = :id")

# Windows before runs: the order in which a cancellation locks them.
_HOLD_WINDOWS = sql("""
    select w.id from recipient_runs r join batch_windows w on w.carrier_run = r.id and w.closed_at is null
    where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id
    order by w.id for update of w
""")
_STOP_RUNS = sql("""
    with owed as (
        select d.id, d.run_id from due d join recipient_runs r on r.id = d.run_id
        where r.environment_id = :environment and r.collection = :collection and r.recipient_id = :id and d.kind = 'step'
        for update of d, r skip locked
    ), gone as (
        delete from due using owed where due.id = owed.id
    ), stopped as (
        update recipient_runs r set status = 'cancelled', paused_until = null,
            cancelled_at = engine_now(), updated_at = engine_now()
        from owed where r.id = owed.run_id and r.cancelled_at is null
        returning r.id
    ), abandoned as (
        update batch_windows w set closed_at = engine_now() from stopped where w.carrier_run = stopped.id and w.closed_at is null
    )
    insert into run_log (run_id, attempt, entries, at)
    select id, 1, jsonb_build_array(jsonb_build_object('event', 'run_cancelled', 'status', 'ok', 'data',
        jsonb_build_object('reason', 'the recipient was deleted'))), engine_now()
    from stopped
""")


def delete_recipient(tx: Transaction, environment: UUID, reference: Reference) -> None:
    """Forgets a recipient; its paused runs stop (contract: semantics §1). Deleting an unknown one changes nothing."""
    values = {"environment": environment, "collection": reference.collection, "id": reference.id}
    tx.run(_DELETE, **values)
    tx.rows(_HOLD_WINDOWS, **values)
    tx.run(_STOP_RUNS, **values)


def page_of_users(
    tx: Transaction, environment: UUID, *, after: str | None, before: str | None, limit: int
) -> list[Recipient]:
    """Users by id, ascending, at most `limit`; with `before`, the ones that end just before it."""
    query = _GET.add_columns(recipients.c.id).where(
        recipients.c.environment_id == environment, recipients.c.collection == USERS
    )
    if before is not None:
        query = query.where(recipients.c.id < before).order_by(recipients.c.id.desc())
    else:
        query = query.where(recipients.c.id > (after or "")).order_by(recipients.c.id)
    rows = [
        Recipient(Reference(USERS, row.id), row.properties, row.created_at, row.updated_at)
        for row in tx.rows(query.limit(limit))
    ]
    return rows[::-1] if before is not None else rows
