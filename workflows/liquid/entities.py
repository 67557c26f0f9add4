"""What a filter says when it needs an entity that nobody has looked up yet."""

from __future__ import annotations

from typing import Literal

EntityKind = Literal["user", "object", "tenant", "subscriptions"]


class EntityNeeded(Exception):
    """Not an error of the template: see workflows.liquid.lookups. Of users the collection is `$users`, of tenants `$tenants`."""

    def __init__(self, kind: EntityKind, collection: str, id_: str) -> None:
        self.kind = kind
        self.collection = collection
        self.id = id_
        super().__init__(f"{kind} '{id_}' of {collection}")
