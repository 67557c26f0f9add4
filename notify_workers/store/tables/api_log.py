"""The log of API requests."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer

from notify_workers.store.tables.columns import json, table, text, time, uuid

api_log = table(
    "api_log",
    uuid("id", key=True),
    uuid("environment_id", required=False),
    uuid("key_id", required=False),
    text("user_id", required=False),
    text("method"),
    text("path"),
    text("query"),
    text("operation", required=False),
    Column("status", Integer, nullable=False),
    Column("duration_ms", Double, nullable=False),
    json("request", required=False),
    json("response", required=False),
    uuid("workflow_run_id", required=False),
    text("user_agent", required=False),
    time("at"),
)
