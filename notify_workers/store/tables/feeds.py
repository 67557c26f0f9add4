"""In-app feeds: what each shows, in which order, and how much of it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column

from notify_workers.store.tables.columns import json, number, table, text, time, uuid


def flag(name: str) -> Column[object]:
    return Column(name, Boolean, nullable=False)


feed_changes = table(
    "feed_changes",
    number("id", key=True),
    uuid("environment_id"),
    uuid("channel_id"),
    text("recipient_id"),
    text("message_id"),
)

feeds = table(
    "feeds",
    number("id", key=True),
    uuid("environment_id"),
    uuid("channel_id"),
    text("recipient_id"),
    number("sequence"),
)

feed_entries = table(
    "feed_entries",
    number("feed_id", key=True),
    text("message_id", key=True),
    number("number"),
    number("changed"),
    text("tenant", required=False),
    text("workflow_key"),
    json("categories"),
    flag("archived"),
    flag("read"),
    flag("seen"),
    time("inserted_at"),
    time("arrived_at"),
    time("gone_at", required=False),
)

feed_counts = table(
    "feed_counts",
    number("feed_id"),
    text("tenant", required=False),
    text("workflow_key"),
    json("categories"),
    flag("archived"),
    number("total"),
    number("unread"),
    number("unseen"),
)
