"""Subscribing recipients to objects (contract: semantics §15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from notify_workers.errors import InvalidParams
from notify_workers.recipients import write_each
from notify_workers.store import subscriptions as rows
from notify_workers.store.session import Transaction
from notify_workers.store.subscriptions import Subscription
from workflows.recipients import Identity, Reference, identity, reference


def add(
    tx: Transaction,
    environment: UUID,
    object_: Reference,
    recipients: Sequence[Any],
    properties: Mapping[str, Any] | None = None,
) -> list[Subscription]:
    """Subscribes recipients, ids or inline entities as on the wire, and says what was written, in their order.

    Inline entities are identified; whoever is only named exists from then on, the object too. `properties` take the place
    of those that a subscription had; without them it keeps them.
    """
    who = list(dict.fromkeys(reference(each) for each in recipients))
    said = [identity(each) if isinstance(each, dict) else Identity(reference(each)) for each in recipients]
    write_each(tx, environment, [Identity(object_), *said], "recipients")
    rows.upsert(tx, environment, object_, who, properties)
    return _of(tx, environment, object_, who)


def remove(
    tx: Transaction, environment: UUID, object_: Reference, recipients: Sequence[Reference]
) -> list[Subscription]:
    """Ends subscriptions; those that there were, in the order given."""
    who = list(dict.fromkeys(recipients))
    found = _of(tx, environment, object_, who)
    rows.remove(tx, environment, object_, who)
    return found


def _of(tx: Transaction, environment: UUID, object_: Reference, who: Sequence[Reference]) -> list[Subscription]:
    found = rows.page(tx, environment, "object", object_, only=who, limit=len(who)) if who else []
    place = {each: number for number, each in enumerate(who)}
    return sorted(found, key=lambda each: place[each.recipient.reference])


def bulk_add(tx: Transaction, environment: UUID, context: Mapping[str, Any], item: Any) -> None:
    """One object of a bulk operation: `{id, recipients, properties}`, in the context's collection."""
    object_ = Reference(context["collection"], item["id"])
    add(tx, environment, object_, item["recipients"], item.get("properties"))


def bulk_remove(tx: Transaction, environment: UUID, context: Mapping[str, Any], item: Any) -> None:
    """One object of a bulk operation: `{id, recipients}`, in the context's collection. Raises for a recipient without an id."""
    object_ = Reference(context["collection"], item["id"])
    if not all(isinstance(each, str) or each.get("id") for each in item["recipients"]):
        raise InvalidParams("a recipient has no id")
    rows.remove(tx, environment, object_, list(dict.fromkeys(reference(each) for each in item["recipients"])))


def name_of(context: Mapping[str, Any], item: Any) -> tuple[str, str]:
    return str(context["collection"]), str(item["id"])
