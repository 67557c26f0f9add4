"""Guides: which ones a user may see, and what they do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from api_shim.auth import Caller, Public
from api_shim.bodies import check, read_model, unstorable
from api_shim.errors import problem
from api_shim.openapi import body_of, query_of
from api_shim.query import parse_query
from api_shim.routes.users import UserId
from api_shim.schemas.guides import (
    ClientGuidesQuery,
    GuideActionResponse,
    GuideArchivedRequest,
    GuideInteractedRequest,
    GuideResetRequest,
    GuideSeenRequest,
    GuidesQuery,
    GuidesResponse,
    GuideStepRequest,
    GuideTenantRequest,
    GuideUnarchivedRequest,
)
from notify_workers import guide_marks, guides
from notify_workers.guide_marks import StepMark
from notify_workers.guides import Viewer
from notify_workers.store.session import Transaction, transaction
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Guides"])

OK = GuideActionResponse()
MARKS = "/v1/users/{user_id}/guides/messages"


@router.get(
    "/v1/users/{user_id}/guides/{channel_id}", operation_id="listUserGuides", openapi_extra=query_of(GuidesQuery)
)
def list_guides(user_id: UserId, channel_id: UUID, request: Request, caller: Public) -> GuidesResponse:
    """The guides that a user may see now, and why not the others. A user nobody has identified has no properties."""
    query = check(ClientGuidesQuery, parse_query(request.url.query))
    user = Reference(USERS, user_id)
    caller.require("user/guide_read", user, query.tenant)
    viewer = Viewer(
        environment_id=caller.environment_id,
        channel_id=channel_id,
        user=user,
        tenant=query.tenant,
        data=_checked(query.data or {}),
        is_forced=query.force_all_guides,
    )
    with transaction() as tx:
        view = guides.view(tx, viewer)
    return GuidesResponse.of(view, query.type, is_forced=query.force_all_guides)


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    for path in unstorable(data, "data"):
        raise problem(path, "must not contain NUL characters or numbers beyond 1.8e308")
    return data


@router.put(
    "/v1/users/{user_id}/guides/engagements/reset",
    operation_id="resetUserGuideEngagement",
    openapi_extra=body_of(GuideResetRequest),
)
async def reset(user_id: UserId, request: Request, caller: Public) -> GuideActionResponse:
    """Forgets what a user has done with a guide, so that it can show again. Its messages stay."""
    body, _ = await read_model(request, GuideResetRequest)
    return await run_in_threadpool(_of_guide, caller, user_id, body, guide_marks.reset)


@router.delete(
    f"{MARKS}/archived", operation_id="markUserGuideAsUnarchived", openapi_extra=body_of(GuideUnarchivedRequest)
)
async def unarchive(user_id: UserId, request: Request, caller: Public) -> GuideActionResponse:
    """Takes back that a user has archived a guide."""
    body, _ = await read_model(request, GuideUnarchivedRequest)
    return await run_in_threadpool(_of_guide, caller, user_id, body, guide_marks.unarchive)


def _of_guide(
    caller: Caller,
    user_id: str,
    body: GuideTenantRequest,
    change: Callable[[Transaction, UUID, Reference, str, str | None], None],
) -> GuideActionResponse:
    user = Reference(USERS, user_id)
    caller.require("user/guide_write", user, body.tenant)
    with transaction() as tx:
        change(tx, caller.environment_id, user, body.guide_key, body.tenant)
    return OK


@router.put(
    f"{MARKS}/archived",
    operation_id="markUserGuideAsArchived (2)",
    openapi_extra=body_of(GuideArchivedRequest),
)
@router.put(
    f"{MARKS}/{{message_id}}/archived",
    operation_id="markUserGuideAsArchived",
    openapi_extra=body_of(GuideArchivedRequest),
)
async def mark_archived(user_id: UserId, request: Request, caller: Public) -> GuideActionResponse:
    """A user has closed a step. Other guides wait from now on, unless it says `unthrottled`."""
    body, _ = await read_model(request, GuideArchivedRequest)

    def mark(tx: Transaction, step: StepMark) -> None:
        guide_marks.mark_archived(tx, step, is_final=bool(body.is_final), is_unthrottled=bool(body.unthrottled))

    return await run_in_threadpool(_of_step, caller, user_id, body, mark)


@router.put(
    f"{MARKS}/interacted",
    operation_id="markUserGuideAsInteracted (2)",
    openapi_extra=body_of(GuideInteractedRequest),
)
@router.put(
    f"{MARKS}/{{message_id}}/interacted",
    operation_id="markUserGuideAsInteracted",
    openapi_extra=body_of(GuideInteractedRequest),
)
async def mark_interacted(user_id: UserId, request: Request, caller: Public) -> GuideActionResponse:
    """A user has done something with a step; `metadata` says what."""
    body, _ = await read_model(request, GuideInteractedRequest)
    return await run_in_threadpool(
        _of_step, caller, user_id, body, lambda tx, step: guide_marks.mark_interacted(tx, step, body.metadata)
    )


@router.put(f"{MARKS}/seen", operation_id="markUserGuideAsSeen (2)", openapi_extra=body_of(GuideSeenRequest))
@router.put(f"{MARKS}/{{message_id}}/seen", operation_id="markUserGuideAsSeen", openapi_extra=body_of(GuideSeenRequest))
async def mark_seen(user_id: UserId, request: Request, caller: Public) -> GuideActionResponse:
    """A user has seen a step, with that content."""
    body, _ = await read_model(request, GuideSeenRequest)
    return await run_in_threadpool(
        _of_step, caller, user_id, body, lambda tx, step: guide_marks.mark_seen(tx, step, body.content, body.data or {})
    )


def _of_step(
    caller: Caller, user_id: str, body: GuideStepRequest, mark: Callable[[Transaction, StepMark], None]
) -> GuideActionResponse:
    """The older paths name a message too; what is marked is the step that the body names."""
    user = Reference(USERS, user_id)
    caller.require("user/guide_write", user, body.tenant)
    step = StepMark(
        environment_id=caller.environment_id,
        user=user,
        channel_id=body.channel_id,
        guide_id=body.guide_id,
        guide_key=body.guide_key,
        step_ref=body.guide_step_ref,
        tenant=body.tenant,
    )
    with transaction() as tx:
        mark(tx, step)
    return OK
