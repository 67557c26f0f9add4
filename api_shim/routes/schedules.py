"""Schedules: made, changed, deleted and listed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Path, Request
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from api_shim.auth import Caller, Secret
from api_shim.bodies import check, read_model
from api_shim.directory import Directory
from api_shim.errors import WorkflowMissing, problem, too_large
from api_shim.openapi import body_of, query_of
from api_shim.pages import PageQuery, foreign, page
from api_shim.query import parse_query
from api_shim.routes.users import UserId
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.common import MOST_ID_CHARACTERS, PageInfo, properties_of
from api_shim.schemas.schedules import (
    BulkCreateSchedulesRequest,
    BulkSchedule,
    CreateSchedulesRequest,
    DeleteSchedulesRequest,
    ListSchedulesResponse,
    RecipientSchedulesQuery,
    RepeatRule,
    Schedule,
    SchedulesQuery,
    SchedulesResponse,
    ScheduleTimes,
    UpdateSchedulesRequest,
)
from notify_workers import bulk_operations, schedules
from notify_workers.schedules import ScheduleChange, ScheduleRequest
from notify_workers.settings import settings
from notify_workers.store import schedules as rows
from notify_workers.store import session
from notify_workers.store.schedules import ScheduleFilter
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Schedules"])

Named = Annotated[str, Path(max_length=MOST_ID_CHARACTERS)]


@router.post("/v1/schedules", operation_id="createSchedules", openapi_extra=body_of(CreateSchedulesRequest))
async def create(request: Request, caller: Secret) -> SchedulesResponse:
    """Makes one schedule for each recipient. What is said of recipients, the actor and the tenant is kept at once."""
    wanted, written = await read_model(request, CreateSchedulesRequest)
    await _check_workflow(request, caller, wanted.workflow)
    _check_sizes(written, "")
    asked = ScheduleRequest(
        workflow=wanted.workflow,
        recipients=written["recipients"],
        actor=written.get("actor"),
        tenant=written.get("tenant"),
        data=wanted.data,
        repeats=_rules(wanted),
        scheduled_at=wanted.scheduled_at,
        ending_at=wanted.ending_at,
    )
    return await run_in_threadpool(_create, caller, asked)


def _create(caller: Caller, asked: ScheduleRequest) -> SchedulesResponse:
    with transaction() as tx:
        made = schedules.create(tx, caller.environment_id, asked)
    return SchedulesResponse([Schedule.of(each) for each in made])


async def _check_workflow(request: Request, caller: Caller, key: str) -> None:
    """An inactive workflow is one that may be active again by the time."""
    directory: Directory = request.app.state.directory
    if await directory.find_workflow(caller.environment_id, key) is None:
        raise WorkflowMissing(f"There is no workflow `{key}` in this environment")


def _check_sizes(written: dict[str, Any], place: str) -> None:
    """Nobody's properties may be larger inline than they may be in a request of their own."""
    most = settings().max_properties
    named = {f"{place}recipients[{index}]": each for index, each in enumerate(written.get("recipients") or ())}
    others = {f"{place}{name}": written.get(name) for name in ("recipient", "actor", "tenant")}
    for field, entity in {**named, **others}.items():
        if isinstance(entity, dict) and len(to_json(properties_of(entity))) > most:
            raise too_large(field, most)


def _rules(wanted: ScheduleTimes) -> list[dict[str, Any]]:
    return [_rule(each) for each in wanted.repeats]


def _rule(rule: RepeatRule) -> dict[str, Any]:
    return rule.model_dump(mode="json")


@router.put("/v1/schedules", operation_id="updateSchedules", openapi_extra=body_of(UpdateSchedulesRequest))
async def update(request: Request, caller: Secret) -> SchedulesResponse:
    """Changes what is named, for all of the schedules or for none."""
    wanted, written = await read_model(request, UpdateSchedulesRequest)
    _check_sizes(written, "")
    changed = wanted.model_fields_set - {"schedule_ids"}
    fields = {name: getattr(wanted, name) for name in changed}
    fields |= {name: written[name] for name in ("actor", "tenant") if name in changed}
    if "repeats" in changed:
        fields["repeats"] = _rules(wanted)
    return await run_in_threadpool(_update, caller, wanted, ScheduleChange(fields))


def _update(caller: Caller, wanted: UpdateSchedulesRequest, change: ScheduleChange) -> SchedulesResponse:
    with transaction() as tx:
        changed = schedules.update(tx, caller.environment_id, wanted.schedule_ids, change)
    return SchedulesResponse([Schedule.of(each) for each in changed])


@router.delete("/v1/schedules", operation_id="deleteSchedules", openapi_extra=body_of(DeleteSchedulesRequest))
async def delete(request: Request, caller: Secret) -> SchedulesResponse:
    """Deletes schedules, all of them or none; the answer shows them as they were."""
    wanted, _ = await read_model(request, DeleteSchedulesRequest)
    return await run_in_threadpool(_delete, caller, wanted)


def _delete(caller: Caller, wanted: DeleteSchedulesRequest) -> SchedulesResponse:
    with transaction() as tx:
        deleted = schedules.delete(tx, caller.environment_id, wanted.schedule_ids)
    return SchedulesResponse([Schedule.of(each) for each in deleted])


@router.post(
    "/v1/schedules/bulk/create",
    operation_id="bulkCreateSchedules",
    openapi_extra=body_of(BulkCreateSchedulesRequest),
)
async def bulk_create(request: Request, caller: Secret) -> BulkOperation:
    """Makes many schedules, each with a workflow of its own, in the background."""
    wanted, written = await read_model(request, BulkCreateSchedulesRequest)
    if len(wanted.schedules) > settings().max_bulk:
        raise problem("schedules", f"must not have more than {settings().max_bulk} members", "too_many")
    for key in dict.fromkeys(each.workflow for each in wanted.schedules):
        await _check_workflow(request, caller, key)
    for index, each in enumerate(written["schedules"]):
        _check_sizes(each, f"schedules[{index}].")
    items = [_item(each, of) for each, of in zip(wanted.schedules, written["schedules"], strict=True)]
    return await run_in_threadpool(_bulk_create, caller, wanted.schedules, items)


def _item(wanted: BulkSchedule, written: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "workflow": wanted.workflow,
        "recipients": [] if wanted.recipient is None else [written["recipient"]],
        "actor": written.get("actor"),
        "tenant": written.get("tenant"),
        "data": wanted.data,
        "repeats": _rules(wanted),
        "scheduled_at": wanted.scheduled_at and wanted.scheduled_at.isoformat(),
        "ending_at": wanted.ending_at and wanted.ending_at.isoformat(),
    }


def _bulk_create(caller: Caller, wanted: list[BulkSchedule], items: list[dict[str, Any]]) -> BulkOperation:
    with transaction() as tx:
        now = session.now(tx)
        for index, each in enumerate(wanted):
            schedules.check_times(each.scheduled_at, each.ending_at, now, place=f"schedules[{index}].")
        operation = bulk_operations.start(tx, caller.environment_id, "schedules.create", items)
    return BulkOperation.of(operation)


@router.get("/v1/schedules", operation_id="listSchedules", openapi_extra=query_of(SchedulesQuery))
def list_schedules(request: Request, caller: Secret) -> ListSchedulesResponse:
    """A workflow's schedules, oldest first."""
    query = check(SchedulesQuery, parse_query(request.url.query))
    named = tuple(
        Reference(USERS, each) if isinstance(each, str) else Reference(each.collection, each.id)
        for each in query.recipients
    )
    return _page(caller, query, ScheduleFilter(query.workflow, named, query.tenant))


@router.get(
    "/v1/users/{user_id}/schedules", operation_id="listUserSchedules", openapi_extra=query_of(RecipientSchedulesQuery)
)
def list_user_schedules(user_id: UserId, request: Request, caller: Secret) -> ListSchedulesResponse:
    """A user's schedules, oldest first."""
    query = check(RecipientSchedulesQuery, parse_query(request.url.query))
    return _page(caller, query, ScheduleFilter(query.workflow, (Reference(USERS, user_id),), query.tenant))


@router.get(
    "/v1/objects/{collection}/{id}/schedules",
    operation_id="listObjectSchedules",
    openapi_extra=query_of(RecipientSchedulesQuery),
)
def list_object_schedules(collection: Named, id: Named, request: Request, caller: Secret) -> ListSchedulesResponse:
    """An object's schedules, oldest first."""
    query = check(RecipientSchedulesQuery, parse_query(request.url.query))
    return _page(caller, query, ScheduleFilter(query.workflow, (Reference(collection, id),), query.tenant))


def _page(caller: Caller, query: PageQuery, wanted: ScheduleFilter) -> ListSchedulesResponse:
    after, before = _number("after", query.after_key), _number("before", query.before_key)
    with transaction() as tx:
        found = rows.page_of_schedules(tx, caller.environment_id, wanted, after=after, before=before, limit=query.limit)
    cut = page(query, found, lambda each: str(each.number))
    return ListSchedulesResponse(entries=[Schedule.of(each) for each in cut.rows], page_info=PageInfo(**cut.info()))


def _number(field: str, key: str | None) -> int | None:
    if key is None:
        return None
    if not (key.isascii() and key.isdecimal()) or len(key) > 18:
        raise foreign(field)
    return int(key)
