"""Shapes that several nouns share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from notify_workers.settings import settings
from workflows.preference_sets import PARTS, preference_problems
from workflows.recipients import RESERVED, USERS

MOST_ID_CHARACTERS = 256
"""The contract says it of user ids. What else names something gets it too: two such names still fit into an index."""


class Answer(BaseModel):
    """A body that we send. Names are the wire's."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Problem(Answer):
    field: str
    message: str
    type: str


class Error(Answer):
    """What every error looks like. `errors` is there when something in the request is invalid (422)."""

    code: str
    message: str
    status: int
    type: str
    errors: list[Problem] | None = None


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
    if len(value) > MOST_ID_CHARACTERS:
        raise ValueError(f"must have at most {MOST_ID_CHARACTERS} characters")
    if "/" in value or "#" in value:
        raise ValueError("must not contain `/` or `#`")
    return value


UserId = Annotated[str, AfterValidator(check_user_id)]
Name = Annotated[str, Field(min_length=1, max_length=MOST_ID_CHARACTERS)]

_ISO_8601 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-5]):?[0-5][0-9])?)?"
)


def parse_time(value: Any) -> datetime:
    """A time in one of the forms that PostgreSQL understands the same way; without a zone it is UTC."""
    if not isinstance(value, str) or not _ISO_8601.fullmatch(value):
        raise ValueError("must be an ISO 8601 time, such as 2026-01-31T12:00:00Z")
    written = datetime.fromisoformat(value)
    try:
        return (written if written.tzinfo else written.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999") from None


Time = Annotated[datetime, BeforeValidator(parse_time)]


def check_preference_set(value: dict[str, Any]) -> dict[str, Any]:
    """Contract: semantics §11.1."""
    problems = [f"{each.path or 'it'} must be {each.expected}" for each in islice(preference_problems("", value), 5)]
    if problems:
        raise ValueError(f"is no preference set: {'; '.join(problems)}")
    return value


PreferenceSet = Annotated[dict[str, Any], AfterValidator(check_preference_set)]
InlinePreferences = dict[Name, PreferenceSet]
"""Preference sets by id: `default`, or a tenant's. Each is merged into what is stored."""


def stored_preference_set(set_id: str, stored: object) -> dict[str, Any]:
    """A stored set as it is shown: with its id, and every part of it, null where it says nothing."""
    known = stored if isinstance(stored, dict) else {}
    return {"id": set_id, **{part: known.get(part) for part in PARTS}}


def _not_too_many(value: Any) -> Any:
    most = settings().max_bulk
    if isinstance(value, list) and len(value) > most:
        raise PydanticCustomError(
            "too_many", "has {count} items; at most {most} are allowed", {"count": len(value), "most": most}
        )
    return value


NotTooManyItems = BeforeValidator(_not_too_many)
"""Before the list of a bulk operation's items is looked at."""

Text = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
"""A stored property that is shown as text. Steps of workflows may have stored anything: what is no text is shown as null."""


class Properties(BaseModel):
    """What a request may say of a user. Any other key is a custom property."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    avatar: str | None = None
    locale: str | None = None
    timezone: str | None = None
    created_at: Time | None = None
    preferences: InlinePreferences | None = None
    channel_data: dict[str, dict[str, Any]] | None = None


def properties_of(entity: dict[str, Any]) -> dict[str, Any]:
    """What a request says of somebody, without the names that have a meaning of their own."""
    return {name: value for name, value in entity.items() if name not in RESERVED}


class InlineUser(Properties):
    """An inline user: identified before the run starts."""

    id: UserId
    trigger_data: dict[str, Any] | None = Field(default=None, alias="$trigger_data")


class InlineObject(BaseModel):
    """An inline object: told from a user by its collection."""

    model_config = ConfigDict(extra="allow")

    id: Name
    collection: Name
    preferences: InlinePreferences | None = None
    channel_data: dict[str, dict[str, Any]] | None = None
    created_at: Time | None = None
    trigger_data: dict[str, Any] | None = Field(default=None, alias="$trigger_data")


class Branding(BaseModel):
    """A tenant's colours and images."""

    model_config = ConfigDict(extra="allow")

    primary_color: str | None = None
    primary_color_contrast: str | None = None
    logo_url: str | None = None
    icon_url: str | None = None
    dark_primary_color: str | None = None
    dark_primary_color_contrast: str | None = None
    dark_logo_url: str | None = None
    dark_icon_url: str | None = None


class TenantSettings(BaseModel):
    """`preference_set` is merged, unless it says `"__persistence_strategy__": "replace"`; null takes it away."""

    model_config = ConfigDict(extra="allow")

    branding: Branding | None = None
    preference_set: PreferenceSet | None = None


class TenantProperties(BaseModel):
    """What a request may say of a tenant. Any other key is a custom property."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    settings: TenantSettings | None = None
    created_at: Time | None = None
    preferences: InlinePreferences | None = None
    channel_data: dict[str, dict[str, Any]] | None = None


class InlineTenant(TenantProperties):
    id: Name


def _entity_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "<id>"
    if isinstance(value, dict):
        return "<user>" if value.get("collection") in (None, USERS) else "<object>"
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
    Annotated[Name, Tag("<id>")] | Annotated[InlineTenant, Tag("<tenant>")],
    Discriminator(
        _tenant_kind,
        custom_error_type="tenant",
        custom_error_message="must be a tenant id or an inline tenant",
    ),
]
