"""The door to engagement with messages: seen, read, interacted, link_clicked, archived, and the taking back of it.

Twice is the same as once: what is so already is neither changed nor told of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from notify_workers.store import messages
from notify_workers.store import statuses as rows
from notify_workers.store.messages import MessageFilter
from notify_workers.store.session import Transaction

DELETE = "delete"

ACTIONS = frozenset({*rows.STATUSES, DELETE} - {"link_clicked"})
"""What may be done with all messages of a channel."""

FILTER = TypeAdapter(MessageFilter)


def change(
    tx: Transaction, environment: UUID, ids: Sequence[str], status: str, metadata: Mapping[str, Any] | None = None
) -> int:
    """Changes an environment's messages; how many were not so already. `metadata` is an interaction's or a click's (a flat map)."""
    return rows.change(tx, rows.hold(tx, environment, ids), status, metadata)


def act(tx: Transaction, environment: UUID, ids: Sequence[str], action: str) -> None:
    """Does one of `ACTIONS`."""
    if action == DELETE:
        rows.delete(tx, environment, ids)
    else:
        change(tx, environment, ids, action)


def act_on_piece(tx: Transaction, environment: UUID, context: Mapping[str, Any], piece: Mapping[str, str]) -> None:
    """An item of a bulk operation: `context` is `{action, filter}`, a piece `{above, upto}`."""
    wanted = FILTER.validate_python(context["filter"])
    act(
        tx,
        environment,
        messages.matching(tx, environment, wanted, above=piece["above"], upto=piece["upto"]),
        context["action"],
    )


def name_of_piece(_context: Mapping[str, Any], piece: Mapping[str, str]) -> tuple[None, str]:
    """A piece is named by its newest message."""
    return None, piece["upto"]
