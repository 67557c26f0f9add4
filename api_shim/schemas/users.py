"""Users, and objects as any answer shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api_shim.pages import PageQuery
from api_shim.schemas.common import (
    Answer,
    InlineUser,
    NotTooManyItems,
    PageInfo,
    Text,
    UserId,
    stored_preference_set,
)
from api_shim.schemas.workflow_recipient_runs import as_list
from notify_workers.store.recipients import Recipient


class RecipientsQuery(PageQuery):
    include: Annotated[Sequence[Literal["preferences"]], BeforeValidator(as_list)] = ()

    @property
    def with_preferences(self) -> bool:
        return "preferences" in self.include


def preferences_of(recipient: Recipient) -> dict[str, Any]:
    """A recipient's own preference sets by id."""
    return {name: stored_preference_set(name, each) for name, each in recipient.preferences.items()}


class User(Answer):
    """Custom properties stand beside the known ones, and cannot take the place of ours."""

    model_config = ConfigDict(extra="allow")

    typename: Literal["User"] = Field(default="User", alias="__typename")
    id: str
    name: Text = None
    email: Text = None
    phone_number: Text = None
    avatar: Text = None
    timezone: Text = None
    created_at: datetime | None = None
    updated_at: datetime

    @classmethod
    def of(cls, user: Recipient, *, with_preferences: bool = False) -> User:
        ours: dict[str, Any] = {
            "__typename": "User",
            "id": user.reference.id,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
        }
        if with_preferences:
            ours["preferences"] = preferences_of(user)
        return cls.model_validate({**user.properties, **ours}, by_alias=True, by_name=False)


class Object(Answer):
    typename: Literal["Object"] = Field(default="Object", alias="__typename")
    id: str
    collection: str
    properties: dict[str, Any]
    created_at: datetime | None = None
    updated_at: datetime
    preferences: dict[str, Any] | None = Field(default=None, exclude_if=lambda sets: sets is None)

    @classmethod
    def of(cls, thing: Recipient, *, with_preferences: bool = False) -> Object:
        return cls(
            id=thing.reference.id,
            collection=thing.reference.collection,
            properties=dict(thing.properties),
            created_at=thing.created_at,
            updated_at=thing.updated_at,
            preferences=preferences_of(thing) if with_preferences else None,
        )


def entity(recipient: Recipient) -> User | Object:
    return User.of(recipient) if recipient.reference.is_user else Object.of(recipient)


class ListUsersResponse(Answer):
    entries: list[User]
    page_info: PageInfo


class BulkIdentifyUsersRequest(BaseModel):
    users: Annotated[list[InlineUser], NotTooManyItems]


class BulkDeleteUsersRequest(BaseModel):
    user_ids: Annotated[list[UserId], NotTooManyItems]


class MergeUserRequest(BaseModel):
    from_user_id: UserId
