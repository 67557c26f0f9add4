"""The outbox of sandbox channels: one entry for each message, whatever the number of attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.session import Transaction, sql
from workflows.recipients import Reference


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that a sandbox channel has "sent"; `at` is the engine's time."""

    message_id: str
    environment_id: UUID
    channel_type: str
    channel_key: str
    recipient: Reference
    payload: Mapping[str, Any]
    at: datetime


_PUT = sql("""
    insert into outbox (message_id, environment_id, channel_type, channel_key, collection, recipient_id, payload, at)
    select m.id, m.environment_id, :channel_type, coalesce(c.key, ''), m.collection, m.recipient_id, :payload, engine_now()
    from messages m left join channels c on c.environment_id = m.environment_id and c.id = m.channel_id
    where m.id = :message_id
    on conflict (message_id) do nothing
""").bindparams(bindparam("payload", type_=JSONB))


def put(tx: Transaction, message_id: str, channel_type: str, payload: Mapping[str, Any]) -> bool:
    """Whether it was new: another attempt of the same message leaves the entry as it is."""
    return tx.run(_PUT, message_id=message_id, channel_type=channel_type, payload=dict(payload)) == 1


_ENTRIES = sql("""
    select message_id, environment_id, channel_type, channel_key, collection, recipient_id, payload, at
    from outbox order by at desc, message_id desc
""")


def entries(tx: Transaction) -> list[Entry]:
    """All of them, of every environment, newest first."""
    return [_entry(row) for row in tx.rows(_ENTRIES)]


def _entry(row: Any) -> Entry:
    values = dict(row._mapping)
    return Entry(recipient=Reference(values.pop("collection"), values.pop("recipient_id")), **values)
