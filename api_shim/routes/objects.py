"""Objects: set, get, list, delete, and the same in bulk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Secret
from api_shim.bodies import check, read_model
from api_shim.errors import problem
from api_shim.openapi import body_of, query_of
from api_shim.pages import Page, page
from api_shim.paths import check_name
from api_shim.query import parse_query
from api_shim.routes.users import check_sizes, identity_of, start_bulk, write
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.common import PageInfo, TenantProperties
from api_shim.schemas.objects import (
    BulkDeleteObjectsRequest,
    BulkSetObjectsRequest,
    ListObjectsResponse,
    ObjectProperties,
)
from api_shim.schemas.users import Object, RecipientsQuery
from notify_workers import recipients as door
from notify_workers.errors import NotFound
from notify_workers.store import recipients
from notify_workers.store.session import transact, transaction
from workflows.recipients import TENANTS, Reference

router = APIRouter(tags=["Objects"])


async def collection_of_path(collection: str) -> str:
    if collection.startswith("$"):
        raise problem("collection", "must not start with `$`: users and tenants have paths of their own")
    return check_name("collection", collection)


async def object_of_path(collection: str, id: str) -> Reference:
    """A tenant is an object too, by its id."""
    if collection != TENANTS:
        await collection_of_path(collection)
    return Reference(collection, check_name("id", id))


Collection = Annotated[str, Depends(collection_of_path)]
Thing = Annotated[Reference, Depends(object_of_path)]


@router.get("/v1/objects/{collection}", operation_id="listObjects", openapi_extra=query_of(RecipientsQuery))
def list_objects(collection: Collection, request: Request, caller: Secret) -> ListObjectsResponse:
    """A collection's objects by id. `include[]=preferences` shows the preference sets of each."""
    query = check(RecipientsQuery, parse_query(request.url.query))
    with transaction() as tx:
        rows = recipients.page_of_recipients(
            tx, caller.environment_id, collection, after=query.after_key, before=query.before_key, limit=query.limit
        )
    found: Page = page(query, rows, lambda thing: thing.reference.id)
    entries = [Object.of(thing, with_preferences=query.with_preferences) for thing in found.rows]
    return ListObjectsResponse(entries=entries, page_info=PageInfo(**found.info()))


@router.post(
    "/v1/objects/{collection}/bulk/delete",
    operation_id="bulkDeleteObjects",
    openapi_extra=body_of(BulkDeleteObjectsRequest),
)
async def bulk_delete(collection: Collection, request: Request, caller: Secret) -> BulkOperation:
    """Deletes objects, in the background."""
    wanted, _ = await read_model(request, BulkDeleteObjectsRequest)
    return await run_in_threadpool(start_bulk, caller, "objects.delete", wanted.object_ids, collection)


@router.post(
    "/v1/objects/{collection}/bulk/set", operation_id="bulkSetObjects", openapi_extra=body_of(BulkSetObjectsRequest)
)
async def bulk_set(collection: Collection, request: Request, caller: Secret) -> BulkOperation:
    """Sets objects, in the background."""
    _, written = await read_model(request, BulkSetObjectsRequest)
    check_sizes("objects", written["objects"])
    return await run_in_threadpool(start_bulk, caller, "objects.set", written["objects"], collection)


@router.get("/v1/objects/{collection}/{id}", operation_id="getObject")
def get_object(thing: Thing, caller: Secret) -> Object:
    with transaction() as tx:
        known = recipients.get_recipient(tx, caller.environment_id, thing)
    if known is None:
        raise NotFound(f"There is no object `{thing.id}` in `{thing.collection}`")
    return Object.of(known)


@router.put("/v1/objects/{collection}/{id}", operation_id="setObject", openapi_extra=body_of(ObjectProperties))
async def set_object(thing: Thing, request: Request, caller: Secret) -> Object:
    """Creates an object or changes one: only the properties sent change, and maps are merged deeply."""
    model = TenantProperties if thing.collection == TENANTS else ObjectProperties
    wanted, written = await read_model(request, model)
    return Object.of(await run_in_threadpool(write, caller, identity_of(thing, wanted, written)))


@router.delete("/v1/objects/{collection}/{id}", operation_id="deleteObject", status_code=204)
def delete_object(thing: Thing, caller: Secret) -> Response:
    """Forgets an object: at once what is known of it, who is subscribed to it and what waits, then its messages and run logs.

    Deleting an unknown object is no error.
    """
    transact(lambda tx: door.delete(tx, caller.environment_id, thing))
    return Response(status_code=204)
