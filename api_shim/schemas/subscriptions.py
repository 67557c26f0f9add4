"""Subscriptions to objects."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from api_shim.schemas.common import (
    Answer,
    Name,
    ObjectReference,
    PageInfo,
    RecipientRequest,
    ReferenceRequest,
    UserId,
)
from api_shim.schemas.users import Object, RecipientsQuery, User
from api_shim.schemas.workflow_recipient_runs import as_list
from notify_workers.settings import settings
from notify_workers.store import subscriptions
from notify_workers.store.recipients import Recipient

MOST_FILTERED = 25
"""Recipients or objects that a list may be limited to (contract: api-endpoints §54)."""


def _too_many(what: str, value: Any, most: int) -> Any:
    if isinstance(value, list) and len(value) > most:
        detail = {"count": len(value), "what": what, "most": most}
        raise PydanticCustomError("too_many", "names {count} {what}; at most {most} are allowed", detail)
    return value


FewRecipients = BeforeValidator(lambda value: _too_many("recipients", value, settings().max_subscriptions))
FewObjects = BeforeValidator(lambda value: _too_many("objects", value, settings().max_bulk))
FewFilters = BeforeValidator(lambda value: _too_many("filters", as_list(value), MOST_FILTERED))


class ObjectSubscriptionsQuery(RecipientsQuery):
    """Filters name the other side: recipients with `mode=object`, objects with `mode=recipient`. The other is not heeded."""

    mode: Literal["recipient", "object"] = "object"
    recipients: Annotated[list[ReferenceRequest], FewFilters] | None = None
    objects: Annotated[list[ObjectReference], FewFilters] | None = None


class UserSubscriptionsQuery(RecipientsQuery):
    objects: Annotated[list[ReferenceRequest], FewFilters] | None = None


class UpsertSubscriptionsRequest(BaseModel):
    recipients: Annotated[list[RecipientRequest], FewRecipients]
    properties: dict[str, Any] | None = None


class DeleteSubscriptionsRequest(BaseModel):
    recipients: Annotated[list[ReferenceRequest], FewRecipients]


class ObjectsSubscriptions(UpsertSubscriptionsRequest):
    """`id` is the object's."""

    id: Name


class PartialReference(BaseModel):
    """As the contract has it in a bulk operation: it may name nobody, and then its item cannot be done."""

    collection: Name | None = None
    id: Name | None = None


PartialReferenceRequest = Annotated[
    Annotated[UserId, Tag("<id>")] | Annotated[PartialReference, Tag("<object>")],
    Discriminator(
        lambda value: "<id>" if isinstance(value, str) else "<object>" if isinstance(value, dict) else None,
        custom_error_type="recipient",
        custom_error_message="must be a user id or an object reference {collection, id}",
    ),
]


class EndedObjectsSubscriptions(BaseModel):
    """`id` is the object's."""

    id: Name
    recipients: Annotated[list[PartialReferenceRequest], FewRecipients]


class BulkUpsertSubscriptionsRequest(BaseModel):
    subscriptions: Annotated[list[ObjectsSubscriptions], FewObjects]


class BulkDeleteSubscriptionsRequest(BaseModel):
    subscriptions: Annotated[list[EndedObjectsSubscriptions], FewObjects]


class Subscription(Answer):
    typename: Literal["Subscription"] = Field(default="Subscription", alias="__typename")
    object: Object
    recipient: User | Object
    properties: dict[str, Any]
    inserted_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: subscriptions.Subscription, *, preferences: bool = False) -> Subscription:
        """With `preferences`, the recipient shows its own preference sets, by id."""
        return cls(
            object=Object.of(row.object),
            recipient=_entity(row.recipient, with_preferences=preferences),
            properties=dict(row.properties),
            inserted_at=row.inserted_at,
            updated_at=row.updated_at,
        )


def _entity(recipient: Recipient, *, with_preferences: bool) -> User | Object:
    if recipient.reference.is_user:
        return User.of(recipient, with_preferences=with_preferences)
    return Object.of(recipient, with_preferences=with_preferences)


class ListSubscriptionsResponse(Answer):
    entries: list[Subscription]
    page_info: PageInfo
