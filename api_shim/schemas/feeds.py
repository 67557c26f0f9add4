"""In-app feeds as browsers read them (feed-protocol §5): arrays and times are always there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from api_shim.pages import MOST, PageQuery
from api_shim.schemas.common import Answer, PageInfo
from api_shim.schemas.messages import Activity, TimeRange, TriggerData
from api_shim.schemas.users import Object, User
from api_shim.schemas.workflow_recipient_runs import as_list
from notify_workers.store.feed_filters import Archived, FeedStatus
from notify_workers.store.messages import LONGEST_NUMBER

DEEPEST = 3
"""Parts of a path in `exclude` (contract: api-endpoints, 33)."""


def parse_paths(value: Any) -> Any:
    """`meta,entries.data` → the paths as tuples."""
    if not isinstance(value, str):
        raise ValueError("must be a list of paths, separated by commas")
    paths = [tuple(path.strip().split(".")) for path in value.split(",") if path.strip()]
    if any(len(path) > DEEPEST for path in paths):
        raise ValueError(f"must have paths of at most {DEEPEST} parts")
    return paths


Paths = Sequence[tuple[str, ...]]
TEXT = {"type": "string"}


Mode = Literal["compact", "rich"]

TIMES = "inserted_at."


class FeedOptions(BaseModel):
    """Which items."""

    source: str | None = None
    tenant: str | None = None
    has_tenant: bool | None = None
    workflow_categories: Annotated[Sequence[str], BeforeValidator(as_list)] = ()
    archived: Archived = "exclude"
    trigger_data: TriggerData | None = None
    inserted_at: TimeRange = TimeRange()


class FeedStreamQuery(FeedOptions):
    """Which changes: those after a number, else those that come."""

    mode: Mode = "rich"
    after: int | None = Field(default=None, ge=0, lt=10**LONGEST_NUMBER)


class FeedJoin(FeedStreamQuery):
    """What joining a feed's topic says of an instance of it. `after` and `mode` are for those who want the changes."""

    model_config = ConfigDict(extra="ignore")

    page_size: int = Field(default=MOST, ge=1, le=MOST)

    @model_validator(mode="before")
    @classmethod
    def _gather_times(cls, given: Any) -> Any:
        """`inserted_at.gte` and its like stand beside the other options."""
        if not isinstance(given, dict):
            return given
        dotted = {name: value for name, value in given.items() if name.startswith(TIMES)}
        rest = {name: value for name, value in given.items() if name not in dotted and value is not None}
        times = {name.removeprefix(TIMES): value for name, value in dotted.items() if value is not None}
        return {**rest, "inserted_at": times} if times else rest


class FeedQuery(FeedOptions, PageQuery):
    """`locale` is taken and not heeded: items are rendered when they are made. Cursors are numbers of items."""

    status: FeedStatus = "all"
    locale: str | None = None
    exclude: Annotated[Paths, BeforeValidator(parse_paths), WithJsonSchema(TEXT)] = ()
    mode: Mode = "rich"


class FeedItemSource(Answer):
    typename: Literal["Workflow"] = Field(default="Workflow", alias="__typename")
    key: str
    version_id: UUID
    categories: list[str]
    step_ref: str


class InAppFeedItem(Answer):
    """Compact items have no `activities` and no `total_activities`."""

    typename: Literal["FeedItem"] = Field(default="FeedItem", alias="__typename")
    cursor: str = Field(alias="__cursor")
    id: str
    activities: list[Activity] | None = Field(default=None, exclude_if=lambda activities: activities is None)
    total_activities: int | None = Field(default=None, exclude_if=lambda total: total is None)
    actors: list[User | Object]
    total_actors: int
    blocks: list[dict[str, Any]]
    data: dict[str, Any]
    source: FeedItemSource
    tenant: str | None
    inserted_at: datetime
    updated_at: datetime
    read_at: datetime | None
    seen_at: datetime | None
    archived_at: datetime | None
    interacted_at: datetime | None
    link_clicked_at: datetime | None
    clicked_at: datetime | None


class FeedMetadata(Answer):
    typename: Literal["FeedMetadata"] = Field(default="FeedMetadata", alias="__typename")
    total_count: int
    unread_count: int
    unseen_count: int


class UserInAppFeedResponse(Answer):
    entries: list[InAppFeedItem]
    page_info: PageInfo
    vars: dict[str, Any]
    meta: FeedMetadata


class FeedFeatures(Answer):
    branding_required: bool


class UserInAppFeedSettingsResponse(Answer):
    features: FeedFeatures
