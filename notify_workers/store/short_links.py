"""Short links: where the keys in text messages lead. They go with their message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from notify_workers.store.session import Transaction, as_json, sql


@dataclass(frozen=True, slots=True)
class ShortLink:
    key: str
    environment_id: UUID
    message_id: str
    url: str


_ADD = sql("""
    insert into short_links (key, environment_id, message_id, url)
    select key, environment_id, message_id, url
    from jsonb_to_recordset(:links) as given (key text, environment_id uuid, message_id text, url text)
""")
_FIND = sql("select key, environment_id, message_id, url from short_links where key = :key")


def add(tx: Transaction, links: Sequence[ShortLink]) -> None:
    """Their messages are made by the same transaction."""
    tx.run(_ADD, links=as_json([{**asdict(each), "environment_id": str(each.environment_id)} for each in links]))


def find(tx: Transaction, key: str) -> ShortLink | None:
    row = tx.first(_FIND, key=key)
    return ShortLink(**row._mapping) if row else None
