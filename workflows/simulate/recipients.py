"""Users, tenants and objects of a simulated world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflows.steps.update import TENANTS, USERS

__all__ = [
    "TENANTS",
    "USERS",
    "Identity",
    "Known",
    "Reference",
    "deep_merge",
    "entity",
    "identity",
    "reference",
    "stored",
]

NOT_PROPERTIES = frozenset({"id", "collection", "preferences", "channel_data", "created_at", "$trigger_data"})
_WRITTEN_AS_WHOLE = 1e16
"""From here on a float is written without its point, and read again as a whole number."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Who a recipient is, without what is known of them."""

    collection: str
    id: str

    @property
    def is_user(self) -> bool:
        return self.collection == USERS

    def as_wire(self) -> Any:
        return self.id if self.is_user else {"collection": self.collection, "id": self.id}

    def __str__(self) -> str:
        return self.id if self.is_user else f"{self.collection}/{self.id}"


@dataclass(frozen=True, slots=True)
class Known:
    """What has been said of a recipient. `preferences` are sets by id, `channel_data` by channel id."""

    properties: Mapping[str, Any]
    preferences: Mapping[str, Any]
    channel_data: Mapping[str, Any]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """What somebody says of a recipient; merged over what is already known."""

    reference: Reference
    properties: Mapping[str, Any] = field(default_factory=dict)
    preferences: Mapping[str, Any] = field(default_factory=dict)
    channel_data: Mapping[str, Any] = field(default_factory=dict)


def reference(wire: str | Mapping[str, Any]) -> Reference:
    """Who a wire recipient is: an id, an inline user, or an inline object (it has a collection)."""
    if isinstance(wire, str):
        return Reference(USERS, wire)
    return Reference(wire.get("collection") or USERS, wire["id"])


def identity(wire: Mapping[str, Any]) -> Identity:
    """What an inline entity says, reserved names apart."""
    return Identity(
        reference(wire),
        {name: value for name, value in wire.items() if name not in NOT_PROPERTIES},
        wire.get("preferences") or {},
        wire.get("channel_data") or {},
    )


def entity(of: Reference, known: Known | None) -> dict[str, Any]:
    """As templates see it. A recipient nobody has identified has an id and nothing else."""
    seen = {**(known.properties if known else {}), "id": of.id}
    return seen if of.is_user else {**seen, "collection": of.collection}


def deep_merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Maps key by key, everything else replaced, null included (contract: semantics §16)."""
    merged = dict(old)
    for key, value in new.items():
        known = merged.get(key)
        merged[key] = deep_merge(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return merged


def stored(value: Any) -> Any:
    """As the engine's database gives it back (PostgreSQL's jsonb): the keys of maps by length, then by bytes.

    A template that prints a map shows that order.
    """
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (len(encoded := name.encode()), encoded))
        return {name: stored(value[name]) for name in names}
    if isinstance(value, list | tuple):
        return [stored(each) for each in value]
    if isinstance(value, float) and abs(value) >= _WRITTEN_AS_WHOLE and value.is_integer():
        return int(value)
    return value
