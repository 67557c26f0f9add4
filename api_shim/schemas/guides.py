"""Guides: what an application shows in its interface, and what its users do with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, SerializerFunctionWrapHandler, StrictBool, model_serializer
from pydantic_core import PydanticCustomError, from_json, to_json

from api_shim.schemas.common import Answer, Name, UserId
from notify_workers import guides
from notify_workers.settings import settings
from notify_workers.store.guides import Engagement


def _flat(value: Any) -> Any:
    """JSON in a text, as the client writes it, or a map in brackets, as others do."""
    if not isinstance(value, str):
        return value
    try:
        return from_json(value, allow_inf_nan=False) if value else {}
    except ValueError:
        raise PydanticCustomError("json_invalid", "must be a JSON object") from None


Data = Annotated[dict[str, Any], BeforeValidator(_flat)]


class GuidesQuery(BaseModel):
    """`data` is what the application says of the moment: conditions and contents see it."""

    tenant: Name | None = None
    data: Annotated[Data | None, Field(json_schema_extra={"type": "string"})] = None
    type: str | None = None


class ClientGuidesQuery(GuidesQuery):
    """With what the official client also sends, of which the contract's document says nothing."""

    force_all_guides: bool = False


class GuidesJoin(BaseModel):
    """What a client says when it joins the topic of a channel's guides."""

    user_id: UserId
    tenant: Name | None = None
    data: dict[str, Any] | None = None
    force_all_guides: StrictBool | None = None


class UrlPattern(Answer):
    directive: str
    pathname: str | None = None
    search: str | None = None

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class UrlRule(Answer):
    directive: str
    variable: str
    operator: str
    argument: str


class StepMessage(Answer):
    """All null until the user does something with the step."""

    id: str | None = None
    seen_at: datetime | None = None
    read_at: datetime | None = None
    interacted_at: datetime | None = None
    archived_at: datetime | None = None
    link_clicked_at: datetime | None = None

    @classmethod
    def of(cls, engagement: Engagement | None) -> StepMessage:
        if engagement is None:
            return cls()
        return cls(
            id=engagement.message_id,
            seen_at=engagement.seen_at,
            read_at=engagement.read_at,
            interacted_at=engagement.interacted_at,
            archived_at=engagement.archived_at,
            link_clicked_at=engagement.link_clicked_at,
        )


class GuideStep(Answer):
    ref: str
    schema_key: str
    schema_semver: str
    schema_variant_key: str
    content: dict[str, Any]
    message: StepMessage


class Guide(Answer):
    typename: Literal["Guide"] = Field(default="Guide", alias="__typename")
    channel_id: UUID
    id: UUID
    key: str
    type: str
    semver: str
    active: bool
    bypass_global_group_limit: bool
    steps: list[GuideStep]
    activation_url_patterns: list[UrlPattern]
    activation_url_rules: list[UrlRule]
    inserted_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, seen: guides.SeenGuide) -> Guide:
        guide = seen.guide
        return cls(
            channel_id=seen.channel_id,
            id=seen.id,
            key=guide.key,
            type=guide.type,
            semver=f"0.0.{seen.row.revision}",
            active=seen.row.is_active,
            bypass_global_group_limit=guide.bypasses_group_limit,
            steps=_steps(seen),
            activation_url_patterns=[UrlPattern(**each) for each in guide.url_patterns],
            activation_url_rules=[UrlRule(**each) for each in guide.url_rules],
            inserted_at=seen.row.inserted_at,
            updated_at=seen.row.updated_at,
        )


def _steps(seen: guides.SeenGuide) -> list[GuideStep]:
    return [
        GuideStep(
            ref=step.ref,
            schema_key=step.schema_key,
            schema_semver=step.schema_semver,
            schema_variant_key=step.schema_variant_key,
            content=dict(content),
            message=StepMessage.of(engagement),
        )
        for step, content, engagement in zip(seen.guide.steps, seen.contents, seen.engagements, strict=True)
    ]


class GuideGroup(Answer):
    """`display_interval` in seconds, left out when guides do not wait for each other."""

    typename: Literal["GuideGroup"] = Field(default="GuideGroup", alias="__typename")
    key: str
    display_sequence: list[str]
    display_sequence_unthrottled: list[str]
    display_sequence_throttled: list[str]
    display_interval: int | None
    inserted_at: datetime
    updated_at: datetime

    @model_serializer(mode="wrap")
    def _without_absent(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}

    @classmethod
    def of(cls, group: guides.Group) -> GuideGroup:
        return cls(
            key=group.row.key,
            display_sequence=list(group.sequence),
            display_sequence_unthrottled=list(group.unthrottled),
            display_sequence_throttled=group.throttled,
            display_interval=group.row.display_interval,
            inserted_at=group.row.inserted_at,
            updated_at=group.row.updated_at,
        )


class IneligibleGuide(Answer):
    typename: Literal["GuideIneligibilityMarker"] = Field(default="GuideIneligibilityMarker", alias="__typename")
    key: str
    reason: Literal["guide_not_active", "marked_as_archived", "target_conditions_not_met", "not_in_target_audience"]
    message: str


class GuidesResponse(Answer):
    entries: list[Guide]
    guide_groups: list[GuideGroup]
    guide_group_display_logs: dict[str, datetime]
    ineligible_guides: list[IneligibleGuide]

    @classmethod
    def of(cls, view: guides.View, type: str | None, *, is_forced: bool) -> GuidesResponse:
        """`type` leaves guides of other types out; forced, those that are not eligible are shown too."""
        wanted = [each for each in view.guides if type is None or each.guide.type == type]
        return cls(
            entries=[Guide.of(each) for each in wanted if is_forced or each.reason is None],
            guide_groups=[GuideGroup.of(each) for each in view.groups],
            guide_group_display_logs=dict(view.display_logs),
            ineligible_guides=[
                IneligibleGuide(key=each.guide.key, reason=each.reason, message=each.message)
                for each in wanted
                if each.reason is not None
            ],
        )


def _not_too_large(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    most = settings().max_guide_content
    if value is not None and len(to_json(value)) > most:
        raise PydanticCustomError("too_large", "must not be larger than {most} bytes", {"most": most})
    return value


Kept = Annotated[dict[str, Any], BeforeValidator(_not_too_large)]


class GuideTenantRequest(BaseModel):
    guide_key: Name
    tenant: Name | None = None


class GuideResetRequest(GuideTenantRequest):
    pass


class GuideUnarchivedRequest(GuideTenantRequest):
    pass


class GuideStepRequest(GuideTenantRequest):
    channel_id: UUID
    guide_id: UUID
    guide_step_ref: Name


class GuideSeenRequest(GuideStepRequest):
    """`content` is what was shown, `data` what the application said when it asked for it."""

    content: Kept
    data: Kept | None = None


class GuideInteractedRequest(GuideStepRequest):
    metadata: Kept | None = None


class GuideArchivedRequest(GuideStepRequest):
    """`unthrottled`: other guides need not wait. `is_final`: the whole guide is done with."""

    unthrottled: StrictBool | None = None
    is_final: StrictBool | None = None


class GuideActionResponse(Answer):
    status: Literal["ok"] = "ok"
