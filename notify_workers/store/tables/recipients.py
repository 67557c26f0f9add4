"""Users, tenants and objects."""

from __future__ import annotations

from notify_workers.store.tables.columns import json, table, text, time, uuid

recipients = table(
    "recipients",
    uuid("environment_id", key=True),
    text("collection", key=True),
    text("id", key=True),
    json("properties"),
    json("preferences"),
    json("channel_data"),
    time("created_at", required=False),
    time("updated_at"),
)
