"""Shapes that several nouns share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

MOST_USER_ID_CHARACTERS = 256


class Answer(BaseModel):
    """A body that we send. Names are the wire's."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class PageInfo(Answer):
    typename: Literal["PageInfo"] = Field(default="PageInfo", alias="__typename")
    after: str | None
    before: str | None
    page_size: int


class ObjectReference(BaseModel):
    collection: str
    id: str


RecipientReference = str | ObjectReference


def check_user_id(value: str) -> str:
    """Contract: semantics §0."""
    if not value:
        raise ValueError("must not be empty")
    if len(value) > MOST_USER_ID_CHARACTERS:
        raise ValueError(f"must have at most {MOST_USER_ID_CHARACTERS} characters")
    if "/" in value or "#" in value:
        raise ValueError("must not contain `/` or `#`")
    return value


UserId = Annotated[str, AfterValidator(check_user_id)]
NonEmpty = Annotated[str, Field(min_length=1)]


class Properties(BaseModel):
    """What a request may say of a user. Any other key is a custom property."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    avatar: str | None = None
    locale: str | None = None
    timezone: str | None = None
    created_at: datetime | None = None
    preferences: dict[str, Any] | None = None
    channel_data: dict[str, dict[str, Any]] | None = None


class InlineUser(Properties):
    """An inline user: identified before the run starts."""

    id: UserId
    trigger_data: dict[str, Any] | None = Field(default=None, alias="$trigger_data")


class InlineObject(BaseModel):
    """An inline object: told from a user by its collection."""

    model_config = ConfigDict(extra="allow")

    id: NonEmpty
    collection: NonEmpty
    preferences: dict[str, Any] | None = None
    channel_data: dict[str, dict[str, Any]] | None = None
    created_at: datetime | None = None
    trigger_data: dict[str, Any] | None = Field(default=None, alias="$trigger_data")


class InlineTenant(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: NonEmpty
    preferences: dict[str, Any] | None = None
    channel_data: dict[str, dict[str, Any]] | None = None
    settings: dict[str, Any] | None = None


def _entity_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<id>"
    if isinstance(value, dict):
        return "<object>" if value.get("collection") is not None else "<user>"
    return None


def _tenant_kind(value: Any) -> str | None:
    return "<id>" if isinstance(value, str) else "<tenant>" if isinstance(value, dict) else None


def _wanted(text: str) -> Discriminator:
    return Discriminator(_entity_kind, custom_error_type="recipient", custom_error_message=f"must be {text}")


RecipientRequest = Annotated[
    Annotated[UserId, Tag("<id>")] | Annotated[InlineUser, Tag("<user>")] | Annotated[InlineObject, Tag("<object>")],
    _wanted("a user id, an inline user or an inline object"),
]

ReferenceRequest = Annotated[
    Annotated[UserId, Tag("<id>")] | Annotated[ObjectReference, Tag("<object>")],
    _wanted("a user id or an object reference {collection, id}"),
]

TenantRequest = Annotated[
    Annotated[NonEmpty, Tag("<id>")] | Annotated[InlineTenant, Tag("<tenant>")],
    Discriminator(
        _tenant_kind,
        custom_error_type="tenant",
        custom_error_message="must be a tenant id or an inline tenant",
    ),
]
