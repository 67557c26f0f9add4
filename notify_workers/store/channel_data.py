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


# All of it is said of the row itself, so that two who take tokens out of the same document at the same time take out both.
_REMOVE_TOKEN = sql("""
    update recipients set updated_at = engine_now(), channel_data = jsonb_set(channel_data, array[(:channel)::text], (
        select jsonb_object_agg(name, case
            when name not in ('devices', 'tokens', 'player_ids', 'target_arns') or jsonb_typeof(value) <> 'array' then value
            else (
                select coalesce(jsonb_agg(each order by place), '[]') from jsonb_array_elements(value)
                    with ordinality as listed (each, place)
                where not (each = to_jsonb((:token)::text)
                    or each @> jsonb_build_object('token', (:token)::text)
                    or each @> jsonb_build_object('target_arn', (:token)::text))
            ) end)
        from jsonb_each(channel_data -> (:channel)::text) as known (name, value)
    ))
    where environment_id = :environment and collection = :collection and id = :id
        and jsonb_typeof(channel_data -> (:channel)::text) = 'object'
        and (channel_data -> (:channel)::text -> 'tokens' @> jsonb_build_array((:token)::text)
            or channel_data -> (:channel)::text -> 'player_ids' @> jsonb_build_array((:token)::text)
            or channel_data -> (:channel)::text -> 'target_arns' @> jsonb_build_array((:token)::text)
            or channel_data -> (:channel)::text -> 'devices' @> jsonb_build_array(jsonb_build_object('token', (:token)::text))
            or channel_data -> (:channel)::text -> 'devices'
                @> jsonb_build_array(jsonb_build_object('target_arn', (:token)::text)))
""")


def remove_token(tx: Transaction, environment: UUID, of: Reference, channel: UUID, token: str) -> bool:
    """Takes one push token out of the channel's document, wherever it stands. Whether it was there."""
    values = {"environment": environment, "collection": of.collection, "id": of.id, "channel": str(channel)}
    return tx.run(_REMOVE_TOKEN, **values, token=token) > 0


_REMOVE = sql("""
    update recipients set channel_data = channel_data - (:channel)::text, updated_at = engine_now()
    where environment_id = :environment and collection = :collection and id = :id and channel_data ? :channel
""")


def remove(tx: Transaction, environment: UUID, of: Reference, channel: UUID) -> None:
    tx.run(_REMOVE, environment=environment, collection=of.collection, id=of.id, channel=str(channel))
