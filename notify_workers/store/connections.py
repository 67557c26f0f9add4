"""What connects somebody's channel data with a vendor: one text of the document, such as Slack's token, or all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from notify_workers.store.session import Transaction, as_json, sql
from workflows.recipients import Reference

_GET = sql("""
    select channel_data #>> array(select jsonb_array_elements_text(:path)) from recipients
    where environment_id = :environment and collection = :collection and id = :id
""")


def get(tx: Transaction, environment: UUID, of: Reference, channel: UUID, path: Sequence[str]) -> str | None:
    """None also when it is empty."""
    found = tx.scalar(
        _GET, environment=environment, collection=of.collection, id=of.id, path=as_json([str(channel), *path])
    )
    return str(found) if found else None


_FORGET = sql("""
    update recipients set channel_data = channel_data #- array(select jsonb_array_elements_text(:part)),
        updated_at = engine_now()
    where environment_id = :environment and collection = :collection and id = :id
        and channel_data #>> array(select jsonb_array_elements_text(:path)) = :known
""")


def forget(tx: Transaction, environment: UUID, of: Reference, channel: UUID, path: Sequence[str], known: str) -> None:
    """Removes the part of the document that the text stands in, unless it is another text by now."""
    tx.run(
        _FORGET,
        environment=environment,
        collection=of.collection,
        id=of.id,
        path=as_json([str(channel), *path]),
        part=as_json([str(channel), path[0]]),
        known=known,
    )


_OF_MESSAGE = sql("""
    select p.channel_data -> m.channel_id::text as own, n.channel_data -> m.channel_id::text as tenants
    from messages m
    left join recipients p
        on p.environment_id = m.environment_id and p.collection = m.collection and p.id = m.recipient_id
    left join recipients n
        on n.environment_id = m.environment_id and n.collection = '$tenants' and n.id = m.tenant
    where m.id = :message
""")


def of_message(tx: Transaction, message_id: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The channel data of a message's recipient, and of its tenant, for the message's channel."""
    row = tx.first(_OF_MESSAGE, message=message_id)
    own, tenants = (row.own, row.tenants) if row else (None, None)
    return (own if isinstance(own, dict) else {}, tenants if isinstance(tenants, dict) else {})
