"""Triggering and cancelling."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, field_validator
from pydantic_core import PydanticCustomError

from api_shim.schemas.common import Answer, NonEmpty, RecipientRequest, ReferenceRequest, TenantRequest
from notify_workers.settings import settings


class TriggerSettings(BaseModel):
    sandbox_mode: bool | None = None
    skip_delay: bool | None = None


class TriggerRequest(BaseModel):
    recipients: list[RecipientRequest]
    actor: RecipientRequest | None = None
    tenant: TenantRequest | None = None
    data: dict[str, Any] | None = None
    cancellation_key: NonEmpty | None = None
    settings: TriggerSettings | None = None

    @field_validator("recipients", mode="before")
    @classmethod
    def _not_too_many(cls, value: Any) -> Any:
        most = settings().max_recipients
        if isinstance(value, list) and len(value) > most:
            raise PydanticCustomError(
                "too_many", "names {count} recipients; at most {most} are allowed", {"count": len(value), "most": most}
            )
        return value


class NotifyRequest(TriggerRequest):
    """The old form: the workflow's key is in the body."""

    name: NonEmpty


class TriggerResponse(Answer):
    workflow_run_id: UUID


class NotifyResponse(Answer):
    result_id: UUID


class CancelRequest(BaseModel):
    cancellation_key: NonEmpty
    recipients: list[ReferenceRequest] | None = None


class NotifyCancelRequest(CancelRequest):
    """The old form: the workflow's key is in the body."""

    name: NonEmpty
