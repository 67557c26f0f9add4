"""Bulk operations: what the API tells of them."""

from __future__ import annotations

from uuid import uuid4

from notify_workers import bulk_operations
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine


def test_an_operation_tells_how_far_it_has_come_and_where_to_ask(api: CheckedClient, engine: Engine) -> None:
    with transaction() as tx:
        operation = bulk_operations.completed(tx, DEVELOPMENT, "users.identify", 3)
    shown = api.get(f"/v1/bulk_operations/{operation.id}").json()
    assert (shown["name"], shown["status"], shown["success_count"]) == ("users.identify", "completed", 3)
    assert shown["progress_path"].endswith(f"/v1/bulk_operations/{operation.id}")


def test_operations_stay_in_their_environment(api: CheckedClient, engine: Engine) -> None:
    with transaction() as tx:
        operation = bulk_operations.completed(tx, DEVELOPMENT, "users.identify", 3)
    path = f"/v1/bulk_operations/{operation.id}"
    assert api.get(path, headers=PRODUCTION).status_code == 404
    assert api.get(path, headers=PUBLIC).status_code == 403


def test_nobody_knows_an_operation_that_was_never_started(api: CheckedClient) -> None:
    answer = api.get(f"/v1/bulk_operations/{uuid4()}")
    assert (answer.status_code, code(answer)) == (404, "resource_missing")
    assert fields(api.get("/v1/bulk_operations/seven")) == ["id"]
