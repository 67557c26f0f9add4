"""Channel data of users and objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api_shim.auth import Caller, Public
from api_shim.bodies import read_model
from api_shim.errors import invalid
from api_shim.openapi import body_of
from api_shim.paths import ObjectOfPath, UserOfPath
from api_shim.schemas.channel_data import ChannelData, ChannelDataRequest, form_of, provider_name, stored
from notify_workers import channel_data
from notify_workers.errors import NotFound
from notify_workers.store import channel_data as rows
from notify_workers.store.environments import Channel
from notify_workers.store.session import transaction
from workflows.recipients import Reference

router = APIRouter(tags=["Channel data"])

USER_DATA = "/v1/users/{user_id}/channel_data/{channel_id}"
OBJECT_DATA = "/v1/objects/{collection}/{object_id}/channel_data/{channel_id}"


@router.get(USER_DATA, operation_id="getUserChannelData", response_model_exclude_unset=True)
def get_of_user(user: UserOfPath, channel_id: UUID, caller: Public) -> ChannelData:
    """How a user is reached on a channel. Of push, both `tokens` and `devices` are there."""
    return _get(caller, user, channel_id)


@router.put(
    USER_DATA,
    operation_id="setUserChannelData",
    openapi_extra=body_of(ChannelDataRequest),
    response_model_exclude_unset=True,
)
async def put_of_user(user: UserOfPath, channel_id: UUID, request: Request, caller: Public) -> ChannelData:
    """Replaces a user's data for a channel; makes the user if there is none."""
    return await _put(caller, user, channel_id, request)


@router.delete(USER_DATA, operation_id="unsetUserChannelData", status_code=204)
def delete_of_user(user: UserOfPath, channel_id: UUID, caller: Public) -> Response:
    return _delete(caller, user, channel_id)


@router.get(OBJECT_DATA, operation_id="getObjectChannelData", response_model_exclude_unset=True)
def get_of_object(thing: ObjectOfPath, channel_id: UUID, caller: Public) -> ChannelData:
    """How an object is reached on a channel."""
    return _get(caller, thing, channel_id)


@router.put(
    OBJECT_DATA,
    operation_id="setObjectChannelData",
    openapi_extra=body_of(ChannelDataRequest),
    response_model_exclude_unset=True,
)
async def put_of_object(thing: ObjectOfPath, channel_id: UUID, request: Request, caller: Public) -> ChannelData:
    """Replaces an object's data for a channel; makes the object if there is none."""
    return await _put(caller, thing, channel_id, request)


@router.delete(OBJECT_DATA, operation_id="unsetObjectChannelData", status_code=204)
def delete_of_object(thing: ObjectOfPath, channel_id: UUID, caller: Public) -> Response:
    return _delete(caller, thing, channel_id)


def _get(caller: Caller, of: Reference, channel_id: UUID) -> ChannelData:
    caller.require("channel_data/read", of)
    with transaction() as tx:
        data = rows.get(tx, caller.environment_id, of, channel_id)
        channel = channel_data.find_channel(tx, caller.environment_id, channel_id)
    if data is None:
        raise NotFound(f"There is no data of `{of}` for the channel {channel_id}")
    return _shown(channel_id, channel, data)


async def _put(caller: Caller, of: Reference, channel_id: UUID, request: Request) -> ChannelData:
    caller.require("channel_data/write", of)
    wanted, _ = await read_model(request, ChannelDataRequest)
    return await run_in_threadpool(_write, caller, of, channel_id, wanted.data)


def _write(caller: Caller, of: Reference, channel_id: UUID, written: Mapping[str, Any]) -> ChannelData:
    with transaction() as tx:
        channel = channel_data.load_channel(tx, caller.environment_id, channel_id)
        data = _checked(channel, written)
        channel_data.put(tx, caller.environment_id, of, channel_id, data)
    return _shown(channel_id, channel, data)


def _checked(channel: Channel, written: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return stored(form_of(channel, written).model_validate(written))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise invalid({**each, "loc": ("data", *each["loc"])} for each in problems) from None


def _shown(channel_id: UUID, channel: Channel | None, data: Mapping[str, Any]) -> ChannelData:
    """The provider is left out unless it is one of the contract's."""
    name = provider_name(channel) if channel else None
    known: dict[str, Any] = {"__typename": "ChannelData", **({"provider": name} if name else {})}
    is_push = channel is None or channel.type == "push"
    shown = channel_data.full(data) if is_push else dict(data)
    return ChannelData(channel_id=channel_id, data=shown, **known)


def _delete(caller: Caller, of: Reference, channel_id: UUID) -> Response:
    """Deleting what is not there changes nothing."""
    caller.require("channel_data/write", of)
    with transaction() as tx:
        channel_data.remove(tx, caller.environment_id, of, channel_id)
    return Response(status_code=204)
