"""Users and, inside other answers, objects."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from api_shim.schemas.common import Answer, PageInfo
from notify_workers.store.recipients import Recipient


class User(Answer):
    """Custom properties stand beside the known ones, and cannot take the place of ours."""

    model_config = ConfigDict(extra="allow")

    typename: Literal["User"] = Field(default="User", alias="__typename")
    id: str
    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    avatar: str | None = None
    timezone: str | None = None
    created_at: datetime | None = None
    updated_at: datetime

    @classmethod
    def of(cls, user: Recipient) -> User:
        ours = {
            "__typename": "User",
            "id": user.reference.id,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
        }
        return cls.model_validate({**user.properties, **ours}, by_alias=True, by_name=False)


class Object(Answer):
    typename: Literal["Object"] = Field(default="Object", alias="__typename")
    id: str
    collection: str
    properties: dict[str, Any]
    created_at: datetime | None = None
    updated_at: datetime

    @classmethod
    def of(cls, thing: Recipient) -> Object:
        return cls(
            id=thing.reference.id,
            collection=thing.reference.collection,
            properties=dict(thing.properties),
            created_at=thing.created_at,
            updated_at=thing.updated_at,
        )


def entity(recipient: Recipient) -> User | Object:
    return User.of(recipient) if recipient.reference.is_user else Object.of(recipient)


class ListUsersResponse(Answer):
    entries: list[User]
    page_info: PageInfo
