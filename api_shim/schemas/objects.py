"""What requests say of objects. How they are shown is in users.py, since other answers show both."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict

from api_shim.schemas.common import Answer, InlinePreferences, Name, NotTooManyItems, PageInfo, Time
from api_shim.schemas.users import Object


class ObjectProperties(BaseModel):
    """What a request may say of an object. Any other key is a custom property."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    created_at: Time | None = None
    preferences: InlinePreferences | None = None
    channel_data: dict[str, dict[str, Any]] | None = None


class BulkObject(ObjectProperties):
    id: Name


class BulkSetObjectsRequest(BaseModel):
    objects: Annotated[list[BulkObject], NotTooManyItems]


class BulkDeleteObjectsRequest(BaseModel):
    object_ids: Annotated[list[Name], NotTooManyItems]


class ListObjectsResponse(Answer):
    entries: list[Object]
    page_info: PageInfo
