"""The secrets of chat connections: found for each attempt, so that no message holds one, and none outlives its removal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notify_workers.providers import Connection
from notify_workers.store import connections as rows
from notify_workers.store.session import Transaction
from workflows.channels.chat import UNCONNECTED, shown


def connection_of(tx: Transaction, message_id: str, place: Mapping[str, Any]) -> Connection | None:
    """The connection that a chat message's content shows as `place`. None: its recipient has it no more.

    What it does not say itself, its owner's channel data says for all connections, or else the tenant's
    (contract: semantics §25).
    """
    own, tenants = rows.of_message(tx, message_id)
    listed = own.get("connections")
    known = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    found = next((each for each in known if shown(each) == place), None)
    if found is None:
        if not place.keys() <= UNCONNECTED:
            return None
        found = {}
    everybody = (found, own, tenants)
    return Connection(
        access_token=_text(found, "access_token")
        or _text(own, "token", "access_token")
        or _text(tenants, "token", "access_token"),
        url=_text(found, "incoming_webhook", "url") or _text(found, "apprise_url"),
        tenant_id=next((said for each in everybody if (said := _text(each, "ms_teams_tenant_id"))), ""),
    )


def _text(value: Any, *path: str) -> str:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
