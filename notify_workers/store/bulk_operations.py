"""Bulk operations and their progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from notify_workers.store import subjects
from notify_workers.store.session import Transaction, as_json, sql


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """`status` is queued, processing, completed or failed. `error_items` are `{id, collection}` of the items that failed."""

    id: UUID
    environment_id: UUID
    name: str
    status: str
    estimated_total_rows: int
    processed_rows: int
    success_count: int
    error_count: int
    error_items: Sequence[Mapping[str, Any]]
    inserted_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None


_SHOWN = """
    id, environment_id, name, status, estimated_total_rows, processed_rows, success_count, error_count, error_items,
    inserted_at, updated_at, started_at, completed_at, failed_at
"""

_OWE = sql(f"""
    insert into bulk_operations (id, environment_id, name, status, items, context, estimated_total_rows, inserted_at, updated_at)
    values (:id, :environment, :name, 'queued', :items, :context, :total, engine_now(), engine_now())
    returning {_SHOWN}
""")


def owe(
    tx: Transaction, environment: UUID, name: str, items: Sequence[Any], context: Mapping[str, Any]
) -> BulkOperation:
    """Owes an operation, and rings for its first chunk."""
    values = {"items": as_json(list(items)), "context": as_json(dict(context)), "total": len(items)}
    row = tx.one(_OWE, id=uuid4(), environment=environment, name=name, **values)
    subjects.owe(tx, "bulk", environment, row.id)
    return BulkOperation(**row._mapping)


_RECORD = sql(f"""
    insert into bulk_operations (id, environment_id, name, status, items, estimated_total_rows, processed_rows, success_count,
        inserted_at, updated_at, started_at, completed_at)
    values (:id, :environment, :name, 'completed', '[]', :total, :total, :total,
        engine_now(), engine_now(), engine_now(), engine_now())
    returning {_SHOWN}
""")


def record(tx: Transaction, environment: UUID, name: str, total: int) -> BulkOperation:
    """An operation that has been done already."""
    return BulkOperation(**tx.one(_RECORD, id=uuid4(), environment=environment, name=name, total=total)._mapping)


_GET = sql(f"select {_SHOWN} from bulk_operations where id = :id and environment_id = :environment")


def get(tx: Transaction, environment: UUID, operation_id: UUID) -> BulkOperation | None:
    row = tx.first(_GET, id=operation_id, environment=environment)
    return BulkOperation(**row._mapping) if row else None


@dataclass(frozen=True, slots=True)
class Chunk:
    """The items from a place on. `total` is how many the operation has in all."""

    name: str
    context: Mapping[str, Any]
    total: int
    items: Sequence[Any]


_CHUNK = sql("""
    select name, context, estimated_total_rows as total, coalesce((
        select jsonb_agg(each.item order by each.place)
        from jsonb_array_elements(items) with ordinality as each (item, place)
        where each.place > :place and each.place <= :place + :most), '[]') as items
    from bulk_operations where id = :id
""")


def chunk(tx: Transaction, operation_id: UUID, place: int, most: int) -> Chunk | None:
    """At most `most` items from a place (counted from 0) on. None: there is no such operation any more."""
    row = tx.first(_CHUNK, id=operation_id, place=place, most=most)
    return Chunk(**row._mapping) if row else None


_ADVANCE = sql("""
    update bulk_operations set
        status = :status,
        items = case when :ended then '[]'::jsonb else items end,
        processed_rows = :place,
        error_items = error_items || cast(:failed as jsonb),
        error_count = jsonb_array_length(error_items) + jsonb_array_length(cast(:failed as jsonb)),
        success_count = :place - jsonb_array_length(error_items) - jsonb_array_length(cast(:failed as jsonb)),
        started_at = coalesce(started_at, engine_now()),
        completed_at = case when :status = 'completed' then engine_now() end,
        failed_at = case when :status = 'failed' then engine_now() end,
        updated_at = engine_now()
    where id = :id
""")


def advance(
    tx: Transaction, operation_id: UUID, status: str, place: int, failed: Sequence[Mapping[str, Any]] = ()
) -> None:
    """The items before `place` are done, but for those that failed. An operation that has ended forgets its items."""
    ended = status in {"completed", "failed"}
    tx.run(_ADVANCE, id=operation_id, status=status, ended=ended, place=place, failed=as_json(list(failed)))


_FORGET = sql("""
    with old as materialized (
        select id from bulk_operations
        where status in ('completed', 'failed') and updated_at < engine_now() - make_interval(secs => :age)
        order by updated_at limit :most for update skip locked
    )
    delete from bulk_operations where id = any(array(select id from old))
""")


def forget_old(tx: Transaction, age: float, most: int) -> int:
    """Forgets operations that ended more than `age` seconds ago, at most so many; how many it were."""
    return tx.run(_FORGET, age=age, most=most)
