"""Messages, their events and deliveries."""

from __future__ import annotations

from sqlalchemy import Column, Integer

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

messages = table(
    "messages",
    text("id", key=True),
    uuid("environment_id"),
    uuid("run_id", required=False),
    uuid("trigger_id", required=False),
    text("source_type"),
    json("data", required=False),
    uuid("version_id"),
    text("workflow_key"),
    json("categories"),
    text("step_ref"),
    uuid("channel_id"),
    text("channel_type"),
    text("collection"),
    text("recipient_id"),
    text("tenant", required=False),
    json("actors"),
    json("recipient_snapshot"),
    json("content"),
    json("metadata"),
    text("status"),
    time("scheduled_at", required=False),
    time("seen_at", required=False),
    time("read_at", required=False),
    time("interacted_at", required=False),
    time("link_clicked_at", required=False),
    time("archived_at", required=False),
    time("inserted_at"),
    time("updated_at"),
)

message_events = table(
    "message_events",
    text("message_id", key=True),
    number("number", key=True),
    text("id"),
    text("type"),
    json("data", required=False),
    time("at"),
)

delivery_attempts = table(
    "delivery_attempts",
    text("message_id", key=True),
    Column("attempt", Integer, primary_key=True),
    text("id"),
    text("provider"),
    text("idempotency_key"),
    text("outcome", required=False),
    text("reason", required=False),
    json("exchanges"),
    time("started_at"),
    time("finished_at", required=False),
    Column("route", Integer, nullable=False),
    text("external_id", required=False),
)

outbox = table(
    "outbox",
    text("message_id", key=True),
    uuid("environment_id"),
    text("channel_type"),
    text("channel_key"),
    text("collection"),
    text("recipient_id"),
    json("payload"),
    time("at"),
)

short_links = table("short_links", text("key", key=True), uuid("environment_id"), text("message_id"), text("url"))
