"""Bulk operations: every item once, whatever happens between the chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from notify_workers import bulk_kinds, bulk_operations, clock, lifeline
from notify_workers.bulk_kinds import Kind
from notify_workers.errors import NotFound, StoreUnavailable
from notify_workers.store import bulk_operations as rows
from notify_workers.store.bulk_operations import BulkOperation
from notify_workers.store.recipients import identify
from notify_workers.store.session import Transaction, sql, transaction
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import USERS, Identity, Reference

TEST = "test.visit"


@pytest.fixture(autouse=True)
def visits() -> Iterator[list[str]]:
    """A kind that counts each visit in a user's properties; `names` are the items that it was given."""
    names: list[str] = []

    def apply(tx: Transaction, environment: UUID, context: Mapping[str, Any], item: Any) -> None:
        names.append(item["id"])
        (user,) = identify(tx, [(environment, Identity(Reference(USERS, item["id"]), {"seen": True}))])
        identify(tx, [(environment, Identity(user.reference, {"visits": user.properties.get("visits", 0) + 1}))])
        if item.get("raises") == "refused":
            tx.run(sql("select 1 / 0"))
        if problem := item.get("raises"):
            raise {"unknown": NotFound("no such thing"), "away": StoreUnavailable("away"), "bug": ZeroDivisionError()}[
                problem
            ]

    bulk_kinds.KINDS[TEST] = Kind(apply, lambda context, item: (context.get("collection"), item["id"]))
    yield names
    del bulk_kinds.KINDS[TEST]


def start(items: list[Any], context: Mapping[str, Any] | None = None) -> BulkOperation:
    with transaction() as tx:
        return bulk_operations.start(tx, DEVELOPMENT, TEST, items, context)


def now_of(operation: BulkOperation) -> BulkOperation:
    with transaction() as tx:
        found = rows.get(tx, DEVELOPMENT, operation.id)
    assert found is not None
    return found


def users(engine: Engine) -> dict[str, int]:
    return {row.id: row.properties["visits"] for row in engine.rows("select id, properties from recipients")}


def due_id(engine: Engine) -> int:
    return int(engine.one("select id from due where kind = 'bulk'").id)


def test_every_item_is_done_in_chunks_and_the_operation_tells_how_far_it_is(
    engine: Engine, change_settings: Callable[..., None]
) -> None:
    change_settings(bulk_chunk=2)
    operation = start([{"id": str(number)} for number in range(5)])
    assert (operation.status, operation.estimated_total_rows, operation.started_at) == ("queued", 5, None)
    bulk_operations.run(due_id(engine))
    half = now_of(operation)
    assert (half.status, half.processed_rows, half.success_count) == ("processing", 2, 2)
    engine.drain()
    done = now_of(operation)
    assert (done.status, done.processed_rows, done.success_count, done.error_count) == ("completed", 5, 5, 0)
    assert half.started_at == done.started_at
    assert done.completed_at is not None
    assert users(engine) == dict.fromkeys("01234", 1)
    assert engine.count("due") == 0
    assert engine.one("select items from bulk_operations").items == []


def test_an_item_that_cannot_be_done_is_undone_counted_and_named(engine: Engine) -> None:
    operation = start([{"id": "a"}, {"id": "b", "raises": "unknown"}, {"id": "c"}], {"collection": "things"})
    engine.drain()
    done = now_of(operation)
    assert (done.status, done.success_count, done.error_count) == ("completed", 2, 1)
    assert done.error_items == [{"id": "b", "collection": "things"}]
    assert users(engine) == {"a": 1, "c": 1}


def test_what_postgresql_refuses_in_an_item_is_the_items_fault(engine: Engine) -> None:
    operation = start([{"id": "a"}, {"id": "b", "raises": "refused"}, {"id": "c"}])
    engine.drain()
    assert [each["id"] for each in now_of(operation).error_items] == ["b"]
    assert users(engine) == {"a": 1, "c": 1}


@pytest.mark.parametrize("problem", ["away", "bug"])
def test_a_chunk_that_breaks_off_is_repeated_as_if_it_had_not_begun(
    engine: Engine, change_settings: Callable[..., None], visits: list[str], problem: str
) -> None:
    change_settings(bulk_chunk=2)
    items = [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d", "raises": problem}]
    operation = start(items)
    with pytest.raises((StoreUnavailable, ZeroDivisionError)):
        engine.drain()
    assert users(engine) == {"a": 1, "b": 1}
    assert now_of(operation).processed_rows == 2
    with transaction() as tx:
        tx.run(sql("update bulk_operations set items = items #- '{3,raises}'"))
    engine.advance(minutes=1)
    assert users(engine) == dict.fromkeys("abcd", 1)
    assert (now_of(operation).status, now_of(operation).success_count) == ("completed", 4)
    assert visits == ["a", "b", "c", "d", "c", "d"]


def test_a_bell_that_rings_twice_or_late_does_nothing_twice(engine: Engine) -> None:
    operation = start([{"id": "a"}])
    bell = due_id(engine)
    for _ in range(3):
        bulk_operations.run(bell)
    engine.drain()
    assert users(engine) == {"a": 1}
    assert now_of(operation).success_count == 1


def test_two_workers_do_not_share_a_chunk(engine: Engine, visits: list[str]) -> None:
    start([{"id": "a"}])
    bell = due_id(engine)
    with transaction() as tx:
        tx.run(sql("select id from due for update"))
        bulk_operations.run(bell)
        assert visits == []
    bulk_operations.run(bell)
    assert visits == ["a"]


def test_an_operation_without_items_is_completed_at_once(engine: Engine) -> None:
    operation = start([])
    engine.drain()
    assert now_of(operation).status == "completed"
    assert engine.count("due") == 0


def test_an_operation_of_a_kind_that_is_gone_has_failed(engine: Engine) -> None:
    with transaction() as tx:
        operation = bulk_operations.start(tx, DEVELOPMENT, "test.gone", [{"id": "a"}])
    engine.drain()
    failed = now_of(operation)
    assert (failed.status, failed.failed_at is not None, failed.completed_at) == ("failed", True, None)
    assert engine.count("due") == 0


def test_what_was_done_in_the_request_is_recorded_as_done(engine: Engine) -> None:
    with transaction() as tx:
        operation = bulk_operations.completed(tx, DEVELOPMENT, "test.quick", 7)
    assert (operation.status, operation.success_count, operation.completed_at is not None) == ("completed", 7, True)
    assert engine.count("due") == 0


def test_operations_that_ended_are_forgotten_after_a_month_and_others_are_not(engine: Engine) -> None:
    ended, waiting = start([{"id": "a"}]), None
    engine.drain()
    waiting = start([{"id": "b"}])
    clock.advance(29 * 86_400)
    lifeline.look()
    assert engine.count("bulk_operations") == 2
    clock.advance(2 * 86_400)
    lifeline.look()
    assert [row.id for row in engine.rows("select id from bulk_operations")] == [waiting.id]
    assert ended.id != waiting.id


def test_items_are_done_in_one_order_and_those_of_one_name_in_theirs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def note(_tx: object, _environment: object, _context: object, item: str) -> None:
        done.append(item)
        if item in ("c", "a2"):
            raise NotFound(item)

    monkeypatch.setitem(bulk_kinds.KINDS, "test.note", Kind(note, lambda _, item: (None, item[0])))
    with transaction() as tx:
        bulk_operations.start(tx, DEVELOPMENT, "test.note", ["c", "a2", "b", "a1"])
    engine.drain()
    assert done == ["a2", "a1", "b", "c"]
    assert engine.one("select error_items from bulk_operations").error_items == [
        {"collection": None, "id": "c"},
        {"collection": None, "id": "a"},
    ]
