"""Subscriptions to objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from api_shim.auth import Caller, Secret
from api_shim.bodies import check, read_model
from api_shim.errors import problem, too_large
from api_shim.openapi import body_of, query_of
from api_shim.pages import Page, PageQuery, foreign, page
from api_shim.query import parse_query
from api_shim.routes.users import UserId, check_sizes
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.common import MOST_ID_CHARACTERS, PageInfo
from api_shim.schemas.subscriptions import (
    BulkDeleteSubscriptionsRequest,
    BulkUpsertSubscriptionsRequest,
    DeleteSubscriptionsRequest,
    ListSubscriptionsResponse,
    ObjectSubscriptionsQuery,
    Subscription,
    UpsertSubscriptionsRequest,
    UserSubscriptionsQuery,
)
from notify_workers import bulk_operations, subscriptions
from notify_workers.settings import settings
from notify_workers.store import subscriptions as rows
from notify_workers.store.session import transact, transaction
from workflows.recipients import USERS, Reference, reference

router = APIRouter(tags=["Subscriptions"])


async def collection_of_path(collection: str) -> str:
    if not 0 < len(collection) <= MOST_ID_CHARACTERS or collection == USERS:
        raise problem("collection", f"must name a collection of objects in at most {MOST_ID_CHARACTERS} characters")
    return collection


Collection = Annotated[str, Depends(collection_of_path)]


async def object_of_path(collection: Collection, object_id: str) -> Reference:
    if not 0 < len(object_id) <= MOST_ID_CHARACTERS:
        raise problem("object_id", f"must have 1 to {MOST_ID_CHARACTERS} characters")
    return Reference(collection, object_id)


ObjectOfPath = Annotated[Reference, Depends(object_of_path)]

BULK = "/v1/objects/{collection}/bulk/subscriptions"
PATH = "/v1/objects/{collection}/{object_id}/subscriptions"


@router.get(
    "/v1/users/{user_id}/subscriptions",
    operation_id="listSubscriptionsForUser",
    openapi_extra=query_of(UserSubscriptionsQuery),
)
def list_for_user(user_id: UserId, request: Request, caller: Secret) -> ListSubscriptionsResponse:
    """What a user is subscribed to, by the object's collection and id."""
    query = check(UserSubscriptionsQuery, parse_query(request.url.query))
    only = None if query.objects is None else [_reference(each) for each in query.objects]
    return _page(caller, query, "recipient", Reference(USERS, user_id), only, query.with_preferences)


@router.get(PATH, operation_id="listSubscriptionsForObject", openapi_extra=query_of(ObjectSubscriptionsQuery))
def list_for_object(object_: ObjectOfPath, request: Request, caller: Secret) -> ListSubscriptionsResponse:
    """An object's subscribers, or with `mode=recipient` what the object itself is subscribed to."""
    query = check(ObjectSubscriptionsQuery, parse_query(request.url.query))
    other = query.recipients if query.mode == "object" else query.objects
    only = None if other is None else [_reference(each) for each in other]
    return _page(caller, query, query.mode, object_, only, query.with_preferences)


def _reference(wire: Any) -> Reference:
    return reference(wire if isinstance(wire, str) else wire.model_dump())


def _page(
    caller: Caller,
    query: PageQuery,
    side: rows.Side,
    of: Reference,
    only: Sequence[Reference] | None,
    preferences: bool,
) -> ListSubscriptionsResponse:
    after, before = _place("after", query.after_key), _place("before", query.before_key)
    with transaction() as tx:
        found = rows.page(tx, caller.environment_id, side, of, only=only, after=after, before=before, limit=query.limit)
    cut: Page = page(query, found, lambda each: _key(each.recipient if side == "object" else each.object))
    entries = [Subscription.of(each, preferences=preferences) for each in cut.rows]
    return ListSubscriptionsResponse(entries=entries, page_info=PageInfo(**cut.info()))


def _key(recipient: Any) -> str:
    return json.dumps([recipient.reference.collection, recipient.reference.id])


def _place(field: str, key: str | None) -> Reference | None:
    if key is None:
        return None
    try:
        collection, identifier = json.loads(key)
    except (ValueError, TypeError):
        raise foreign(field) from None
    if not isinstance(collection, str) or not isinstance(identifier, str) or "\0" in collection + identifier:
        raise foreign(field)
    return Reference(collection, identifier)


@router.post(PATH, operation_id="addSubscriptionsForObject", openapi_extra=body_of(UpsertSubscriptionsRequest))
async def add(object_: ObjectOfPath, request: Request, caller: Secret) -> list[Subscription]:
    """Subscribes recipients, identifying those that are given inline. Who is subscribed already gets the new properties."""
    wanted, written = await read_model(request, UpsertSubscriptionsRequest)
    _check_sizes(written, "")
    return await run_in_threadpool(_add, caller.environment_id, object_, written["recipients"], wanted.properties)


def _check_sizes(written: dict[str, Any], place: str) -> None:
    """Recipients, and what is said of their subscriptions, each of which keeps a copy of it."""
    check_sizes(f"{place}recipients", written["recipients"])
    if len(to_json(written.get("properties"))) > settings().max_properties:
        raise too_large(f"{place}properties", settings().max_properties)


def _add(
    environment: UUID, object_: Reference, recipients: list[Any], properties: dict[str, Any] | None
) -> list[Subscription]:
    found = transact(lambda tx: subscriptions.add(tx, environment, object_, recipients, properties))
    return [Subscription.of(each) for each in found]


@router.delete(PATH, operation_id="deleteSubscriptionsForObject", openapi_extra=body_of(DeleteSubscriptionsRequest))
async def remove(object_: ObjectOfPath, request: Request, caller: Secret) -> list[Subscription]:
    """Ends subscriptions, and answers with those that there were."""
    _, written = await read_model(request, DeleteSubscriptionsRequest)
    who = [reference(each) for each in written["recipients"]]
    return await run_in_threadpool(_remove, caller.environment_id, object_, who)


def _remove(environment: UUID, object_: Reference, who: list[Reference]) -> list[Subscription]:
    found = transact(lambda tx: subscriptions.remove(tx, environment, object_, who))
    return [Subscription.of(each) for each in found]


@router.post(f"{BULK}/add", operation_id="bulkAddSubscriptions", openapi_extra=body_of(BulkUpsertSubscriptionsRequest))
async def bulk_add(collection: Collection, request: Request, caller: Secret) -> BulkOperation:
    """Subscribes recipients to each of many objects of a collection."""
    _, written = await read_model(request, BulkUpsertSubscriptionsRequest)
    for index, each in enumerate(written["subscriptions"]):
        _check_sizes(each, f"subscriptions[{index}].")
    return await run_in_threadpool(_start, caller, "subscriptions.add", collection, written["subscriptions"])


@router.post(
    f"{BULK}/delete", operation_id="bulkDeleteSubscriptions", openapi_extra=body_of(BulkDeleteSubscriptionsRequest)
)
async def bulk_remove(collection: Collection, request: Request, caller: Secret) -> BulkOperation:
    """Ends subscriptions to each of many objects of a collection."""
    _, written = await read_model(request, BulkDeleteSubscriptionsRequest)
    return await run_in_threadpool(_start, caller, "subscriptions.delete", collection, written["subscriptions"])


def _start(caller: Caller, name: str, collection: str, items: list[Any]) -> BulkOperation:
    with transaction() as tx:
        operation = bulk_operations.start(tx, caller.environment_id, name, items, {"collection": collection})
    return BulkOperation.of(operation)
