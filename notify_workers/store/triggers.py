"""Triggers: one row for each accepted call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.session import Transaction, sql
from workflows.recipients import Reference

_INSERT = sql("""
    insert into triggers (id, environment_id, workflow_key, version_id, sequence, recipients, data, actor_collection, actor_id,
        tenant, cancellation_key, settings, source, inserted_at)
    select id, environment_id, workflow_key, version_id, sequence, recipients, data, actor_collection, actor_id,
        tenant, cancellation_key, settings, source, engine_now()
    from jsonb_to_recordset(:triggers) as given (
        id uuid, environment_id uuid, workflow_key text, version_id uuid, sequence bigint, recipients jsonb, data jsonb,
        actor_collection text, actor_id text, tenant text, cancellation_key text, settings jsonb, source jsonb)
    on conflict (id) do nothing
    returning id, exists (select from purges) as anybody_deleted
""").bindparams(bindparam("triggers", type_=JSONB))


def insert_triggers(tx: Transaction, triggers: Sequence[Mapping[str, Any]]) -> tuple[set[UUID], bool]:
    """Writes triggers. The ids of those that were not there yet, and whether anybody at all was deleted lately."""
    rows = tx.rows(_INSERT, triggers=list(triggers))
    return {row.id for row in rows}, any(row.anybody_deleted for row in rows)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a fan-out needs of a trigger. `recipients` are `[collection, id, data or null]`."""

    id: UUID
    environment_id: UUID
    workflow_key: str
    version_id: UUID
    sequence: int
    tenant: str | None
    cancellation_key: str | None
    recipients: Sequence[Sequence[Any]]
    data: Mapping[str, Any]
    actor: Reference | None
    source: Mapping[str, Any]


_LOAD = sql("""
    select id, environment_id, workflow_key, version_id, sequence, tenant, cancellation_key, recipients, data,
        actor_collection, actor_id, source
    from triggers where id = :id
""")


def load_trigger(tx: Transaction, trigger_id: UUID) -> Trigger:
    values = dict(tx.one(_LOAD, id=trigger_id)._mapping)
    collection, identifier = values.pop("actor_collection"), values.pop("actor_id")
    return Trigger(actor=Reference(collection, identifier) if identifier else None, **values)


_KEEP_PAYLOAD = sql("""
    insert into large_payloads (trigger_id, body, at) values (:trigger, :body, engine_now())
    on conflict (trigger_id) do nothing
""")
_LOAD_PAYLOAD = sql("select body from large_payloads where trigger_id = :trigger")
_FORGET_PAYLOADS = sql("delete from large_payloads where trigger_id = any(:triggers)")
_OLD_PAYLOADS = sql("select trigger_id from large_payloads where at < engine_now() - :age limit 1000")


def keep_payload(tx: Transaction, trigger_id: UUID, body: bytes) -> None:
    tx.run(_KEEP_PAYLOAD, trigger=trigger_id, body=body)


def get_payload(tx: Transaction, trigger_id: UUID) -> bytes | None:
    body = tx.scalar(_LOAD_PAYLOAD, trigger=trigger_id)
    return bytes(body) if body is not None else None


def forget_payloads(tx: Transaction, trigger_ids: Sequence[UUID]) -> None:
    if trigger_ids:
        tx.run(_FORGET_PAYLOADS, triggers=list(trigger_ids))


def old_payloads(tx: Transaction, age: timedelta) -> list[UUID]:
    """Triggers whose payloads are kept for longer than that; at most 1,000."""
    return [row.trigger_id for row in tx.rows(_OLD_PAYLOADS, age=age)]
