"""Triggering and cancelling."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, StrictBool
from pydantic_core import PydanticCustomError

from api_shim.schemas.common import Answer, Name, RecipientRequest, ReferenceRequest, TenantRequest
from notify_workers.settings import settings


def _not_too_many(value: Any) -> Any:
    most = settings().max_recipients
    if isinstance(value, list) and len(value) > most:
        raise PydanticCustomError(
            "too_many", "names {count} recipients; at most {most} are allowed", {"count": len(value), "most": most}
        )
    return value


NotTooMany = BeforeValidator(_not_too_many)


class TriggerSettings(BaseModel):
    """Read by the engine as they were written, so that nothing is taken for true that is not `true`."""

    sandbox_mode: StrictBool | None = None
    skip_delay: StrictBool | None = None


class TriggerRequest(BaseModel):
    recipients: Annotated[list[RecipientRequest], NotTooMany]
    actor: RecipientRequest | None = None
    tenant: TenantRequest | None = None
    data: dict[str, Any] | None = None
    cancellation_key: Name | None = None
    settings: TriggerSettings | None = None


class NotifyRequest(TriggerRequest):
    """The old form: the workflow's key is in the body."""

    name: Name


class TriggerResponse(Answer):
    workflow_run_id: UUID


class NotifyResponse(Answer):
    result_id: UUID


class CancelRequest(BaseModel):
    cancellation_key: Name
    recipients: Annotated[list[ReferenceRequest], NotTooMany] | None = None


class NotifyCancelRequest(CancelRequest):
    """The old form: the workflow's key is in the body."""

    name: Name
