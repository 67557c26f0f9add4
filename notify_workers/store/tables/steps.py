"""What steps remember: batches, throttles, waits, audiences."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

batch_windows = table(
    "batch_windows",
    uuid("id", key=True),
    text("key"),
    uuid("environment_id"),
    text("workflow_key"),
    text("step_ref"),
    uuid("carrier_run", required=False),
    time("opened_at"),
    time("closes_at"),
    time("latest_close", required=False),
    Column("is_sliding", Boolean, nullable=False),
    Column("max_items", Integer),
    Column("items", Integer, nullable=False),
    Column("sealed", Boolean, nullable=False),
    time("closed_at", required=False),
    Column("total_activities", Integer),
    Column("total_actors", Integer),
    Column("render_limit", Integer),
    Column("renders_last", Boolean),
)

batch_items = table(
    "batch_items",
    number("number"),
    uuid("window_id"),
    uuid("run_id", key=True),
    text("step_ref", key=True),
    json("data", required=False),
    time("closes_at"),
    time("at"),
    time("cancelled_at", required=False),
)

throttle_windows = table(
    "throttle_windows",
    text("key", key=True),
    uuid("environment_id"),
    time("opened_at"),
    time("closes_at"),
    Column("executions", Integer, nullable=False),
)

audience_members = table(
    "audience_members",
    uuid("environment_id", key=True),
    text("audience_key", key=True),
    text("collection", key=True),
    text("recipient_id", key=True),
    text("tenant", key=True),
    time("added_at"),
)

waits = table(
    "waits",
    uuid("run_id", key=True),
    text("step_ref"),
    uuid("environment_id"),
    text("collection"),
    text("recipient_id"),
    text("event_type"),
    text("event_key"),
    text("source", required=False),
)

signals = table(
    "signals",
    number("number", key=True),
    uuid("run_id"),
    time("at"),
    json("event"),
    Column("told", Boolean, nullable=False),
)
