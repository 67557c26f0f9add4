"""Helpers for Slack and Microsoft Teams: what their kits for browsers ask on behalf of a tenant or an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import JSONResponse, Response

from api_shim.auth import Caller, Capability, Public
from api_shim.bodies import check
from api_shim.errors import AuthenticationFailed, problem
from api_shim.openapi import query_of
from api_shim.query import parse_query
from api_shim.schemas import providers as schemas
from api_shim.schemas.providers import (
    ChannelsForMsTeamsProviderResponse,
    ChannelsForSlackProviderResponse,
    MsTeamsAuthCheckResponse,
    MsTeamsChannelsQuery,
    MsTeamsQuery,
    MsTeamsTeamsQuery,
    RevokeAccessResponse,
    SlackAuthCheckResponse,
    SlackChannelsQuery,
    SlackQuery,
    TeamsForMsTeamsProviderResponse,
)
from notify_workers import ms_teams, slack
from notify_workers.channels import settings_of
from notify_workers.errors import NotFound
from notify_workers.ms_teams import Application
from notify_workers.settings import settings
from notify_workers.slack import ChannelsWanted
from notify_workers.store import connections, environments
from notify_workers.store.environments import Channel
from notify_workers.store.session import Transaction, transaction
from notify_workers.vendors import VendorSilent
from workflows.recipients import Reference

router = APIRouter(tags=["Providers"])

SLACK_TOKEN = ("token", "access_token")
TEAMS_TENANT = ("ms_teams_tenant_id",)

TOKEN_MISSING = "Access token not set."
TENANT_MISSING = "Microsoft Teams tenant ID not set."
"""The kits know these two by every letter: they mean that nobody has connected yet."""

SLACK = "/v1/providers/slack/{channel_id}"
TEAMS = "/v1/providers/ms-teams/{channel_id}"


@router.get(f"{SLACK}/auth_check", operation_id="slackProviderAuthCheck", openapi_extra=query_of(SlackQuery))
def check_slack(channel_id: UUID, request: Request, caller: Public) -> SlackAuthCheckResponse:
    """Whether Slack still takes the token that an object's channel data has."""
    query = check(SlackQuery, parse_query(request.url.query))
    token = _slack_token(caller, channel_id, query.access_token_object.reference)
    reason = slack.check(token)
    return SlackAuthCheckResponse(connection=schemas.SlackConnectionState(ok=reason is None, reason=reason))


@router.get(
    f"{SLACK}/channels", operation_id="listChannelsForSlackProvider", openapi_extra=query_of(SlackChannelsQuery)
)
def list_slack_channels(channel_id: UUID, request: Request, caller: Public) -> ChannelsForSlackProviderResponse:
    """Slack's channels, in Slack's own pages."""
    query = check(SlackChannelsQuery, parse_query(request.url.query))
    token = _slack_token(caller, channel_id, query.access_token_object.reference)
    found = slack.list_channels(token, ChannelsWanted(**query.query_options.model_dump()))
    shown = [
        schemas.SlackChannel(
            id=each.id,
            name=each.name,
            is_private=each.is_private,
            is_im=each.is_im,
            context_team_id=each.context_team_id,
        )
        for each in found.channels
    ]
    return ChannelsForSlackProviderResponse(slack_channels=shown, next_cursor=found.next_cursor)


@router.put(
    f"{SLACK}/revoke_access",
    operation_id="slackProviderRevokeAccess",
    openapi_extra=query_of(SlackQuery),
    response_model=RevokeAccessResponse,
)
def revoke_slack(channel_id: UUID, request: Request, caller: Public) -> Response:
    """Slack forgets the token, and then the object's channel data does."""
    query = check(SlackQuery, parse_query(request.url.query))
    of = query.access_token_object.reference
    token = _slack_token(caller, channel_id, of)
    slack.revoke(token)
    with transaction() as tx:
        connections.forget(tx, caller.environment_id, of, channel_id, SLACK_TOKEN, token)
    return _revoked(caller)


@router.get(f"{TEAMS}/auth_check", operation_id="msTeamsProviderAuthCheck", openapi_extra=query_of(MsTeamsQuery))
def check_ms_teams(channel_id: UUID, request: Request, caller: Public) -> MsTeamsAuthCheckResponse:
    """Whether Microsoft lets our application in at the customer's that an object's channel data names."""
    query = check(MsTeamsQuery, parse_query(request.url.query))
    application = _application(caller, channel_id, query.ms_teams_tenant_object.reference)
    reason = ms_teams.check(application)
    state = schemas.MsTeamsConnectionState(ok=reason is None, reason=reason, ms_teams_tenant_id=application.tenant_id)
    return MsTeamsAuthCheckResponse(connection=state)


@router.get(f"{TEAMS}/teams", operation_id="listTeamsForMsTeamsProvider", openapi_extra=query_of(MsTeamsTeamsQuery))
def list_teams(channel_id: UUID, request: Request, caller: Public) -> TeamsForMsTeamsProviderResponse:
    """The customer's teams, in Microsoft Graph's own pages."""
    query = check(MsTeamsTeamsQuery, parse_query(request.url.query))
    application = _application(caller, channel_id, query.ms_teams_tenant_object.reference)
    found = ms_teams.list_teams(application, query.query_options.as_query())
    return TeamsForMsTeamsProviderResponse(
        ms_teams_teams=_shown(schemas.MsTeamsTeam, found.teams), skip_token=found.skip_token
    )


@router.get(
    f"{TEAMS}/channels",
    operation_id="listChannelsForMsTeamsProvider",
    openapi_extra=query_of(MsTeamsChannelsQuery),
    response_model_exclude_unset=True,
)
def list_teams_channels(channel_id: UUID, request: Request, caller: Public) -> ChannelsForMsTeamsProviderResponse:
    """The channels of one of the customer's teams."""
    query = check(MsTeamsChannelsQuery, parse_query(request.url.query))
    application = _application(caller, channel_id, query.ms_teams_tenant_object.reference)
    found = ms_teams.list_channels(application, query.team_id, query.query_options.as_query())
    return ChannelsForMsTeamsProviderResponse(ms_teams_channels=_shown(schemas.MsTeamsChannel, found))


@router.put(
    f"{TEAMS}/revoke_access",
    operation_id="msTeamsProviderRevokeAccess",
    openapi_extra=query_of(MsTeamsQuery),
    response_model=RevokeAccessResponse,
)
def revoke_ms_teams(channel_id: UUID, request: Request, caller: Public) -> Response:
    """Forgets which customer an object belongs to. Only the customer's administrator can shut our application out."""
    query = check(MsTeamsQuery, parse_query(request.url.query))
    of = query.ms_teams_tenant_object.reference
    with transaction() as tx:
        _, tenant = _connection(tx, caller, channel_id, of, "ms_teams/channels_read", TEAMS_TENANT)
        if tenant is None:
            raise _not_connected(TENANT_MISSING)
        connections.forget(tx, caller.environment_id, of, channel_id, TEAMS_TENANT, tenant)
    return _revoked(caller)


def _slack_token(caller: Caller, channel_id: UUID, of: Reference) -> str:
    with transaction() as tx:
        _, token = _connection(tx, caller, channel_id, of, "slack/channels_read", SLACK_TOKEN)
    if token is None:
        raise _not_connected(TOKEN_MISSING)
    return token


def _application(caller: Caller, channel_id: UUID, of: Reference) -> Application:
    """Who asks Microsoft: by the channel's own settings, or the installation's."""
    with transaction() as tx:
        channel, tenant = _connection(tx, caller, channel_id, of, "ms_teams/channels_read", TEAMS_TENANT)
    if tenant is None:
        raise _not_connected(TENANT_MISSING)
    own = settings_of(channel)
    client_id = own.get("client_id") or settings().ms_teams_client_id
    client_secret = own.get("client_secret") or settings().ms_teams_client_secret
    if not client_id or not client_secret:
        raise VendorSilent(
            "Microsoft Teams cannot be asked: set DOORBELL_MS_TEAMS_CLIENT_ID and DOORBELL_MS_TEAMS_CLIENT_SECRET"
        )
    return Application(str(client_id), str(client_secret), tenant)


def _connection(
    tx: Transaction, caller: Caller, channel_id: UUID, of: Reference, capability: Capability, path: Sequence[str]
) -> tuple[Channel, str | None]:
    """The channel, and the text that connects somebody's channel data with the vendor."""
    channel = chat_channel(tx, caller, channel_id, of, capability)
    return channel, connections.get(tx, caller.environment_id, of, channel_id, path)


def chat_channel(tx: Transaction, caller: Caller, channel_id: UUID, of: Reference, capability: Capability) -> Channel:
    """A chat channel, as far as the caller may do this with what belongs to somebody."""
    caller.require(capability, of)
    channel = next((each for each in environments.channels(tx, caller.environment_id) if each.id == channel_id), None)
    if channel is None:
        raise NotFound(f"There is no channel `{channel_id}`")
    if channel.type != "chat":
        raise problem("channel_id", f"must be a chat channel; `{channel.key}` is of type {channel.type}")
    return channel


def _not_connected(message: str) -> AuthenticationFailed:
    return AuthenticationFailed("authorization", message, 403)


def _revoked(caller: Caller) -> Response:
    """The contract has an object; the browsers' kits take nothing but the text `ok` for success (docs/slack-and-teams.md)."""
    return JSONResponse("ok" if caller.key.kind == "public" else {"ok": "ok"})


Shown = TypeVar("Shown", bound=BaseModel)


def _shown(model: type[Shown], found: Sequence[Mapping[str, Any]]) -> list[Shown]:
    """What Graph says, as far as the contract has it. It says null of much that it does not know."""
    known = set(model.model_fields)
    try:
        return [
            model.model_validate({name: value for name, value in each.items() if name in known and value is not None})
            for each in found
        ]
    except ValidationError:
        raise VendorSilent("the answer of Microsoft Teams is not in its own way") from None
