"""Recipients whose traces are being deleted."""

from __future__ import annotations

from notify_workers.store.tables.columns import json, number, table, text, time, uuid

purges = table(
    "purges",
    uuid("id", key=True),
    uuid("environment_id"),
    text("collection"),
    text("recipient_id"),
    time("before"),
    number("sequence"),
    text("into_id", required=False),
    json("triggers"),
)
