"""Bodies that change engagement statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from api_shim.schemas.common import Time
from api_shim.schemas.messages import DeliveryStatus, EngagementFilter, TriggerData

MOST_PAIRS = 5


def check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    """Contract: `MessageInteractedRequest`, at most 5 flat pairs."""
    if len(value) > MOST_PAIRS:
        raise ValueError(f"must have at most {MOST_PAIRS} pairs")
    if any(isinstance(each, dict | list) for each in value.values()):
        raise ValueError("must be a flat object")
    return value


Metadata = Annotated[dict[str, Any], AfterValidator(check_metadata)]


class MessageInteractedRequest(BaseModel):
    metadata: Metadata | None = None


class BatchMessagesStatusRequest(BaseModel):
    message_ids: Sequence[str]


class BatchMessagesInteractedRequest(BatchMessagesStatusRequest):
    metadata: Metadata | None = None


class BulkUpdateMessagesForChannelRequest(BaseModel):
    """`user_ids` is what browsers send instead of `recipient_ids`."""

    archived: Literal["exclude", "include", "only"] | None = None
    delivery_status: DeliveryStatus | None = None
    engagement_status: EngagementFilter | None = None
    has_tenant: bool | None = None
    newer_than: Time | None = None
    older_than: Time | None = None
    recipient_ids: Annotated[Sequence[str], Field(min_length=1)] | None = None
    user_ids: Annotated[Sequence[str], Field(min_length=1)] | None = None
    tenants: Sequence[str] | None = None
    trigger_data: TriggerData | None = None
    workflows: Sequence[str] | None = None
