"""What each bulk operation does with an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from notify_workers import audiences, preferences, recipients, schedules, statuses, subscriptions
from notify_workers.store.session import Transaction

Apply = Callable[[Transaction, UUID, Mapping[str, Any], Any], None]
"""`(tx, environment, context, item)`: does one item; twice is the same as once. Raises `DoorbellError` for one that cannot be
done: it is undone, counted and named, and the others go on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`name_of` gives `(collection or None, id)` of an item, for the report of those that failed."""

    apply: Apply
    name_of: Callable[[Mapping[str, Any], Any], tuple[str | None, str]]
    at_once: int | None = None
    """How many items are done in one transaction, where it is fewer than DOORBELL_BULK_CHUNK."""


KINDS: dict[str, Kind] = {
    audiences.EVALUATE: Kind(audiences.evaluate, audiences.name_of, at_once=1),
    "users.set_preferences": Kind(preferences.set_one_of_many, lambda _, user_id: (None, user_id)),
    **{f"messages.{each}": Kind(statuses.act_on_piece, statuses.name_of_piece) for each in statuses.ACTIONS},
    "schedules.create": Kind(schedules.create_one, schedules.name_of),
    "subscriptions.add": Kind(subscriptions.bulk_add, subscriptions.name_of),
    "subscriptions.delete": Kind(subscriptions.bulk_remove, subscriptions.name_of),
    "users.identify": Kind(recipients.write_item, recipients.name_of_item),
    "users.delete": Kind(recipients.delete_item, recipients.name_of_item),
    "objects.set": Kind(recipients.write_item, recipients.name_of_item),
    "objects.delete": Kind(recipients.delete_item, recipients.name_of_item),
    "tenants.set": Kind(recipients.write_item, recipients.name_of_item),
    "tenants.delete": Kind(recipients.delete_item, recipients.name_of_item),
}
