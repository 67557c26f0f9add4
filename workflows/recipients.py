"""Who a notification is for: users, tenants and objects, told apart by their collection (contract: semantics §15, §16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

USERS = "$users"
TENANTS = "$tenants"

RESERVED = frozenset({"id", "collection", "preferences", "channel_data", "created_at", "$trigger_data"})
"""Names in an inline entity that are no properties."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Who a recipient is, without what is known of them."""

    collection: str
    id: str

    @property
    def is_user(self) -> bool:
        return self.collection == USERS

    def as_wire(self) -> Any:
        """A user is its id, anything else `{collection, id}` (contract: RecipientReference)."""
        return self.id if self.is_user else {"collection": self.collection, "id": self.id}

    def __str__(self) -> str:
        return self.id if self.is_user else f"{self.collection}/{self.id}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What somebody says of a recipient; merged over what is already known."""

    reference: Reference
    properties: Mapping[str, Any] = field(default_factory=dict)
    preferences: Mapping[str, Any] = field(default_factory=dict)
    channel_data: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | str | None = None


def reference(wire: str | Mapping[str, Any]) -> Reference:
    """Who a wire recipient is: an id, an inline user, or an inline object (it has a collection)."""
    if isinstance(wire, str):
        return Reference(USERS, wire)
    return Reference(wire.get("collection") or USERS, wire["id"])


def identity(wire: Mapping[str, Any]) -> Identity:
    """What an inline entity says, reserved names apart."""
    return Identity(
        reference=reference(wire),
        properties={name: value for name, value in wire.items() if name not in RESERVED},
        preferences=wire.get("preferences") or {},
        channel_data=wire.get("channel_data") or {},
        created_at=wire.get("created_at"),
    )


def entity(of: Reference, properties: Mapping[str, Any] | None) -> dict[str, Any]:
    """As templates see it. A recipient nobody has identified has an id and nothing else."""
    seen = {**(properties or {}), "id": of.id}
    return seen if of.is_user else {**seen, "collection": of.collection}


def deep_merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Maps key by key, everything else replaced, None included: the same rule as the database's `deep_merge`."""
    merged = dict(old)
    for key, value in new.items():
        known = merged.get(key)
        merged[key] = deep_merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged
