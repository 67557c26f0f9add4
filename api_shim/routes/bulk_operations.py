"""Progress of bulk operations."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from api_shim.auth import Secret
from api_shim.schemas.bulk_operations import BulkOperation
from notify_workers.errors import NotFound
from notify_workers.store import bulk_operations
from notify_workers.store.session import transaction

router = APIRouter(tags=["Bulk operations"])


@router.get("/v1/bulk_operations/{id}", operation_id="getBulkOperation")
def get(id: UUID, caller: Secret) -> BulkOperation:
    """How far an operation has come."""
    with transaction() as tx:
        operation = bulk_operations.get(tx, caller.environment_id, id)
    if operation is None:
        raise NotFound(f"There is no bulk operation `{id}`")
    return BulkOperation.of(operation)
