"""Users, objects, tenants and subscriptions, looked up while rendering.

Source: https://docs.knock.app/template-editor/referencing-data. What does not exist is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid.filter import with_context

from workflows.limits import MOST_SUBSCRIPTIONS_SHOWN
from workflows.liquid.context import Context
from workflows.liquid.entities import EntityKind, EntityNeeded
from workflows.liquid.values import is_nothing

USERS = "$users"
TENANTS = "$tenants"

SUBSCRIPTIONS_SHOWN = 25
"""Contract: semantics §0."""


@with_context
def user(value: Any, *, context: Context) -> Any:
    """`{% assign author = data.author_id | user %}`."""
    return _looked_up("user", USERS, value, context)


@with_context
def object_(value: Any, collection: Any, *, context: Context) -> Any:
    """`{% assign project = data.project_id | object: "projects" %}`."""
    return _looked_up("object", str(collection), value, context)


@with_context
def tenant(value: Any, *, context: Context) -> Any:
    """`{% assign other = "acme" | tenant %}`."""
    return _looked_up("tenant", TENANTS, value, context)


@with_context
def subscriptions(value: Any, *, context: Context) -> list[Any]:
    """What a user or an object is subscribed to: a list of maps with `object` and `properties`, 25 at most.

    The value is a user's id, or a user or an object.
    """
    collection = value.get("collection") if isinstance(value, Mapping) else None
    found = _looked_up("subscriptions", collection or USERS, value, context)
    return list(found or [])[:MOST_SUBSCRIPTIONS_SHOWN]


def _looked_up(kind: EntityKind, collection: str, value: Any, context: Context) -> Any:
    """Raises `EntityNeeded`."""
    id_ = value.get("id") if isinstance(value, Mapping) else value
    if is_nothing(id_) or id_ == "":
        return None
    key = (kind, collection, str(id_))
    if key not in context.entities:
        raise EntityNeeded(*key)
    return context.entities[key]


FILTERS = {"user": user, "object": object_, "tenant": tenant, "subscriptions": subscriptions}
