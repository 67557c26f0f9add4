"""Guides: what is set beside their versions, and what users have done with them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Integer

from notify_workers.store.tables.columns import json, table, text, time, uuid

guide_states = table(
    "guide_states",
    uuid("environment_id", key=True),
    text("guide_key", key=True),
    time("active_from", required=False),
    time("active_until", required=False),
    time("archived_at", required=False),
)

guide_groups = table(
    "guide_groups",
    uuid("environment_id", key=True),
    text("key", key=True),
    json("display_sequence"),
    Column("display_interval", Integer),
    time("inserted_at"),
    time("updated_at"),
)

guide_engagements = table(
    "guide_engagements",
    uuid("environment_id", key=True),
    text("collection", key=True),
    text("recipient_id", key=True),
    text("guide_key", key=True),
    text("tenant", key=True),
    text("step_ref", key=True),
    text("message_id"),
    Column("is_final", Boolean, nullable=False),
    time("throttled_at", required=False),
    time("inserted_at"),
)
