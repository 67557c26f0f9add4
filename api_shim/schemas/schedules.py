"""Schedules: triggers that are owed at times (contract: semantics §14)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, RootModel, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from api_shim.pages import PageQuery
from api_shim.schemas.common import Answer, Name, PageInfo, RecipientRequest, ReferenceRequest, TenantRequest, Time
from api_shim.schemas.users import Object, User, entity
from api_shim.schemas.workflow_recipient_runs import as_list
from notify_workers.settings import settings
from notify_workers.store import schedules
from workflows.schedules import DAY_GROUPS, LAST_DAY, Frequency

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

OLD_NAMES = {
    "scheduledAt": "scheduled_at",
    "endingAt": "ending_at",
    "dayOfMonth": "day_of_month",
    "scheduleIds": "schedule_ids",
}
"""What old SDKs send as they were given it (contract: api-endpoints §1.10b)."""

LONGEST_INTERVAL = 10_000


class WithOldNames(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value.keys() & OLD_NAMES.keys():
            return value
        renamed = {OLD_NAMES[name]: each for name, each in value.items() if name in OLD_NAMES}
        return {**renamed, **{name: each for name, each in value.items() if name not in OLD_NAMES}}


def _days(value: Any) -> Any:
    return DAY_GROUPS.get(value, value) if isinstance(value, str) else value


def _not_too_many(value: Any) -> Any:
    most = settings().max_schedules
    if isinstance(value, list) and len(value) > most:
        raise PydanticCustomError(
            "too_many", "has {count} members; at most {most} are allowed", {"count": len(value), "most": most}
        )
    return value


NotTooMany = BeforeValidator(_not_too_many)


def _day_of_month(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value != LAST_DAY and not 1 <= value <= 31:
        raise ValueError("must be between 1 and 31, or -1 for the month's last day")
    return value


class RepeatRule(WithOldNames):
    """When a schedule repeats. `days` is a list, or `weekdays`, or `weekends`; any minute is allowed."""

    frequency: Frequency
    interval: Annotated[StrictInt, Field(ge=1, le=LONGEST_INTERVAL)] = 1
    days: Annotated[list[Day] | None, BeforeValidator(_days)] = None
    hours: Annotated[StrictInt, Field(ge=0, le=23)] | None = None
    minutes: Annotated[StrictInt, Field(ge=0, le=59)] | None = None
    day_of_month: Annotated[StrictInt | None, BeforeValidator(_day_of_month)] = None


Repeats = Annotated[
    list[RepeatRule], BeforeValidator(lambda value: [] if value is None else value), Field(max_length=100)
]


class ScheduleTimes(WithOldNames):
    actor: RecipientRequest | None = None
    tenant: TenantRequest | None = None
    data: dict[str, Any] | None = None
    repeats: Repeats = []
    scheduled_at: Time | None = None
    ending_at: Time | None = None


class CreateSchedulesRequest(ScheduleTimes):
    workflow: Name
    recipients: Annotated[list[RecipientRequest], NotTooMany]


class BulkSchedule(ScheduleTimes):
    """Without a recipient, as the contract allows, it cannot be made, and the operation says so."""

    workflow: Name
    recipient: RecipientRequest | None = None


class BulkCreateSchedulesRequest(BaseModel):
    schedules: list[BulkSchedule]


class UpdateSchedulesRequest(ScheduleTimes):
    schedule_ids: Annotated[list[UUID], NotTooMany]


class DeleteSchedulesRequest(WithOldNames):
    schedule_ids: Annotated[list[UUID], NotTooMany]


class RecipientSchedulesQuery(PageQuery):
    workflow: str | None = None
    tenant: str | None = None


class SchedulesQuery(PageQuery):
    workflow: Name
    recipients: Annotated[Sequence[ReferenceRequest], BeforeValidator(as_list), NotTooMany] = ()
    tenant: str | None = None


class ScheduleRepeatRule(Answer):
    typename: Literal["ScheduleRepeat"] = Field(default="ScheduleRepeat", alias="__typename")
    frequency: Frequency
    interval: int
    days: list[Day] | None = None
    hours: int | None = None
    minutes: int | None = None
    day_of_month: int | None = None


class Schedule(Answer):
    """`scheduled_at` and `ending_at` are Doorbell's own additions."""

    typename: Literal["Schedule"] = Field(default="Schedule", alias="__typename")
    id: UUID
    workflow: str
    recipient: User | Object
    actor: User | Object | None
    tenant: str | None
    data: dict[str, Any] | None
    repeats: list[ScheduleRepeatRule]
    scheduled_at: datetime | None
    ending_at: datetime | None
    next_occurrence_at: datetime | None
    last_occurrence_at: datetime | None
    inserted_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: schedules.Schedule) -> Schedule:
        return cls(
            id=row.id,
            workflow=row.workflow_key,
            recipient=entity(row.recipient),
            actor=entity(row.actor) if row.actor else None,
            tenant=row.tenant,
            data=dict(row.data) if row.data is not None else None,
            repeats=[ScheduleRepeatRule.model_validate(each) for each in row.repeats],
            scheduled_at=row.scheduled_at,
            ending_at=row.ending_at,
            next_occurrence_at=row.next_occurrence_at,
            last_occurrence_at=row.last_occurrence_at,
            inserted_at=row.inserted_at,
            updated_at=row.updated_at,
        )


class SchedulesResponse(RootModel[list[Schedule]]):
    """Schedules as a bare list."""


class ListSchedulesResponse(Answer):
    entries: list[Schedule]
    page_info: PageInfo
