"""The tables as SQLAlchemy sees them, for queries composed at run time. The migrations make them; a test holds both equal."""

from __future__ import annotations

from notify_workers.store.tables.api_log import api_log
from notify_workers.store.tables.bulk_operations import bulk_operations
from notify_workers.store.tables.columns import metadata
from notify_workers.store.tables.configuration import (
    api_keys,
    catalog,
    channel_routes,
    channels,
    clock,
    environments,
    resource_versions,
    resources,
    signing_keys,
)
from notify_workers.store.tables.feeds import feed_changes, feed_counts, feed_entries, feeds
from notify_workers.store.tables.guides import guide_engagements, guide_groups, guide_states
from notify_workers.store.tables.messages import delivery_attempts, message_events, messages, outbox, short_links
from notify_workers.store.tables.purges import purges
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
from notify_workers.store.tables.schedules import schedules
from notify_workers.store.tables.sources import source_events, source_keys, sources
from notify_workers.store.tables.steps import (
    audience_members,
    batch_items,
    batch_windows,
    signals,
    throttle_windows,
    waits,
)
from notify_workers.store.tables.subscriptions import subscriptions
from notify_workers.store.tables.webhooks import webhook_attempts, webhook_deliveries, webhooks

__all__ = [
    "api_keys",
    "api_log",
    "audience_members",
    "batch_items",
    "batch_windows",
    "bulk_operations",
    "cancellations",
    "catalog",
    "channel_routes",
    "channels",
    "clock",
    "delivery_attempts",
    "due",
    "entries",
    "environments",
    "feed_changes",
    "feed_counts",
    "feed_entries",
    "feeds",
    "guide_engagements",
    "guide_groups",
    "guide_states",
    "large_payloads",
    "message_events",
    "messages",
    "metadata",
    "outbox",
    "purges",
    "recipient_runs",
    "recipients",
    "resource_versions",
    "resources",
    "run_log",
    "schedules",
    "short_links",
    "signals",
    "signing_keys",
    "source_events",
    "source_keys",
    "sources",
    "subscriptions",
    "throttle_windows",
    "triggers",
    "waits",
    "webhook_attempts",
    "webhook_deliveries",
    "webhooks",
]
