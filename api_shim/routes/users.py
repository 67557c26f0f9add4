"""Users: identify, get, list, delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Caller, Public, Secret
from api_shim.bodies import check, read_model
from api_shim.errors import problem, too_large
from api_shim.openapi import body_of, query_of
from api_shim.pages import Page, PageQuery, page
from api_shim.query import parse_query
from api_shim.schemas.common import PageInfo, Properties, check_user_id, properties_of
from api_shim.schemas.users import ListUsersResponse, User
from notify_workers.errors import NotFound
from notify_workers.settings import settings
from notify_workers.store import recipients
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Identity, Reference

router = APIRouter(tags=["Users"])


async def user_id_of_path(user_id: str) -> str:
    try:
        return check_user_id(user_id)
    except ValueError as error:
        raise problem("user_id", str(error)) from None


UserId = Annotated[str, Depends(user_id_of_path)]


@router.put("/v1/users/{user_id}", operation_id="identifyUser", openapi_extra=body_of(Properties))
async def identify(user_id: UserId, request: Request, caller: Public) -> User:
    """Creates a user or changes one: only the properties sent change, and maps are merged deeply."""
    wanted, written = await read_model(request, Properties)
    identity = Identity(
        Reference(USERS, user_id),
        properties_of(written),
        preferences=wanted.preferences or {},
        channel_data=wanted.channel_data or {},
        created_at=wanted.created_at,
    )
    return await run_in_threadpool(_identify, caller, identity)


def _identify(caller: Caller, identity: Identity) -> User:
    most = settings().max_properties
    with transaction() as tx:
        (user,) = recipients.identify(tx, [(caller.environment_id, identity)])
        if len(to_json(user.properties)) > most:
            raise too_large("body", most)
    return User.of(user)


@router.get("/v1/users", operation_id="listUsers", openapi_extra=query_of(PageQuery))
def list_users(request: Request, caller: Secret) -> ListUsersResponse:
    """Users by id."""
    query = check(PageQuery, parse_query(request.url.query))
    with transaction() as tx:
        rows = recipients.page_of_users(
            tx, caller.environment_id, after=query.after_key, before=query.before_key, limit=query.limit
        )
    found: Page = page(query, rows, lambda user: user.reference.id)
    return ListUsersResponse(entries=[User.of(user) for user in found.rows], page_info=PageInfo(**found.info()))


@router.get("/v1/users/{user_id}", operation_id="getUser")
def get_user(user_id: UserId, caller: Public) -> User:
    with transaction() as tx:
        user = recipients.get_recipient(tx, caller.environment_id, Reference(USERS, user_id))
    if user is None:
        raise NotFound(f"There is no user `{user_id}`")
    return User.of(user)


@router.delete("/v1/users/{user_id}", operation_id="deleteUser", status_code=204)
def delete_user(user_id: UserId, caller: Secret) -> Response:
    """Forgets a user. Runs of theirs that are paused stop; deleting an unknown user changes nothing."""
    with transaction() as tx:
        recipients.delete_recipient(tx, caller.environment_id, Reference(USERS, user_id))
    return Response(status_code=204)
