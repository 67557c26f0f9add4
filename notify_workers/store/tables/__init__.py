"""The tables as SQLAlchemy sees them, for queries composed at run time. The migrations make them; a test holds both equal."""

from __future__ import annotations

from notify_workers.store.tables.columns import metadata
from notify_workers.store.tables.configuration import (
    api_keys,
    catalog,
    channels,
    clock,
    environments,
    resource_versions,
    resources,
)
from notify_workers.store.tables.messages import delivery_attempts, message_events, messages, outbox
from notify_workers.store.tables.recipients import recipients
from notify_workers.store.tables.runs import (
    cancellations,
    due,
    entries,
    large_payloads,
    recipient_runs,
    run_log,
    triggers,
)
from notify_workers.store.tables.steps import (
    audience_members,
    batch_items,
    batch_windows,
    signals,
    throttle_windows,
    waits,
)

__all__ = [
    "api_keys",
    "audience_members",
    "batch_items",
    "batch_windows",
    "cancellations",
    "catalog",
    "channels",
    "clock",
    "delivery_attempts",
    "due",
    "entries",
    "environments",
    "large_payloads",
    "message_events",
    "messages",
    "metadata",
    "outbox",
    "recipient_runs",
    "recipients",
    "resource_versions",
    "resources",
    "run_log",
    "signals",
    "throttle_windows",
    "triggers",
    "waits",
]
