"""Users, tenants and objects: one table, told apart by collection (`$users`, `$tenants`, anything else is an object's)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from notify_workers.store import dynamic_audiences
from notify_workers.store.dynamic_audiences import Judged
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import recipients
from workflows.preference_sets import merge_sets
from workflows.recipients import TENANTS, USERS, Identity, Reference, deep_merge

columns = recipients.c


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient as stored. `created_at` is the application's own date, `updated_at` ours. `preferences` are sets by id."""

    reference: Reference
    properties: Mapping[str, Any]
    created_at: datetime | None
    updated_at: datetime
    preferences: Mapping[str, Any] = field(default_factory=dict)


_IDENTIFY = sql("""
    insert into recipients as known (environment_id, collection, id, properties, channel_data, created_at, updated_at)
    select environment_id, collection, id, properties, channel_data, created_at, engine_now()
    from jsonb_to_recordset(:rows) as given (environment_id uuid, collection text, id text, properties jsonb,
                                             channel_data jsonb, created_at timestamptz)
    order by environment_id, collection collate "C", id collate "C"
    on conflict (environment_id, collection, id) do update set
        properties = deep_merge(known.properties, excluded.properties),
        channel_data = deep_merge(known.channel_data, excluded.channel_data),
        created_at = coalesce(excluded.created_at, known.created_at),
        updated_at = case when excluded.properties = '{}' and excluded.channel_data = '{}' and excluded.created_at is null
            then known.updated_at else excluded.updated_at end
    returning environment_id, collection, id, properties, preferences, created_at, updated_at,
        exists (select from resources where kind = 'audience') as audiences
""")


def identify(tx: Transaction, identities: Iterable[tuple[UUID, Identity]]) -> list[Recipient]:
    """Upserts recipients of environments; maps are merged deeply, preference sets by the rules that they have of their own.

    Who is only named is made if need be, and else not changed. Rows are locked in one order: callers that name everybody
    whom they are about to write in one call cannot deadlock.
    """
    given = list(identities)
    if any(_says_preferences(identity) for _, identity in given):
        return _identify_with_preferences(tx, given)
    merged: dict[tuple[UUID, Reference], dict[str, Any]] = {}
    for environment, identity in given:
        row = _row(environment, identity)
        known = merged.get((environment, identity.reference))
        merged[environment, identity.reference] = deep_merge(known, row) if known else row
    return _known(tx, tx.rows(_IDENTIFY, rows=as_json(list(merged.values())))) if merged else []


def make_known(tx: Transaction, environment: UUID, references: Iterable[Reference]) -> None:
    """Everybody who is only named exists from now on; of those who do already nothing changes."""
    identify(tx, [(environment, Identity(each)) for each in references])


def _row(environment: UUID, identity: Identity) -> dict[str, Any]:
    return {
        **_key(environment, identity.reference),
        "properties": dict(identity.properties),
        "channel_data": dict(identity.channel_data),
        "created_at": identity.created_at,
    }


def _key(environment: UUID, reference: Reference) -> dict[str, Any]:
    return {"environment_id": environment, "collection": reference.collection, "id": reference.id}


def _known(tx: Transaction, rows: Sequence[Any]) -> list[Recipient]:
    """Recipients as they were just written; users among them enter and leave dynamic audiences, where there are any."""
    if any(row.audiences for row in rows):
        changed = [row for row in rows if row.collection == USERS]
        dynamic_audiences.reconsider(
            tx,
            [
                Judged(row.environment_id, Reference(USERS, row.id), row.properties, row.created_at, row.updated_at)
                for row in changed
            ],
        )
    return [_recipient(row) for row in rows]


def _recipient(row: Any) -> Recipient:
    return Recipient(Reference(row.collection, row.id), row.properties, row.created_at, row.updated_at, row.preferences)


_LOCK = sql("""
    insert into recipients as known (environment_id, collection, id, updated_at)
    select environment_id, collection, id, engine_now()
    from jsonb_to_recordset(:rows) as given (environment_id uuid, collection text, id text)
    order by environment_id, collection collate "C", id collate "C"
    on conflict (environment_id, collection, id) do update set updated_at = known.updated_at
    returning environment_id, collection, id, properties, preferences, channel_data, created_at
""")
_SAVE = sql("""
    update recipients r set properties = given.properties, preferences = given.preferences, channel_data = given.channel_data,
        created_at = given.created_at, updated_at = engine_now()
    from jsonb_to_recordset(:rows) as given (environment_id uuid, collection text, id text, properties jsonb, preferences jsonb,
                                             channel_data jsonb, created_at timestamptz)
    where r.environment_id = given.environment_id and r.collection = given.collection and r.id = given.id
    returning r.environment_id, r.collection, r.id, r.properties, r.preferences, r.created_at, r.updated_at,
        exists (select from resources where kind = 'audience') as audiences
""")


def lock(tx: Transaction, keys: Iterable[tuple[UUID, Reference]]) -> dict[tuple[UUID, Reference], dict[str, Any]]:
    """Everything that is known of recipients, locked; those that were unknown are made, with nothing in them."""
    rows = [_key(environment, reference) for environment, reference in dict.fromkeys(keys)]
    found = (dict(row._mapping) for row in tx.rows(_LOCK, rows=as_json(rows)))
    return {(row["environment_id"], Reference(row["collection"], row["id"])): row for row in found}


def save(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> list[Recipient]:
    """Writes rows that `lock` gave, changed."""
    return _known(tx, tx.rows(_SAVE, rows=as_json(list(rows))))


def _says_preferences(identity: Identity) -> bool:
    given = _tenant_settings(identity.reference, identity.properties).get("preference_set", {})
    return bool(identity.preferences) or given is None or (isinstance(given, Mapping) and bool(given))


def _tenant_settings(reference: Reference, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = properties.get("settings") if reference.collection == TENANTS else None
    return settings if isinstance(settings, Mapping) else {}


def _identify_with_preferences(tx: Transaction, given: Sequence[tuple[UUID, Identity]]) -> list[Recipient]:
    known = lock(tx, ((environment, identity.reference) for environment, identity in given))
    for environment, identity in given:
        known[environment, identity.reference] |= _merged(known[environment, identity.reference], identity)
    return save(tx, known.values())


def _merged(known: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    sets = {
        name: merge_sets(_set(known["preferences"], name), new, "merge")
        for name, new in identity.preferences.items()
        if isinstance(new, Mapping)
    }
    return {
        "properties": _merged_properties(known["properties"], identity),
        "preferences": {**known["preferences"], **sets},
        "channel_data": deep_merge(known["channel_data"], identity.channel_data),
        "created_at": identity.created_at or known["created_at"],
    }


def _set(sets: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found = sets.get(name)
    return found if isinstance(found, Mapping) else None


def _merged_properties(known: Mapping[str, Any], identity: Identity) -> dict[str, Any]:
    """A tenant's preference set is merged like any other; null takes it away."""
    merged = deep_merge(known, identity.properties)
    new = _tenant_settings(identity.reference, identity.properties)
    if "preference_set" in new:
        old = _set(_tenant_settings(identity.reference, known), "preference_set")
        wanted = new["preference_set"]
        written = merge_sets(old, wanted, "merge") if isinstance(wanted, Mapping) else old
        merged["settings"]["preference_set"] = None if wanted is None else written
    return merged


_CHANNEL_DATA = sql("""
    select coalesce(max(octet_length(r.channel_data::text)), 0) from recipients r
    join jsonb_to_recordset(:rows) as given (environment_id uuid, collection text, id text)
        on r.environment_id = given.environment_id and r.collection = given.collection and r.id = given.id
""")


def most_channel_data(tx: Transaction, environment: UUID, who: Collection[Reference]) -> int:
    """Bytes of the channel data of whoever of them has most. Asks nothing about nobody."""
    rows = [_key(environment, each) for each in who]
    return int(tx.scalar(_CHANNEL_DATA, rows=as_json(rows))) if rows else 0


_GET = select(
    columns.collection, columns.id, columns.properties, columns.preferences, columns.created_at, columns.updated_at
)


def get_recipient(tx: Transaction, environment: UUID, reference: Reference) -> Recipient | None:
    row = tx.first(
        _GET.where(
            columns.environment_id == environment,
            columns.collection == reference.collection,
            columns.id == reference.id,
        )
    )
    return _recipient(row) if row else None


def page_of_recipients(
    tx: Transaction,
    environment: UUID,
    collection: str,
    *,
    after: str | None,
    before: str | None,
    limit: int,
    identifier: str | None = None,
    name: str | None = None,
) -> list[Recipient]:
    """A collection by id, ascending, at most `limit`; with `before`, the ones that end just before it.

    `identifier` and `name` are exact.
    """
    query = _GET.where(columns.environment_id == environment, columns.collection == collection)
    if identifier is not None:
        query = query.where(columns.id == identifier)
    if name is not None:
        query = query.where(columns.properties.op("->>")("name") == name)
    if before is not None:
        query = query.where(columns.id < before).order_by(columns.id.desc())
    else:
        query = query.where(columns.id > (after or "")).order_by(columns.id)
    rows = [_recipient(row) for row in tx.rows(query.limit(limit))]
    return rows[::-1] if before is not None else rows
