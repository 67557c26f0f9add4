"""Bulk operations and their progress."""

from __future__ import annotations

from sqlalchemy import Column, Integer

from notify_workers.store.tables.columns import json, table, text, time, uuid

bulk_operations = table(
    "bulk_operations",
    uuid("id", key=True),
    uuid("environment_id"),
    text("name"),
    text("status"),
    json("items"),
    json("context"),
    Column("estimated_total_rows", Integer, nullable=False),
    Column("processed_rows", Integer, nullable=False),
    Column("success_count", Integer, nullable=False),
    Column("error_count", Integer, nullable=False),
    json("error_items"),
    time("inserted_at"),
    time("updated_at"),
    time("started_at", required=False),
    time("completed_at", required=False),
    time("failed_at", required=False),
)
