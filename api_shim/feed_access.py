"""Which feed, which part of it, and whether the caller may see that."""

from __future__ import annotations

from uuid import UUID

from api_shim.auth import Caller
from api_shim.errors import problem
from api_shim.schemas.feeds import FeedOptions
from notify_workers.errors import NotFound
from notify_workers.store import environments
from notify_workers.store.feed_filters import FeedFilter
from notify_workers.store.session import Transaction
from workflows.recipients import Reference


def check_channel(tx: Transaction, environment: UUID, channel_id: UUID) -> None:
    """Raises 404 for a channel that is unknown, and 422 for one that has no feed."""
    channel = next((each for each in environments.channels(tx, environment) if each.id == channel_id), None)
    if channel is None:
        raise NotFound(f"There is no channel `{channel_id}`")
    if channel.type != "in_app_feed":
        raise problem("id", f"is a channel of type {channel.type}, which has no feed", "channel_invalid")


def filter_of(caller: Caller, user: Reference, options: FeedOptions) -> FeedFilter:
    """What the caller asks for of a user's feed. Raises 403 when they may not see the feed, or not the tenant's part."""
    limit = caller.tenants("user/feed_read", user)
    if not limit or options.tenant is not None:
        caller.require("user/feed_read", user, options.tenant)
    return FeedFilter(
        tenant=options.tenant,
        has_tenant=options.has_tenant,
        allowed_tenants=None if limit is None else frozenset(each or None for each in limit),
        archived=options.archived,
        workflow=options.source,
        categories=frozenset(options.workflow_categories),
        trigger_data=tuple((options.trigger_data or {}).items()),
        inserted_gt=options.inserted_at.gt,
        inserted_gte=options.inserted_at.gte,
        inserted_lt=options.inserted_at.lt,
        inserted_lte=options.inserted_at.lte,
    )
