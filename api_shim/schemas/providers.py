"""Helpers for the kits of Slack and Microsoft Teams. Names of fields inside of a team or a channel are the vendor's."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic_core import from_json

from api_shim.bodies import unstorable
from api_shim.schemas.common import Answer, Name
from notify_workers import ms_teams, slack
from workflows.recipients import Reference

LONGEST_OPTION = 2000
"""Characters of what is passed on to a vendor."""

_GRAPH_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def _parse_reference(value: Any) -> Any:
    """A JSON string, as the contract has it, or the bracketed map that browsers send."""
    if isinstance(value, str):
        try:
            value = from_json(value, allow_inf_nan=False)
        except ValueError:
            raise ValueError("must be a JSON object {object_id, collection}") from None
    if any(True for _ in unstorable(value)):
        raise ValueError("must not contain NUL characters")
    return value


class ObjectOfConnection(BaseModel):
    """Whose channel data knows the vendor's account: a tenant or an object."""

    object_id: Name
    collection: Name

    @property
    def reference(self) -> Reference:
        return Reference(self.collection, self.object_id)


ConnectionObject = Annotated[ObjectOfConnection, BeforeValidator(_parse_reference), WithJsonSchema({"type": "string"})]
Option = Annotated[str, Field(max_length=LONGEST_OPTION)]


def _graph_id(value: str) -> str:
    if not _GRAPH_ID.fullmatch(value):
        raise ValueError("must be an id of Microsoft Graph: letters, digits and hyphens")
    return value


class SlackQuery(BaseModel):
    access_token_object: ConnectionObject


class SlackOptions(BaseModel):
    cursor: Option | None = None
    limit: int = Field(default=slack.PAGE, ge=1, le=slack.MOST_CHANNELS)
    exclude_archived: bool = True
    types: Option = slack.CHANNEL_TYPES
    team_id: Option | None = None


class SlackChannelsQuery(SlackQuery):
    query_options: SlackOptions = SlackOptions()


class MsTeamsQuery(BaseModel):
    ms_teams_tenant_object: ConnectionObject


class ChannelsOptions(BaseModel):
    filter: Option | None = Field(default=None, alias="$filter")
    select: Option | None = Field(default=None, alias="$select")

    def as_query(self) -> list[tuple[str, str]]:
        """As Graph takes it. What an answer must have is always selected."""
        given = self.model_dump(by_alias=True, exclude_none=True)
        if self.select:
            fields = [each for each in self.select.split(",") if each.strip() not in ("id", "displayName")]
            given["$select"] = ",".join(["id", "displayName", *fields])
        return [(name, str(value)) for name, value in given.items() if value != ""]


class TeamsOptions(ChannelsOptions):
    top: int | None = Field(default=None, alias="$top", ge=1, le=ms_teams.MOST_TEAMS)
    skiptoken: Option | None = Field(default=None, alias="$skiptoken")


class MsTeamsTeamsQuery(MsTeamsQuery):
    query_options: TeamsOptions = TeamsOptions()


class MsTeamsChannelsQuery(MsTeamsQuery):
    team_id: Annotated[str, AfterValidator(_graph_id)]
    query_options: ChannelsOptions = ChannelsOptions()


class SlackConnectionState(Answer):
    ok: bool
    reason: str | None = None


class SlackAuthCheckResponse(Answer):
    connection: SlackConnectionState


class SlackChannel(Answer):
    id: str
    name: str
    is_private: bool
    is_im: bool
    context_team_id: str


class ChannelsForSlackProviderResponse(Answer):
    slack_channels: list[SlackChannel]
    next_cursor: str | None


class MsTeamsConnectionState(Answer):
    ok: bool
    reason: str | None = None
    ms_teams_tenant_id: str | None = None


class MsTeamsAuthCheckResponse(Answer):
    connection: MsTeamsConnectionState


class MsTeamsTeam(Answer):
    id: str
    displayName: str  # noqa: N815
    description: str | None = None


class TeamsForMsTeamsProviderResponse(Answer):
    ms_teams_teams: list[MsTeamsTeam]
    skip_token: str | None


class MsTeamsChannel(Answer):
    """What Graph does not say is left out."""

    id: str
    displayName: str  # noqa: N815
    description: str | None = None
    membershipType: str = ""  # noqa: N815
    isArchived: bool = False  # noqa: N815
    createdDateTime: str = ""  # noqa: N815


class ChannelsForMsTeamsProviderResponse(Answer):
    ms_teams_channels: list[MsTeamsChannel]


class RevokeAccessResponse(Answer):
    ok: str
