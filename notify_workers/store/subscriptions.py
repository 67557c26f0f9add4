"""Who is subscribed to which object: the rows, listed and followed in the order of their keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Column, Row, bindparam, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB

from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, as_json, sql
from notify_workers.store.tables import recipients, subscriptions
from workflows.recipients import Reference

Side = Literal["object", "recipient"]
"""What a list is of: an object's subscribers, or what a recipient is subscribed to."""


@dataclass(frozen=True, slots=True)
class Subscription:
    object: Recipient
    recipient: Recipient
    properties: Mapping[str, Any]
    inserted_at: datetime
    updated_at: datetime


def _named(references: Iterable[Reference]) -> Any:
    return as_json([{"collection": each.collection, "id": each.id} for each in references])


_UPSERT = sql("""
    insert into subscriptions as known (environment_id, object_collection, object_id, collection, recipient_id, properties,
        inserted_at, updated_at)
    select :environment, :object_collection, :object_id, collection, id, coalesce(:properties, '{}'), engine_now(), engine_now()
    from jsonb_to_recordset(:named) as named (collection text, id text)
    order by collection collate "C", id collate "C"
    on conflict (environment_id, object_collection, object_id, collection, recipient_id) do update set
        properties = coalesce(:properties, known.properties), updated_at = excluded.updated_at
""").bindparams(bindparam("properties", type_=JSONB(none_as_null=True)))


def upsert(
    tx: Transaction,
    environment: UUID,
    object_: Reference,
    who: Collection[Reference],
    properties: Mapping[str, Any] | None,
) -> None:
    """Subscribes recipients to an object. `properties` take the place of what was there; None leaves it."""
    tx.run(
        _UPSERT,
        environment=environment,
        object_collection=object_.collection,
        object_id=object_.id,
        named=_named(who),
        properties=None if properties is None else dict(properties),
    )


_REMOVE = sql("""
    delete from subscriptions s using jsonb_to_recordset(:named) as named (collection text, id text)
    where s.environment_id = :environment and s.object_collection = :object_collection and s.object_id = :object_id
        and s.collection = named.collection and s.recipient_id = named.id
""")


def remove(tx: Transaction, environment: UUID, object_: Reference, who: Collection[Reference]) -> int:
    """Ends subscriptions to an object. How many there were."""
    return tx.run(
        _REMOVE,
        environment=environment,
        object_collection=object_.collection,
        object_id=object_.id,
        named=_named(who),
    )


_OBJECT, _WHO = recipients.alias("object"), recipients.alias("who")

_SHOWN = (
    select(
        subscriptions,
        _OBJECT.c.properties.label("object_properties"),
        _OBJECT.c.created_at.label("object_created_at"),
        _OBJECT.c.updated_at.label("object_changed"),
        _WHO.c.properties.label("recipient_properties"),
        _WHO.c.preferences.label("preferences"),
        _WHO.c.created_at.label("recipient_created_at"),
        _WHO.c.updated_at.label("recipient_changed"),
    )
    .outerjoin(
        _OBJECT,
        (_OBJECT.c.environment_id == subscriptions.c.environment_id)
        & (_OBJECT.c.collection == subscriptions.c.object_collection)
        & (_OBJECT.c.id == subscriptions.c.object_id),
    )
    .outerjoin(
        _WHO,
        (_WHO.c.environment_id == subscriptions.c.environment_id)
        & (_WHO.c.collection == subscriptions.c.collection)
        & (_WHO.c.id == subscriptions.c.recipient_id),
    )
)


def _subscription(row: Row[Any]) -> Subscription:
    object_, who = Reference(row.object_collection, row.object_id), Reference(row.collection, row.recipient_id)
    changed = row.updated_at
    return Subscription(
        object=Recipient(object_, row.object_properties or {}, row.object_created_at, row.object_changed or changed),
        recipient=Recipient(
            who,
            row.recipient_properties or {},
            row.recipient_created_at,
            row.recipient_changed or changed,
            row.preferences or {},
        ),
        properties=row.properties,
        inserted_at=row.inserted_at,
        updated_at=row.updated_at,
    )


_OBJECT_KEY = (subscriptions.c.object_collection, subscriptions.c.object_id)
_RECIPIENT_KEY = (subscriptions.c.collection, subscriptions.c.recipient_id)


def page(
    tx: Transaction,
    environment: UUID,
    side: Side,
    of: Reference,
    *,
    only: Collection[Reference] | None = None,
    after: Reference | None = None,
    before: Reference | None = None,
    limit: int,
) -> list[Subscription]:
    """Subscriptions of one side, by the key of the other, ascending; with `before`, the ones that end just before it.

    `only` names those of the other side that may be shown.
    """
    own, other = (_OBJECT_KEY, _RECIPIENT_KEY) if side == "object" else (_RECIPIENT_KEY, _OBJECT_KEY)
    query = _SHOWN.where(subscriptions.c.environment_id == environment, own[0] == of.collection, own[1] == of.id).limit(
        limit
    )
    if only is not None:
        query = query.where(tuple_(*other).in_([(each.collection, each.id) for each in only]))
    if before is not None:
        query = query.where(_key(other) < _values(before)).order_by(*(each.desc() for each in other))
        return [_subscription(row) for row in tx.rows(query)][::-1]
    if after is not None:
        query = query.where(_key(other) > _values(after))
    return [_subscription(row) for row in tx.rows(query.order_by(*other))]


def _key(columns: Sequence[Column[Any]]) -> Any:
    return tuple_(*columns)


def _values(reference: Reference) -> Any:
    return tuple_(reference.collection, reference.id)


@dataclass(frozen=True, slots=True)
class Subscriber:
    reference: Reference
    properties: Mapping[str, Any]


_SUBSCRIBERS = sql("""
    select collection, recipient_id, properties from subscriptions
    where environment_id = :environment and object_collection = :collection and object_id = :id
        and (collection, recipient_id) > (:after_collection, :after_id)
    order by collection, recipient_id limit :limit
""")


def subscribers(
    tx: Transaction, environment: UUID, object_: Reference, after: Reference | None, limit: int
) -> list[Subscriber]:
    """An object's subscribers by key, those after one of them."""
    rows = tx.rows(
        _SUBSCRIBERS,
        environment=environment,
        collection=object_.collection,
        id=object_.id,
        after_collection=after.collection if after else "",
        after_id=after.id if after else "",
        limit=limit,
    )
    return [Subscriber(Reference(row.collection, row.recipient_id), row.properties) for row in rows]


_WITH_SUBSCRIBERS = sql("""
    select named.environment_id, named.collection, named.id
    from jsonb_to_recordset(:named) as named (environment_id uuid, collection text, id text)
    where exists (
        select from subscriptions s where s.environment_id = named.environment_id
            and s.object_collection = named.collection and s.object_id = named.id)
""")


def with_subscribers(tx: Transaction, objects: Collection[tuple[UUID, Reference]]) -> set[tuple[UUID, Reference]]:
    """Which of these objects (of environments) anybody is subscribed to."""
    named = [{"environment_id": str(of), "collection": each.collection, "id": each.id} for of, each in objects]
    rows = tx.rows(_WITH_SUBSCRIBERS, named=as_json(named))
    return {(row.environment_id, Reference(row.collection, row.id)) for row in rows}
