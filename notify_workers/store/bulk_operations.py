"""Bulk operations and their progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


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
