"""What is done with all messages of a channel that a filter finds: the newest at once, the rest piece by piece."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from notify_workers import bulk_operations, statuses
from notify_workers.settings import settings
from notify_workers.store import messages
from notify_workers.store.bulk_operations import BulkOperation
from notify_workers.store.messages import MessageFilter
from notify_workers.store.session import Transaction

ONCE = statuses.ACTIONS - {statuses.DELETE, "interacted"}
"""Actions that change nothing the second time."""

PIECE = 100
"""Messages of one item of a bulk operation."""


def act(tx: Transaction, environment: UUID, wanted: MessageFilter, action: str) -> BulkOperation:
    """Does one of `statuses.ACTIONS`.

    Up to `max_at_once` messages in this transaction, so that a feed that is asked for next shows it already. When there
    are more, the operation counts pieces of `PIECE` messages. Messages of which it is so already are passed over: browsers
    mark a whole feed whenever it is looked at.
    """
    most = settings().max_at_once
    if action in ONCE:
        wanted = replace(wanted, lacking=action)
    name = f"messages.{action}"
    found = messages.matching(tx, environment, wanted, limit=most + 1)
    statuses.act(tx, environment, found[:most], action)
    if len(found) <= most:
        return bulk_operations.completed(tx, environment, name, len(found))
    rest = messages.pieces(tx, environment, wanted, upto=found[most], size=PIECE)
    context = {"action": action, "filter": statuses.FILTER.dump_python(wanted, mode="json")}
    return bulk_operations.start(tx, environment, name, rest, context)
