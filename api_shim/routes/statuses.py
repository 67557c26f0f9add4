"""Engagement with messages: one, several, or all of a channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api_shim.auth import Caller, Public
from api_shim.bodies import read_model
from api_shim.errors import AuthenticationFailed
from api_shim.openapi import body_of
from api_shim.routes.messages import check_ids, missing, shown
from api_shim.schemas.bulk_operations import BulkOperation
from api_shim.schemas.messages import Message
from api_shim.schemas.statuses import (
    BatchMessagesInteractedRequest,
    BatchMessagesStatusRequest,
    BulkUpdateMessagesForChannelRequest,
    MessageInteractedRequest,
)
from api_shim.updates import once_a_second
from notify_workers import channel_messages, statuses
from notify_workers.errors import NotFound
from notify_workers.store import environments, messages
from notify_workers.store.environments import Channel
from notify_workers.store.feeds import ARRIVED
from notify_workers.store.messages import MessageFilter, MessageRow
from notify_workers.store.session import Transaction, transaction
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Messages"])

ALIASES = {"archive": "archived", "unarchive": "unarchived"}
"""What browsers call two of the actions."""

BulkAction = Literal[
    "seen",
    "unseen",
    "read",
    "unread",
    "archived",
    "unarchived",
    "interacted",
    "archive",
    "unarchive",
    "delete",
]

BATCHES = {
    "archived": "batchMarkMessagesAsArchived",
    "read": "batchMarkMessagesAsRead",
    "seen": "batchMarkMessagesAsSeen",
    "unarchived": "batchMarkMessagesAsUnarchived",
    "unread": "batchMarkMessagesAsUnread",
    "unseen": "batchMarkMessagesAsUnseen",
}
SINGLES = (
    ("PUT", "archived", "archived", "archiveMessage"),
    ("PUT", "read", "read", "markMessageRead"),
    ("PUT", "seen", "seen", "markMessageSeen"),
    ("DELETE", "archived", "unarchived", "unarchiveMessage (2)"),
    ("DELETE", "read", "unread", "markMessageUnread"),
    ("DELETE", "seen", "unseen", "markMessageUnseen (2)"),
    ("DELETE", "unarchived", "unarchived", "unarchiveMessage"),
    ("DELETE", "unread", "unread", "markMessageUnread (2)"),
    ("DELETE", "unseen", "unseen", "markMessageUnseen"),
)
"""Method, last part of the path, status, operation. The last three are the names that old clients know."""


def _single(status: str) -> Callable[..., Message]:
    def change(message_id: str, request: Request, caller: Public) -> Message:
        return _change_one(request, caller, message_id, status)

    change.__doc__ = f"Marks a message as {status}; one that is so already does not change."
    return change


for method, part, status, operation in SINGLES:
    path = f"/v1/messages/{{message_id}}/{part}"
    router.add_api_route(path, _single(status), methods=[method], operation_id=operation)


@router.put(
    "/v1/messages/{message_id}/interacted",
    operation_id="markMessageInteracted",
    openapi_extra=body_of(MessageInteractedRequest),
)
async def interact(message_id: str, request: Request, caller: Public) -> Message:
    """Marks a message as interacted, and with it as read and seen. Other metadata than the last is another interaction."""
    wanted, _ = await read_model(request, MessageInteractedRequest)
    return await run_in_threadpool(_change_one, request, caller, message_id, "interacted", wanted.metadata)


def _change_one(
    request: Request, caller: Caller, message_id: str, status: str, metadata: Mapping[str, Any] | None = None
) -> Message:
    with transaction() as tx:
        message = _permitted(tx, caller, [message_id]).get(message_id)
        if message is None:
            raise missing(message_id)
        statuses.change(tx, caller.environment_id, [message_id], status, metadata)
        changed = messages.get_message(tx, message_id, caller.environment_id)
    return shown(request, changed or message)


def _permitted(tx: Transaction, caller: Caller, ids: Sequence[str]) -> dict[str, MessageRow]:
    """Those that exist. Raises 403 when the caller may not mark one of them."""
    found = messages.messages_by_id(tx, caller.environment_id, ids)
    for message in found.values():
        caller.require("user/feed_write", message.recipient, message.tenant)
    return found


def _batch(status: str) -> Callable[..., Any]:
    async def change(request: Request, response: Response, caller: Public) -> list[Message]:
        wanted, _ = await read_model(request, BatchMessagesStatusRequest)
        return await run_in_threadpool(_change_some, request, response, caller, wanted, status, None)

    change.__doc__ = (
        f"Marks messages as {status}, and shows them in the order given; those that do not exist are left out."
    )
    return change


for status, operation in BATCHES.items():
    router.add_api_route(
        f"/v1/messages/batch/{status}",
        _batch(status),
        methods=["POST"],
        operation_id=operation,
        openapi_extra=body_of(BatchMessagesStatusRequest),
    )


@router.post(
    "/v1/messages/batch/interacted",
    operation_id="batchMarkMessagesAsInteracted",
    openapi_extra=body_of(BatchMessagesInteractedRequest),
)
async def interact_with_some(request: Request, response: Response, caller: Public) -> list[Message]:
    """Marks messages as interacted, and with it as read and seen."""
    wanted, _ = await read_model(request, BatchMessagesInteractedRequest)
    return await run_in_threadpool(_change_some, request, response, caller, wanted, "interacted", wanted.metadata)


def _change_some(
    request: Request,
    response: Response,
    caller: Caller,
    wanted: BatchMessagesStatusRequest,
    status: str,
    metadata: Mapping[str, Any] | None,
) -> list[Message]:
    check_ids(wanted.message_ids)
    ids = list(dict.fromkeys(wanted.message_ids))
    with transaction() as tx:
        _permitted(tx, caller, ids)
    with once_a_second(caller.environment_id, status, ids) as refused, transaction() as tx:
        statuses.change(tx, caller.environment_id, [each for each in ids if each not in refused], status, metadata)
        found = messages.messages_by_id(tx, caller.environment_id, ids)
    if refused:
        response.headers["x-ratelimited-message_ids"] = ",".join(each for each in ids if each in refused)
    return [shown(request, found[each]) for each in ids if each in found]


@router.post(
    "/v1/channels/{channel_id}/messages/bulk/{action}",
    operation_id="bulkUpdateMessagesForChannel",
    openapi_extra=body_of(BulkUpdateMessagesForChannelRequest),
    tags=["Channels"],
)
async def act_on_channel(channel_id: UUID, action: BulkAction, request: Request, caller: Public) -> BulkOperation:
    """Does something with all messages of a channel that a filter finds, the newest of them before it answers."""
    wanted, _ = await read_model(request, BulkUpdateMessagesForChannelRequest)
    return await run_in_threadpool(_act_on_channel, caller, channel_id, ALIASES.get(action, action), wanted)


def _act_on_channel(
    caller: Caller, channel_id: UUID, action: str, wanted: BulkUpdateMessagesForChannelRequest
) -> BulkOperation:
    with transaction() as tx:
        channel = next(
            (each for each in environments.channels(tx, caller.environment_id) if each.id == channel_id), None
        )
        if channel is None:
            raise NotFound(f"There is no channel `{channel_id}`")
        found = channel_messages.act(tx, caller.environment_id, _filter(caller, channel, wanted), action)
    return BulkOperation.of(found)


def _filter(caller: Caller, channel: Channel, wanted: BulkUpdateMessagesForChannelRequest) -> MessageFilter:
    users = [*(wanted.recipient_ids or ()), *(wanted.user_ids or ())]
    return MessageFilter(
        channel_id=channel.id,
        of_feeds=bool(users) and channel.type == "in_app_feed",
        user_ids=users,
        workflows=wanted.workflows or (),
        tenants=_tenants(wanted),
        allowed_tenants=_allowed(caller, users),
        has_tenant=wanted.has_tenant,
        archived=wanted.archived or "include",
        statuses=_statuses(wanted),
        engagement_statuses=[wanted.engagement_status] if wanted.engagement_status else (),
        trigger_data=wanted.trigger_data or None,
        inserted_gt=wanted.newer_than,
        inserted_lt=wanted.older_than,
    )


def _tenants(wanted: BulkUpdateMessagesForChannelRequest) -> list[str | None]:
    """Browsers mark what their feed shows them: of a tenant, and what belongs to none unless they say so."""
    tenants: list[str | None] = [*(wanted.tenants or ())]
    return [*tenants, None] if tenants and wanted.user_ids and wanted.has_tenant is None else tenants


def _statuses(wanted: BulkUpdateMessagesForChannelRequest) -> Sequence[str]:
    """Browsers mark what their feed shows them, which has not what is held back by a send window."""
    if wanted.delivery_status:
        return [wanted.delivery_status]
    return ARRIVED if wanted.user_ids else ()


def _allowed(caller: Caller, users: Sequence[str]) -> list[str | None] | None:
    """The tenants that the caller is limited to. Raises 403 when they may not mark the messages of one of the users."""
    if caller.key.kind == "secret":
        return None
    if not users:
        raise AuthenticationFailed("authorization", "A public key must say whose messages: `recipient_ids`", 403)
    limits = []
    for user in users:
        limit = caller.tenants("user/feed_write", Reference(USERS, user))
        if not limit:
            caller.require("user/feed_write", Reference(USERS, user))
        limits.append(limit)
    found = [limit for limit in limits if limit is not None]
    return [each or None for each in sorted(frozenset.intersection(*found))] if found else None
