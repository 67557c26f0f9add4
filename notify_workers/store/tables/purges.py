"""Recipients whose traces are being deleted."""

from __future__ import annotations

from notify_workers.store.tables.columns import json, table, text, time, uuid

purges = table(
    "purges",
    uuid("id", key=True),
    uuid("environment_id"),
    text("collection"),
    text("recipient_id"),
    time("before"),
    json("triggers"),
)
