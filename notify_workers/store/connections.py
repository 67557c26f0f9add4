"""What connects somebody's channel data with a vendor: one text of the document, such as Slack's token."""

from __future__ import annotations

from collections.abc import Sequence
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
