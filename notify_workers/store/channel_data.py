"""How recipients are reached on channels: one document for each channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from notify_workers.store.recipients import identify
from notify_workers.store.session import Transaction, as_json, sql
from workflows.recipients import Identity, Reference

_GET = sql("""
    select channel_data -> (:channel)::text from recipients
    where environment_id = :environment and collection = :collection and id = :id
""")


def get(tx: Transaction, environment: UUID, of: Reference, channel: UUID) -> Mapping[str, Any] | None:
    found = tx.scalar(_GET, environment=environment, collection=of.collection, id=of.id, channel=str(channel))
    return found if isinstance(found, Mapping) else None


_PUT = sql("""
    insert into recipients as known (environment_id, collection, id, channel_data, updated_at)
    values (:environment, :collection, :id, :given, engine_now())
    on conflict (environment_id, collection, id) do update set
        channel_data = known.channel_data || excluded.channel_data, updated_at = excluded.updated_at
    returning xmax = 0 as made
""")


def put(tx: Transaction, environment: UUID, of: Reference, channel: UUID, data: Mapping[str, Any]) -> None:
    """Replaces the channel's document; who is unknown is made."""
    given = as_json({str(channel): data})
    if tx.scalar(_PUT, environment=environment, collection=of.collection, id=of.id, given=given):
        identify(tx, [(environment, Identity(of))])  # whoever comes is judged by dynamic audiences


_REMOVE = sql("""
    update recipients set channel_data = channel_data - (:channel)::text, updated_at = engine_now()
    where environment_id = :environment and collection = :collection and id = :id and channel_data ? :channel
""")


def remove(tx: Transaction, environment: UUID, of: Reference, channel: UUID) -> None:
    tx.run(_REMOVE, environment=environment, collection=of.collection, id=of.id, channel=str(channel))
