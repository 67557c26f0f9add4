"""Items of in-app feeds as browsers read them (contract: feed-protocol §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api_shim import contents
from api_shim.pages import encode
from api_shim.routes.messages import activity
from api_shim.schemas import feeds as schemas
from api_shim.schemas.feeds import InAppFeedItem, Mode
from api_shim.schemas.messages import Activity, MessageInAppFeedContent
from api_shim.schemas.users import entity
from notify_workers.feeds import FeedItem
from notify_workers.store.feed_filters import FeedCounts
from workflows.content import content_from_json

ATTACHMENT = {"content", "content_type"}
"""What a file in a trigger's data has, besides its name."""


def shown(item: FeedItem, mode: Mode) -> InAppFeedItem:
    message, compact = item.row.message, mode == "compact"
    activities, actors = item.row.totals or (1, len(message.actors))
    place: dict[str, Any] = {"__cursor": encode(str(item.row.number))}
    blocks = contents.shown(content_from_json(item.row.content))
    return InAppFeedItem(
        **place,
        id=message.id,
        activities=None if compact else _activities(item),
        total_activities=None if compact else activities,
        actors=[entity(each) for each in item.actors[: 1 if compact else None]],
        total_actors=actors,
        blocks=blocks.blocks if isinstance(blocks, MessageInAppFeedContent) else [],
        data=_flat(message.data) if compact else without_attachments(message.data),
        source=schemas.FeedItemSource(
            key=message.workflow_key,
            version_id=message.version_id,
            categories=list(message.categories),
            step_ref=message.step_ref,
        ),
        tenant=message.tenant,
        inserted_at=message.inserted_at,
        updated_at=message.updated_at,
        read_at=message.read_at,
        seen_at=message.seen_at,
        archived_at=message.archived_at,
        interacted_at=message.interacted_at,
        link_clicked_at=message.link_clicked_at,
        clicked_at=message.link_clicked_at,
    )


def _activities(item: FeedItem) -> list[Activity]:
    shown = [activity(each, item.row.message.recipient) for each in item.activities]
    return [each.model_copy(update={"data": without_attachments(each.data)}) for each in shown]


def meta(counts: FeedCounts) -> schemas.FeedMetadata:
    return schemas.FeedMetadata(total_count=counts.total, unread_count=counts.unread, unseen_count=counts.unseen)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if not isinstance(value, dict | list)}


def without_attachments(data: Mapping[str, Any]) -> dict[str, Any]:
    """A trigger's data without the files that it brought for e-mails."""
    return {name: value for name, value in data.items() if not _has_files(value)}


def _has_files(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) and each.keys() >= ATTACHMENT for each in value)
