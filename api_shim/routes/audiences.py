"""Audiences and their members."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Secret
from api_shim.bodies import check, read_model
from api_shim.errors import problem
from api_shim.openapi import body_of, query_of
from api_shim.pages import Page, foreign, page
from api_shim.query import parse_query
from api_shim.routes.users import check_sizes
from api_shim.schemas.audiences import (
    AudienceMember,
    AudienceMembersRequest,
    CreateQuery,
    ListAudienceMembersResponse,
    MembersQuery,
)
from api_shim.schemas.common import MOST_ID_CHARACTERS, PageInfo
from notify_workers import audiences
from notify_workers.errors import NotFound
from notify_workers.store import audiences as rows
from notify_workers.store.audiences import Listed, Member
from notify_workers.store.session import transact, transaction

router = APIRouter(tags=["Audiences"])

PATH = "/v1/audiences/{key}/members"


async def key_of_path(key: str) -> str:
    if not 0 < len(key) <= MOST_ID_CHARACTERS:
        raise problem("key", f"must have 1 to {MOST_ID_CHARACTERS} characters")
    return key


Key = Annotated[str, Depends(key_of_path)]


@router.get(PATH, operation_id="listAudienceMembers")
def list_members(key: Key, request: Request, caller: Secret) -> ListAudienceMembersResponse:
    """An audience's members by user and tenant. Pages are walked with `after`, `before` and `page_size`."""
    query = check(MembersQuery, parse_query(request.url.query))
    after, before = _place("after", query.after_key), _place("before", query.before_key)
    with transaction() as tx:
        if not audiences.exists(tx, caller.environment_id, key):
            raise NotFound(f"There is no audience `{key}`")
        found = rows.page(tx, caller.environment_id, key, after=after, before=before, limit=query.limit)
    cut: Page = page(query, found, _key)
    return ListAudienceMembersResponse(
        entries=[AudienceMember.of(each) for each in cut.rows], page_info=PageInfo(**cut.info())
    )


def _key(row: Listed) -> str:
    return json.dumps([row.member.user_id, row.member.tenant])


def _place(field: str, key: str | None) -> Member | None:
    if key is None:
        return None
    try:
        user_id, tenant = json.loads(key)
    except (ValueError, TypeError):
        raise foreign(field) from None
    if not isinstance(user_id, str) or not isinstance(tenant, str) or "\0" in user_id + tenant:
        raise foreign(field)
    return Member(user_id, tenant)


@router.post(
    PATH,
    operation_id="addAudienceMembers",
    status_code=204,
    openapi_extra={**query_of(CreateQuery), **body_of(AudienceMembersRequest)},
)
async def add(key: Key, request: Request, caller: Secret) -> Response:
    """Identifies users and adds them to a static audience; `create_audience=true` makes one that does not exist."""
    query = check(CreateQuery, parse_query(request.url.query))
    _, written = await read_model(request, AudienceMembersRequest)
    check_sizes("members", [each["user"] for each in written["members"]])
    return await run_in_threadpool(_add, caller.environment_id, key, written["members"], query.create_audience)


def _add(environment: UUID, key: str, members: list[dict[str, Any]], create: bool) -> Response:
    wanted = [_wanted(each) for each in members]
    transact(lambda tx: audiences.add(tx, environment, key, wanted, create=create))
    return Response(status_code=204)


@router.delete(
    PATH, operation_id="removeAudienceMembers", status_code=204, openapi_extra=body_of(AudienceMembersRequest)
)
async def remove(key: Key, request: Request, caller: Secret) -> Response:
    """Takes users out of a static audience; those who are not in it change nothing."""
    _, written = await read_model(request, AudienceMembersRequest)
    return await run_in_threadpool(_remove, caller.environment_id, key, written["members"])


def _remove(environment: UUID, key: str, members: list[dict[str, Any]]) -> Response:
    wanted = [_wanted(each) for each in members]
    transact(lambda tx: audiences.remove(tx, environment, key, wanted))
    return Response(status_code=204)


def _wanted(member: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The collection would name somebody else than the user that the member is."""
    user = {name: value for name, value in member["user"].items() if name != "collection"}
    return user, member.get("tenant")
