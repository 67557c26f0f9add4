"""In-app feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic_core import from_json
from starlette.responses import JSONResponse, Response

from api_shim import contents
from api_shim.auth import Caller, Public
from api_shim.bodies import check
from api_shim.errors import problem
from api_shim.openapi import query_of
from api_shim.pages import encode, page
from api_shim.query import parse_query
from api_shim.routes.messages import activity
from api_shim.schemas import feeds as schemas
from api_shim.schemas.common import PageInfo
from api_shim.schemas.feeds import FeedQuery, InAppFeedItem, UserInAppFeedResponse, UserInAppFeedSettingsResponse
from api_shim.schemas.messages import Activity, MessageInAppFeedContent
from api_shim.schemas.users import entity
from notify_workers import feeds
from notify_workers.errors import NotFound
from notify_workers.feeds import FeedItem
from notify_workers.store import environments
from notify_workers.store.feeds import FeedCounts
from notify_workers.store.messages import MessageFilter
from notify_workers.store.session import Transaction, transaction
from workflows.content import content_from_json
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Feeds"])

ATTACHMENT = {"content", "content_type"}
"""What a file in a trigger's data has, besides its name."""


@router.get(
    "/v1/users/{user_id}/feeds/{id}",
    operation_id="listUserInAppFeedItems",
    openapi_extra=query_of(FeedQuery),
    response_model=UserInAppFeedResponse,
)
def list_items(user_id: str, id: UUID, request: Request, caller: Public) -> Response:
    """What a user's feed shows, newest first. An unknown user has an empty one.

    `mode=compact` leaves out activities and what is nested in `data`; `exclude` any field.
    """
    query = check(FeedQuery, parse_query(request.url.query))
    with transaction() as tx:
        _check_channel(tx, caller.environment_id, id)
        wanted = _filter(query, id, user_id, _allowed(caller, Reference(USERS, user_id), query))
        rows, counts = feeds.page(
            tx,
            caller.environment_id,
            wanted,
            query.status,
            after=query.after_key,
            before=query.before_key,
            limit=query.limit,
        )
        found = page(query, rows, lambda row: row.message.id)
        items = feeds.items_of(tx, caller.environment_id, list(found.rows), with_activities=query.mode == "rich")
    answer = UserInAppFeedResponse(
        entries=[_item(each, query.mode) for each in items],
        page_info=PageInfo(**found.info()),
        vars={},
        meta=_meta(counts),
    )
    body = from_json(answer.model_dump_json())
    for path in query.exclude:
        _leave_out(body, path)
    return JSONResponse(body)


@router.get("/v1/users/{user_id}/feeds/{id}/settings", operation_id="getUserInAppFeedSettings")
def get_settings(user_id: str, id: UUID, caller: Public) -> UserInAppFeedSettingsResponse:
    """Nothing makes anybody show our name."""
    user = Reference(USERS, user_id)
    if not caller.tenants("user/feed_read", user):
        caller.require("user/feed_read", user)
    with transaction() as tx:
        _check_channel(tx, caller.environment_id, id)
    return UserInAppFeedSettingsResponse(features=schemas.FeedFeatures(branding_required=False))


def _check_channel(tx: Transaction, environment: UUID, channel_id: UUID) -> None:
    """Raises 404 for a channel that is unknown, and 422 for one that has no feed."""
    channel = next((each for each in environments.channels(tx, environment) if each.id == channel_id), None)
    if channel is None:
        raise NotFound(f"There is no channel `{channel_id}`")
    if channel.type != "in_app_feed":
        raise problem("id", f"is a channel of type {channel.type}, which has no feed", "channel_invalid")


def _allowed(caller: Caller, user: Reference, query: FeedQuery) -> list[str | None] | None:
    """The tenants that the caller is limited to. Raises 403 when they may not see the feed, or not the tenant's part."""
    limit = caller.tenants("user/feed_read", user)
    if not limit or query.tenant is not None:
        caller.require("user/feed_read", user, query.tenant)
    return None if limit is None else [each or None for each in sorted(limit)]


def _filter(query: FeedQuery, channel_id: UUID, user_id: str, allowed: Sequence[str | None] | None) -> MessageFilter:
    """A tenant's part of a feed has what belongs to no tenant too, unless `has_tenant` is given."""
    tenants = () if query.tenant is None else (query.tenant,) if query.has_tenant else (query.tenant, None)
    return MessageFilter(
        channel_id=channel_id,
        recipient=Reference(USERS, user_id),
        tenants=tenants,
        allowed_tenants=allowed,
        has_tenant=query.has_tenant,
        archived=query.archived,
        workflow=query.source,
        workflow_categories=query.workflow_categories,
        trigger_data=query.trigger_data or None,
        inserted_gt=query.inserted_at.gt,
        inserted_gte=query.inserted_at.gte,
        inserted_lt=query.inserted_at.lt,
        inserted_lte=query.inserted_at.lte,
    )


def _item(item: FeedItem, mode: str) -> InAppFeedItem:
    message, compact = item.row.message, mode == "compact"
    activities, actors = item.row.totals or (1, len(message.actors))
    place: dict[str, Any] = {"__cursor": encode(message.id)}
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


def _meta(counts: FeedCounts) -> schemas.FeedMetadata:
    return schemas.FeedMetadata(total_count=counts.total, unread_count=counts.unread, unseen_count=counts.unseen)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if not isinstance(value, dict | list)}


def without_attachments(data: Mapping[str, Any]) -> dict[str, Any]:
    """A trigger's data without the files that it brought for e-mails."""
    return {name: value for name, value in data.items() if not _has_files(value)}


def _has_files(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) and each.keys() >= ATTACHMENT for each in value)


def _leave_out(body: Any, path: Sequence[str]) -> None:
    """Takes a field out of a map, or out of each map of a list."""
    if isinstance(body, list):
        for each in body:
            _leave_out(each, path)
    elif isinstance(body, dict):
        if len(path) == 1:
            body.pop(path[0], None)
        else:
            _leave_out(body.get(path[0]), path[1:])
