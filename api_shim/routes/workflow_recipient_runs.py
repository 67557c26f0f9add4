"""Workflow recipient runs: what ran for whom, and everything that was decided."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request

from api_shim.auth import Secret
from api_shim.bodies import check
from api_shim.openapi import query_of
from api_shim.pages import foreign, page
from api_shim.query import parse_query
from api_shim.schemas.common import PageInfo
from api_shim.schemas.workflow_recipient_runs import (
    ListWorkflowRecipientRunsResponse,
    RunsQuery,
    WorkflowRecipientRun,
    WorkflowRecipientRunDetail,
    WorkflowRecipientRunEvent,
)
from notify_workers.errors import NotFound
from notify_workers.store.run_reads import RunFilter, get_run, page_of_runs, run_events
from notify_workers.store.session import transaction
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Workflow recipient runs"])


@router.get("/v1/workflow_recipient_runs", operation_id="listWorkflowRecipientRuns", openapi_extra=query_of(RunsQuery))
def list_runs(request: Request, caller: Secret) -> ListWorkflowRecipientRunsResponse:
    """Runs, newest first."""
    query = check(RunsQuery, parse_query(request.url.query))
    with transaction() as tx:
        try:
            rows = page_of_runs(
                tx,
                caller.environment_id,
                _filter(query),
                after=query.after_key,
                before=query.before_key,
                limit=query.limit,
            )
        except ValueError:
            raise foreign("before" if query.before else "after") from None
    found = page(query, rows, lambda run: run.cursor)
    return ListWorkflowRecipientRunsResponse(
        items=[WorkflowRecipientRun.of(run) for run in found.rows], page_info=PageInfo(**found.info())
    )


def _filter(query: RunsQuery) -> RunFilter:
    match query.recipient:
        case None:
            recipient = None
        case str() as user_id:
            recipient = Reference(USERS, user_id)
        case thing:
            recipient = Reference(thing.collection, thing.id)
    return RunFilter(
        workflow=query.workflow,
        statuses=query.status,
        tenant=query.tenant,
        has_errors=query.has_errors,
        recipient=recipient,
        starting_at=query.starting_at,
        ending_at=query.ending_at,
    )


@router.get("/v1/workflow_recipient_runs/{run_id}", operation_id="getWorkflowRecipientRun")
def get_workflow_recipient_run(run_id: str, caller: Secret) -> WorkflowRecipientRunDetail:
    """One run with its log."""
    with transaction() as tx:
        run = get_run(tx, identifier, caller.environment_id) if (identifier := _uuid(run_id)) else None
        if run is None:
            raise NotFound(f"There is no workflow recipient run `{run_id}`")
        events = run_events(tx, run.id)
    return WorkflowRecipientRunDetail(
        **WorkflowRecipientRun.fields_of(run), events=[WorkflowRecipientRunEvent.of(each) for each in events]
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
