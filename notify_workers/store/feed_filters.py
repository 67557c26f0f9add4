"""What a feed is narrowed to, and what of an item a filter asks: asked of the kinds that are counted, and of single items alike.

`notify_workers.store.feeds` says the same to the database; a test holds both equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

FeedStatus = Literal["unread", "read", "unseen", "seen", "all"]
Archived = Literal["exclude", "include", "only"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An item's place in a feed, and what filters ask of it. `number` is its arrival's, `changed` its last change's.

    One that is gone was deleted, or belongs to somebody else now.
    """

    feed_id: int
    message_id: str
    number: int
    changed: int
    tenant: str | None
    workflow_key: str
    categories: Sequence[str]
    archived: bool
    inserted_at: datetime
    gone: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many items of one kind a feed has."""

    tenant: str | None
    workflow_key: str
    categories: Sequence[str]
    archived: bool
    total: int
    unread: int
    unseen: int


@dataclass(frozen=True, slots=True)
class FeedCounts:
    total: int
    unread: int
    unseen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFilter:
    """What a feed is narrowed to. In tenants None stands for items of no tenant; `allowed_tenants` None allows all."""

    tenant: str | None = None
    has_tenant: bool | None = None
    allowed_tenants: frozenset[str | None] | None = None
    archived: Archived = "exclude"
    workflow: str | None = None
    categories: frozenset[str] = frozenset()
    trigger_data: tuple[tuple[str, Any], ...] = ()
    inserted_gt: datetime | None = None
    inserted_gte: datetime | None = None
    inserted_lt: datetime | None = None
    inserted_lte: datetime | None = None

    @property
    def tenants(self) -> frozenset[str | None] | None:
        """Whose items; None: everybody's. A tenant's part has what belongs to no tenant too, unless `has_tenant` is given."""
        if self.tenant is None:
            return self.allowed_tenants
        named: frozenset[str | None] = frozenset({self.tenant} if self.has_tenant else {self.tenant, None})
        return named if self.allowed_tenants is None else named & self.allowed_tenants

    @property
    def is_kept(self) -> bool:
        """Whether kept counts can tell what it finds."""
        times = (self.inserted_gt, self.inserted_gte, self.inserted_lt, self.inserted_lte)
        return not self.trigger_data and times == (None, None, None, None)

    def covers(self, kind: Entry | Count) -> bool:
        """Whether items of that kind are found, as far as kinds tell."""
        tenants = self.tenants
        return (
            (tenants is None or kind.tenant in tenants)
            and self.has_tenant in (None, kind.tenant is not None)
            and (self.archived == "include" or kind.archived == (self.archived == "only"))
            and self.workflow in (None, kind.workflow_key)
            and (not self.categories or not self.categories.isdisjoint(kind.categories))
        )

    def concerns(self, entry: Entry) -> bool:
        """Whether an item may ever be found: all that the filter asks but what changes, and the data of its trigger."""
        at = entry.inserted_at
        bounds = (
            self.inserted_gt is None or at > self.inserted_gt,
            self.inserted_gte is None or at >= self.inserted_gte,
            self.inserted_lt is None or at < self.inserted_lt,
            self.inserted_lte is None or at <= self.inserted_lte,
        )
        return all(bounds) and replace(self, archived="include").covers(entry)

    def sum(self, counts: Iterable[Count]) -> FeedCounts:
        found = [each for each in counts if self.covers(each)]
        return FeedCounts(
            sum(each.total for each in found), sum(each.unread for each in found), sum(each.unseen for each in found)
        )
