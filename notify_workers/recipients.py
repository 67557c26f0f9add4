"""Users, objects and tenants: written, deleted, merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from notify_workers import pending
from notify_workers.errors import InvalidParams, NotFound
from notify_workers.settings import settings
from notify_workers.store import merges, purges, recipients
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction
from workflows.recipients import USERS, Identity, Reference, identity


def write(tx: Transaction, environment: UUID, said: Identity) -> Recipient:
    """Creates a recipient or changes one. Raises `InvalidParams` when it would become too large, and then changes nothing
    that a rollback does not take back."""
    (written,) = write_each(tx, environment, [said])
    return written


def write_each(tx: Transaction, environment: UUID, said: Sequence[Identity], field: str = "body") -> list[Recipient]:
    """The same with several. `field` is where the request names them."""
    written = recipients.identify(tx, [(environment, each) for each in said])
    changed = {each.reference for each in said if each.properties or each.preferences}
    for each in written:
        if each.reference in changed:
            _check_size(each, field)
    with_channels = {each.reference for each in said if each.channel_data}
    if recipients.most_channel_data(tx, environment, with_channels) > settings().max_properties:
        raise _too_large(field, "channel data")
    return written


def _check_size(recipient: Recipient, field: str = "body") -> None:
    for name, held in (("properties", recipient.properties), ("preferences", recipient.preferences)):
        if len(to_json(held)) > settings().max_properties:
            raise _too_large(field, name)


def _too_large(field: str, what: str) -> InvalidParams:
    message = f"has {what} that would be larger than {settings().max_properties} bytes"
    return InvalidParams(f"{field} {message}", errors=[{"field": field, "message": message, "type": "too_large"}])


def delete(tx: Transaction, environment: UUID, reference: Reference) -> None:
    """Forgets a recipient, and owes the purge of what they have left behind. Triggers from before it do not reach them."""
    purges.delete_recipient(tx, environment, reference, pending.next_sequence())


def merge_users(tx: Transaction, environment: UUID, secondary: str, primary: str) -> Recipient:
    """Merges the secondary user into the primary one. Raises `NotFound` when nobody knows the secondary."""
    if recipients.get_recipient(tx, environment, Reference(USERS, secondary)) is None:
        raise NotFound(f"There is no user `{secondary}`")
    references = Reference(USERS, secondary), Reference(USERS, primary)
    merged = merges.merge(tx, environment, *references, settings().merge_window, pending.next_sequence())
    _check_size(merged)
    return merged


# Items of bulk operations: `context` has the collection.


def write_item(tx: Transaction, environment: UUID, context: Mapping[str, Any], item: Mapping[str, Any]) -> None:
    """One inline entity of a bulk operation."""
    write(tx, environment, identity({**item, "collection": context["collection"]}))


def delete_item(tx: Transaction, environment: UUID, context: Mapping[str, Any], item: str) -> None:
    """One id of a bulk operation."""
    delete(tx, environment, Reference(context["collection"], item))


def name_of_item(context: Mapping[str, Any], item: Mapping[str, Any] | str) -> tuple[str | None, str]:
    """How a bulk operation names an item that failed."""
    collection = context["collection"]
    return None if collection.startswith("$") else collection, item if isinstance(item, str) else item["id"]
