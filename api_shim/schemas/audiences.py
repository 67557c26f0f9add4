"""Audiences' members."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api_shim.pages import PageQuery
from api_shim.schemas.common import Answer, InlineUser, Name, NotTooManyItems, PageInfo
from api_shim.schemas.users import User
from notify_workers.store.audiences import Listed


class CreateQuery(BaseModel):
    create_audience: bool = False


class MembersQuery(PageQuery):
    """Read, though the contract knows no parameters: without them nobody would see more than the first page."""


class AudienceMemberRequest(BaseModel):
    user: InlineUser
    tenant: Name | None = None


class AudienceMembersRequest(BaseModel):
    members: Annotated[list[AudienceMemberRequest], NotTooManyItems]


class AudienceMember(Answer):
    typename: Literal["AudienceMember"] = Field(default="AudienceMember", alias="__typename")
    user_id: str
    user: User
    tenant: str | None
    added_at: datetime

    @classmethod
    def of(cls, row: Listed) -> AudienceMember:
        return cls(
            user_id=row.member.user_id,
            user=User.of(row.user),
            tenant=row.member.tenant or None,
            added_at=row.added_at,
        )


class ListAudienceMembersResponse(Answer):
    entries: list[AudienceMember]
    page_info: PageInfo
