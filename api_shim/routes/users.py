"""Users: identify, get, list, delete, merge, and the same in bulk."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Caller, Public, Secret
from api_shim.bodies import check, read_model, read_model_or_query
from api_shim.errors import problem, too_large
from api_shim.openapi import body_of, query_of
from api_shim.pages import Page, page
from api_shim.paths import UserOfPath
from api_shim.query import parse_query
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.common import PageInfo, Properties, properties_of
from api_shim.schemas.users import (
    BulkDeleteUsersRequest,
    BulkIdentifyUsersRequest,
    ListUsersResponse,
    MergeUserRequest,
    RecipientsQuery,
    User,
)
from notify_workers import bulk_operations
from notify_workers import recipients as door
from notify_workers.errors import NotFound
from notify_workers.settings import settings
from notify_workers.store import recipients
from notify_workers.store.session import transact, transaction
from workflows.recipients import USERS, Identity, Reference

router = APIRouter(tags=["Users"])


async def _id_of(user: UserOfPath) -> str:
    return user.id


UserId = Annotated[str, Depends(_id_of)]
"""The user's id of a path, for routes of other nouns."""


@router.get("/v1/users", operation_id="listUsers", openapi_extra=query_of(RecipientsQuery))
def list_users(request: Request, caller: Secret) -> ListUsersResponse:
    """Users by id. `include[]=preferences` shows the preference sets of each."""
    query = check(RecipientsQuery, parse_query(request.url.query))
    with transaction() as tx:
        rows = recipients.page_of_recipients(
            tx, caller.environment_id, USERS, after=query.after_key, before=query.before_key, limit=query.limit
        )
    found: Page = page(query, rows, lambda user: user.reference.id)
    entries = [User.of(user, with_preferences=query.with_preferences) for user in found.rows]
    return ListUsersResponse(entries=entries, page_info=PageInfo(**found.info()))


@router.post("/v1/users/bulk/delete", operation_id="bulkDeleteUsers", openapi_extra=body_of(BulkDeleteUsersRequest))
async def bulk_delete(request: Request, caller: Secret) -> BulkOperation:
    """Deletes users, in the background."""
    wanted, _ = await read_model(request, BulkDeleteUsersRequest)
    return await run_in_threadpool(start_bulk, caller, "users.delete", wanted.user_ids, USERS)


@router.post(
    "/v1/users/bulk/identify", operation_id="bulkIdentifyUsers", openapi_extra=body_of(BulkIdentifyUsersRequest)
)
async def bulk_identify(request: Request, caller: Secret) -> BulkOperation:
    """Identifies users, in the background."""
    _, written = await read_model(request, BulkIdentifyUsersRequest)
    check_sizes("users", written["users"])
    return await run_in_threadpool(start_bulk, caller, "users.identify", written["users"], USERS)


def start_bulk(caller: Caller, name: str, items: list[Any], collection: str) -> BulkOperation:
    """Owes a bulk operation on recipients of one collection."""
    with transaction() as tx:
        return BulkOperation.of(
            bulk_operations.start(tx, caller.environment_id, name, items, {"collection": collection})
        )


def check_sizes(field: str, items: list[Any]) -> None:
    """Nobody's properties may be larger in bulk than they may be in a request of their own."""
    most = settings().max_properties
    for index, item in enumerate(items):
        if isinstance(item, dict) and len(to_json(properties_of(item))) > most:
            raise too_large(f"{field}[{index}]", most)


@router.get("/v1/users/{user_id}", operation_id="getUser")
def get_user(user: UserOfPath, caller: Public) -> User:
    caller.require("user/read", user)
    with transaction() as tx:
        known = recipients.get_recipient(tx, caller.environment_id, user)
    if known is None:
        raise NotFound(f"There is no user `{user.id}`")
    return User.of(known)


@router.put("/v1/users/{user_id}", operation_id="identifyUser", openapi_extra=body_of(Properties))
async def identify(user: UserOfPath, request: Request, caller: Public) -> User:
    """Creates a user or changes one: only the properties sent change, and maps are merged deeply."""
    caller.require("user/write", user)
    wanted, written = await read_model_or_query(request, Properties)
    return User.of(await run_in_threadpool(write, caller, identity_of(user, wanted, written)))


def identity_of(reference: Reference, wanted: Any, written: dict[str, Any]) -> Identity:
    """What a request says of a recipient: as it was checked, and as it was written."""
    return Identity(
        reference,
        properties_of(written),
        preferences=wanted.preferences or {},
        channel_data=wanted.channel_data or {},
        created_at=wanted.created_at,
    )


def write(caller: Caller, identity: Identity) -> recipients.Recipient:
    """Writes a recipient. Raises 422 when it would become too large."""
    return transact(lambda tx: door.write(tx, caller.environment_id, identity))


@router.delete("/v1/users/{user_id}", operation_id="deleteUser", status_code=204)
def delete_user(user: UserOfPath, caller: Secret) -> Response:
    """Forgets a user: at once what is known of them and what waits, then their messages and run logs.

    Deleting an unknown user is no error.
    """
    transact(lambda tx: door.delete(tx, caller.environment_id, user))
    return Response(status_code=204)


@router.post("/v1/users/{user_id}/merge", operation_id="mergeUser", openapi_extra=body_of(MergeUserRequest))
async def merge(user: UserOfPath, request: Request, caller: Secret) -> User:
    """Merges the user `from_user_id` into this one, whose properties win, and deletes it."""
    wanted, _ = await read_model(request, MergeUserRequest)
    if wanted.from_user_id == user.id:
        raise problem("from_user_id", "must be another user")
    return await run_in_threadpool(_merge, caller, wanted.from_user_id, user.id)


def _merge(caller: Caller, secondary: str, primary: str) -> User:
    return User.of(transact(lambda tx: door.merge_users(tx, caller.environment_id, secondary, primary)))
