"""Sources, the events that came from them, and which of those were done already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.session import Transaction, sql
from workflows.recipients import USERS


@dataclass(frozen=True, slots=True)
class Source:
    """A configured source. `settings` holds its secret: that never leaves the engine."""

    id: UUID
    environment_id: UUID
    key: str
    name: str
    type: str
    token: str
    settings: Mapping[str, Any]
    mappings: Sequence[Mapping[str, Any]]
    enabled: bool
    created_at: datetime
    updated_at: datetime


_COLUMNS = "select id, environment_id, key, name, type, token, settings, mappings, enabled, created_at, updated_at from sources"
_BY_TOKEN = sql(_COLUMNS + " where token = :token")
_BY_KEY = sql(_COLUMNS + " where environment_id = :environment and key = :key")
_ALL = sql(_COLUMNS + " where environment_id = :environment order by key")


def find(tx: Transaction, token: str) -> Source | None:
    """The source that sends to that address."""
    row = tx.first(_BY_TOKEN, token=token)
    return Source(**row._mapping) if row else None


def get(tx: Transaction, environment: UUID, key: str) -> Source | None:
    row = tx.first(_BY_KEY, environment=environment, key=key)
    return Source(**row._mapping) if row else None


def sources(tx: Transaction, environment: UUID) -> list[Source]:
    return [Source(**row._mapping) for row in tx.rows(_ALL, environment=environment)]


_SET = sql("""
    insert into sources as known (id, environment_id, key, name, type, token, settings, mappings, enabled, created_at, updated_at)
    values (:id, :environment, :key, :name, :type, :token, :settings, :mappings, :enabled, engine_now(), engine_now())
    on conflict (environment_id, key) do update set name = excluded.name, type = excluded.type, settings = excluded.settings,
        mappings = excluded.mappings, enabled = excluded.enabled, updated_at = excluded.updated_at
    returning id, environment_id, key, name, type, token, settings, mappings, enabled, created_at, updated_at
""").bindparams(bindparam("settings", type_=JSONB), bindparam("mappings", type_=JSONB))


def put(tx: Transaction, **source: Any) -> Source:
    """Makes a source, or configures the one of that key anew, which keeps its address."""
    return Source(**tx.one(_SET, **source)._mapping)


# Whoever comes second waits here until the first has committed.
_CLAIM = sql("""
    insert into source_keys as known (source_id, event_type, key, event_id, done, expires_at)
    values (:source, :type, :key, :event, false, engine_now() + make_interval(secs => :window))
    on conflict (source_id, event_type, key) do update set
        event_id = case when known.expires_at > engine_now() then known.event_id else excluded.event_id end,
        done = known.done and known.expires_at > engine_now(),
        expires_at = case when known.expires_at > engine_now() then known.expires_at else excluded.expires_at end
    returning event_id, done
""")


def claim_key(
    tx: Transaction, source: UUID, event_type: str, key: str, event: UUID, window: float
) -> tuple[UUID, bool]:
    """Which event the key stands for, this one or an earlier delivery of it within `window` seconds; and whether it is done."""
    row = tx.one(_CLAIM, source=source, type=event_type, key=key, event=event, window=window)
    return row.event_id, row.done


_DONE = sql("update source_keys set done = true where source_id = :source and event_type = :type and key = :key")


def key_done(tx: Transaction, source: UUID, event_type: str, key: str) -> None:
    tx.run(_DONE, source=source, type=event_type, key=key)


_LOG = sql("""
    insert into source_events (id, source_id, environment_id, event_type, idempotency_key, status, actions, body, collection,
        recipient_id, received_at)
    values (:id, :source, :environment, :type, :key, :status, :actions, :body,
        case when cast(:user as text) is not null then :users end, :user, engine_now())
""").bindparams(
    bindparam("actions", type_=JSONB),
    bindparam("body", type_=JSONB),
    bindparam("key", type_=Text),
    bindparam("user", type_=Text),
)


def log_event(
    tx: Transaction,
    source: Source,
    *,
    id: UUID,
    type: str,
    key: str | None,
    status: str,
    actions: Sequence[Mapping[str, Any]],
    body: Mapping[str, Any],
    user: str | None,
) -> None:
    tx.run(
        _LOG,
        id=id,
        source=source.id,
        environment=source.environment_id,
        type=type,
        key=key,
        status=status,
        actions=list(actions),
        body=dict(body),
        user=user,
        users=USERS,
    )


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """What came, and what became of it: status `done`, `partial`, `ignored` or `duplicate`."""

    id: UUID
    event_type: str
    idempotency_key: str | None
    status: str
    actions: Sequence[Mapping[str, Any]]
    body: Mapping[str, Any]
    received_at: datetime


_EVENTS = sql("""
    select id, event_type, idempotency_key, status, actions, body, received_at from source_events
    where source_id = :source order by number desc limit :limit
""")


def newest_events(tx: Transaction, source: UUID, limit: int) -> list[LoggedEvent]:
    return [LoggedEvent(**row._mapping) for row in tx.rows(_EVENTS, source=source, limit=limit)]


_SIGNAL = sql("""
    select signal(:environment, :users, :user, 'integration_source', :type, :source, engine_now(), :event)
""").bindparams(bindparam("event", type_=JSONB))


def signal(tx: Transaction, source: Source, user: str, event_type: str, event: Mapping[str, Any]) -> None:
    """Tells the runs of a user that wait for this event (contract: workflow-schema §3.9)."""
    tx.rows(
        _SIGNAL,
        environment=source.environment_id,
        users=USERS,
        user=user,
        type=event_type,
        source=source.key,
        event=dict(event),
    )


_FORGET_EVENTS = sql("""
    with old as materialized (
        select id from source_events where received_at < engine_now() - make_interval(secs => :seconds)
        order by received_at limit :limit for update skip locked
    )
    delete from source_events where id = any(array(select id from old))
""")
_FORGET_KEYS = sql("""
    with old as materialized (
        select source_id, event_type, key from source_keys where expires_at < engine_now()
        order by expires_at limit :limit for update skip locked
    )
    delete from source_keys k using old where k.source_id = old.source_id and k.event_type = old.event_type and k.key = old.key
""")


def forget_old(tx: Transaction, seconds: float, limit: int) -> None:
    """Forgets events that came longer ago than that, and keys that are recognised no more; at most `limit` of each."""
    tx.run(_FORGET_EVENTS, seconds=seconds, limit=limit)
    tx.run(_FORGET_KEYS, limit=limit)
