"""Triggers, runs and what is owed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

triggers = table(
    "triggers",
    uuid("id", key=True),
    uuid("environment_id"),
    text("workflow_key"),
    uuid("version_id"),
    number("sequence"),
    json("recipients"),
    json("data"),
    text("actor_collection", required=False),
    text("actor_id", required=False),
    text("tenant", required=False),
    text("cancellation_key", required=False),
    json("settings"),
    json("source"),
    time("inserted_at"),
)

recipient_runs = table(
    "recipient_runs",
    uuid("id", key=True),
    uuid("environment_id"),
    uuid("trigger_id"),
    text("workflow_key"),
    uuid("version_id"),
    text("collection"),
    text("recipient_id"),
    text("tenant", required=False),
    text("status"),
    json("data", required=False),
    time("paused_until", required=False),
    Column("error_count", Integer, nullable=False),
    time("cancelled_at", required=False),
    time("inserted_at"),
    time("updated_at"),
    json("outputs", required=False),
    json("memory", required=False),
    uuid("window_id", required=False),
    Column("sequence", BigInteger),
    json("subscription", required=False),
)

run_log = table(
    "run_log",
    uuid("run_id", key=True),
    number("number", key=True),
    text("step_ref", required=False),
    text("step_type", required=False),
    Column("attempt", Integer, nullable=False),
    json("entries"),
    time("at"),
)

cancellations = table(
    "cancellations",
    number("number", key=True),
    uuid("environment_id"),
    text("workflow_key"),
    text("cancellation_key"),
    text("collection", required=False),
    text("recipient_id", required=False),
    number("sequence"),
    time("at"),
)

large_payloads = table(
    "large_payloads", uuid("trigger_id", key=True), Column("body", LargeBinary, nullable=False), time("at")
)

due = table(
    "due",
    number("id", key=True),
    text("kind"),
    uuid("environment_id"),
    uuid("trigger_id", required=False),
    uuid("subject", required=False),
    uuid("run_id", required=False),
    text("step", required=False),
    text("message_id", required=False),
    Column("attempt", Integer, nullable=False),
    Column("cursor", Integer, nullable=False),
    time("due_at"),
    time("publish_at"),
    Column("tries", Integer, nullable=False),
    time("leased_until", required=False),
    json("place", required=False),
)

entries = table(
    "entries",
    uuid("environment_id", key=True),
    text("workflow_key", key=True),
    text("collection", key=True),
    text("recipient_id", key=True),
    text("tenant", key=True),
    uuid("run_id"),
)
