"""Sources and the events that came from them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

sources = table(
    "sources",
    uuid("id", key=True),
    uuid("environment_id"),
    text("key"),
    text("name"),
    text("type"),
    text("token"),
    json("settings"),
    json("mappings"),
    Column("enabled", Boolean, nullable=False),
    time("created_at"),
    time("updated_at"),
)

source_events = table(
    "source_events",
    uuid("id", key=True),
    number("number"),
    uuid("source_id"),
    uuid("environment_id"),
    text("event_type"),
    text("idempotency_key", required=False),
    text("status"),
    json("actions"),
    json("body"),
    text("collection", required=False),
    text("recipient_id", required=False),
    time("received_at"),
)

source_keys = table(
    "source_keys",
    uuid("source_id", key=True),
    text("event_type", key=True),
    text("key", key=True),
    uuid("event_id"),
    Column("done", Boolean, nullable=False),
    time("expires_at"),
)
