"""Schedules: triggers that are owed at times."""

from __future__ import annotations

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

schedules = table(
    "schedules",
    uuid("id", key=True),
    number("number"),
    uuid("environment_id"),
    text("workflow_key"),
    text("collection"),
    text("recipient_id"),
    text("actor_collection", required=False),
    text("actor_id", required=False),
    text("tenant", required=False),
    json("data", required=False),
    json("repeats"),
    time("scheduled_at", required=False),
    time("starts_at"),
    time("ending_at", required=False),
    time("next_occurrence_at", required=False),
    time("last_occurrence_at", required=False),
    time("inserted_at"),
    time("updated_at"),
)
