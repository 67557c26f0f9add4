"""Outbound webhooks and what they are owed."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

webhooks = table(
    "webhooks",
    uuid("id", key=True),
    uuid("environment_id"),
    text("url"),
    json("events"),
    text("secret"),
    Column("enabled", Boolean, nullable=False),
    text("description"),
    Column("failures", Integer, nullable=False),
    time("paused_until", required=False),
    time("created_at"),
    time("updated_at"),
)

webhook_deliveries = table(
    "webhook_deliveries",
    uuid("id", key=True),
    number("number"),
    uuid("webhook_id"),
    uuid("environment_id"),
    text("type"),
    text("collection", required=False),
    text("recipient_id", required=False),
    json("snapshot"),
    json("event_data", required=False),
    text("status"),
    Column("attempts", Integer, nullable=False),
    time("owed_since"),
    time("at"),
    time("created_at"),
)

webhook_attempts = table(
    "webhook_attempts",
    uuid("delivery_id", key=True),
    number("number", key=True),
    Column("attempt", Integer, nullable=False),
    Column("status_code", Integer),
    text("error", required=False),
    text("response", required=False),
    Column("milliseconds", Integer),
    time("at"),
    time("finished_at", required=False),
)
