"""Bulk operations."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api_shim.schemas.common import Answer
from notify_workers.settings import settings
from notify_workers.store import bulk_operations


class ErrorItem(Answer):
    id: str
    collection: str | None = None


class BulkOperation(Answer):
    typename: Literal["BulkOperation"] = Field(default="BulkOperation", alias="__typename")
    id: UUID
    name: str
    status: Literal["queued", "processing", "completed", "failed"]
    estimated_total_rows: int
    processed_rows: int
    success_count: int
    error_count: int
    error_items: list[ErrorItem]
    progress_path: str
    started_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    inserted_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: bulk_operations.BulkOperation) -> BulkOperation:
        return cls(
            id=row.id,
            name=row.name,
            status=row.status,  # type: ignore[arg-type]
            estimated_total_rows=row.estimated_total_rows,
            processed_rows=row.processed_rows,
            success_count=row.success_count,
            error_count=row.error_count,
            error_items=[ErrorItem.model_validate(each) for each in row.error_items],
            progress_path=f"{settings().public_url}/v1/bulk_operations/{row.id}",
            started_at=row.started_at,
            completed_at=row.completed_at,
            failed_at=row.failed_at,
            inserted_at=row.inserted_at,
            updated_at=row.updated_at,
        )
