"""Who is subscribed to which object."""

from __future__ import annotations

from notify_workers.store.tables.columns import json, table, text, time, uuid

subscriptions = table(
    "subscriptions",
    uuid("environment_id", key=True),
    text("object_collection", key=True),
    text("object_id", key=True),
    text("collection", key=True),
    text("recipient_id", key=True),
    json("properties"),
    time("inserted_at"),
    time("updated_at"),
)
