"""One workflow running for one recipient."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from api_shim.pages import PageQuery
from api_shim.schemas.common import Answer, PageInfo, RecipientReference, ReferenceRequest, Time
from notify_workers.store.run_reads import LoggedEvent, RunRow

Status = Literal["queued", "processing", "paused", "completed", "cancelled"]


def as_list(value: Any) -> Any:
    """A single value where a list may stand, as some clients send it."""
    return value if isinstance(value, list) else [value]


class RunsQuery(PageQuery):
    workflow: str | None = None
    status: Annotated[Sequence[Status], BeforeValidator(as_list)] = ()
    tenant: str | None = None
    has_errors: bool | None = None
    recipient: ReferenceRequest | None = None
    starting_at: Time | None = None
    ending_at: Time | None = None


class TriggerSource(Answer):
    type: Literal["api", "audience", "schedule", "broadcast", "workflow_step", "integration", "rehearsal"]
    cancellation_key: str | None = None
    audience_key: str | None = None
    schedule_id: str | None = None


class WorkflowRecipientRun(Answer):
    typename: Literal["WorkflowRecipientRun"] = Field(default="WorkflowRecipientRun", alias="__typename")
    id: UUID
    workflow_run_id: UUID
    workflow: str
    status: Status
    recipient: RecipientReference
    actor: RecipientReference | None
    tenant: str | None
    trigger_source: TriggerSource
    error_count: int
    inserted_at: datetime
    updated_at: datetime

    @classmethod
    def fields_of(cls, run: RunRow) -> dict[str, Any]:
        return {
            "id": run.id,
            "workflow_run_id": run.trigger_id,
            "workflow": run.workflow_key,
            "status": run.status,
            "recipient": run.recipient.as_wire(),
            "actor": run.actor.as_wire() if run.actor else None,
            "tenant": run.tenant,
            "trigger_source": TriggerSource(**run.source, cancellation_key=run.cancellation_key),
            "error_count": run.error_count,
            "inserted_at": run.inserted_at,
            "updated_at": run.updated_at,
        }

    @classmethod
    def of(cls, run: RunRow) -> WorkflowRecipientRun:
        return cls(**cls.fields_of(run))


class WorkflowRecipientRunEvent(Answer):
    typename: Literal["WorkflowRecipientRunEvent"] = Field(default="WorkflowRecipientRunEvent", alias="__typename")
    id: str
    event: str
    status: Literal["ok", "error"]
    step_ref: str | None
    step_type: str | None
    attempt: int
    data: dict[str, Any] | None
    inserted_at: datetime

    @classmethod
    def of(cls, logged: LoggedEvent) -> WorkflowRecipientRunEvent:
        return cls(
            id=logged.id,
            event=logged.event,
            status=logged.status,  # type: ignore[arg-type]
            step_ref=logged.step_ref,
            step_type=logged.step_type,
            attempt=logged.attempt,
            data=dict(logged.data) or None,
            inserted_at=logged.at,
        )


class WorkflowRecipientRunDetail(WorkflowRecipientRun):
    events: list[WorkflowRecipientRunEvent]


class ListWorkflowRecipientRunsResponse(Answer):
    items: list[WorkflowRecipientRun]
    page_info: PageInfo
