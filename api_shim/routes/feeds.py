"""In-app feeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic_core import from_json
from starlette.responses import JSONResponse, Response

from api_shim.auth import Public
from api_shim.bodies import check
from api_shim.feed_access import check_channel, filter_of
from api_shim.feed_items import meta, shown
from api_shim.openapi import query_of
from api_shim.pages import foreign, page
from api_shim.query import parse_query
from api_shim.schemas.common import PageInfo
from api_shim.schemas.feeds import FeedFeatures, FeedQuery, UserInAppFeedResponse, UserInAppFeedSettingsResponse
from notify_workers import feeds
from notify_workers.store.feed_changes import Feed
from notify_workers.store.messages import LONGEST_NUMBER
from notify_workers.store.session import Transaction, transaction
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Feeds"])

KSUID_LENGTH = 27


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
    feed = Feed(caller.environment_id, id, user_id)
    wanted = filter_of(caller, Reference(USERS, user_id), query)
    with transaction() as tx:
        check_channel(tx, caller.environment_id, id)
    feeds.settle([feed])
    with transaction() as tx:
        after, before = (_number(tx, feed, name, cursor) for name, cursor in _cursors(query).items())
        rows, counts = feeds.page(tx, feed, wanted, query.status, after=after, before=before, limit=query.limit)
        found = page(query, rows, lambda row: str(row.number))
        items = feeds.items_of(tx, feed, list(found.rows), with_activities=query.mode == "rich")
    answer = UserInAppFeedResponse(
        entries=[shown(each, query.mode) for each in items],
        page_info=PageInfo(**found.info()),
        vars={},
        meta=meta(counts),
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
        check_channel(tx, caller.environment_id, id)
    return UserInAppFeedSettingsResponse(features=FeedFeatures(branding_required=False))


def _cursors(query: FeedQuery) -> dict[str, str | None]:
    return {"after": query.after_key, "before": query.before_key}


def _number(tx: Transaction, feed: Feed, name: str, cursor: str | None) -> int | None:
    """A cursor is an item's number; before version 0.2 it was a message's id, which pages that were open then still send."""
    if cursor is None:
        return None
    if cursor.isdecimal() and len(cursor) <= LONGEST_NUMBER:
        return int(cursor)
    number = feeds.number_of(tx, feed, cursor) if len(cursor) == KSUID_LENGTH and cursor.isalnum() else None
    if number is None:
        raise foreign(name)
    return number


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
