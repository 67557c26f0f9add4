"""Messages, and what belongs to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import to_json

from api_shim import contents
from api_shim.auth import Public, Secret
from api_shim.bodies import check
from api_shim.directory import Directory
from api_shim.openapi import query_of
from api_shim.pages import PageQuery, page, page_of
from api_shim.query import parse_query
from api_shim.schemas import messages as schemas
from api_shim.schemas.common import PageInfo
from api_shim.schemas.messages import (
    ActivitiesQuery,
    ListActivitiesResponse,
    ListMessageDeliveryLogsResponse,
    ListMessageEventsResponse,
    ListMessagesResponse,
    Message,
    MessageContents,
    MessagesQuery,
)
from api_shim.schemas.users import entity
from notify_workers.errors import NotFound
from notify_workers.ids import activity_id
from notify_workers.store import deliveries, messages
from notify_workers.store.environments import Channel
from notify_workers.store.messages import MessageFilter, MessageRow
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, transaction
from workflows.content import content_from_json

router = APIRouter(tags=["Messages"])

MOST_COMPARED = 256
"""Characters of a text that a `trigger_data` filter looks at."""


@router.get("/v1/messages", operation_id="listMessages", openapi_extra=query_of(MessagesQuery))
def list_messages(request: Request, caller: Secret) -> ListMessagesResponse:
    """Messages, newest first."""
    query = check(MessagesQuery, parse_query(request.url.query))
    with transaction() as tx:
        rows = messages.page_of_messages(
            tx, caller.environment_id, _filter(query), after=query.after_key, before=query.before_key, limit=query.limit
        )
    found = page(query, rows, lambda message: message.id)
    items = [_message(message, _channel(request, message)) for message in found.rows]
    return ListMessagesResponse(items=items, page_info=PageInfo(**found.info()))


def _filter(query: MessagesQuery) -> MessageFilter:
    return MessageFilter(
        tenant=query.tenant,
        channel_id=query.channel_id,
        statuses=query.status,
        engagement_statuses=query.engagement_status,
        message_ids=query.message_ids,
        workflow_categories=query.workflow_categories,
        workflow=query.source,
        trigger_id=query.workflow_run_id,
        run_id=query.workflow_recipient_run_id,
        trigger_data=query.trigger_data or None,
        inserted_gt=query.inserted_at.gt,
        inserted_gte=query.inserted_at.gte,
        inserted_lt=query.inserted_at.lt,
        inserted_lte=query.inserted_at.lte,
    )


@router.get("/v1/messages/{message_id}", operation_id="getMessage")
def get_message(message_id: str, request: Request, caller: Public) -> Message:
    with transaction() as tx:
        message = _load(tx, message_id, caller.environment_id)
    return _message(message, _channel(request, message))


@router.get("/v1/messages/{message_id}/content", operation_id="getMessageContents")
def get_content(message_id: str, caller: Secret) -> MessageContents:
    """The content as it was rendered."""
    with transaction() as tx:
        found = messages.get_content(tx, message_id, caller.environment_id)
    if found is None:
        raise _missing(message_id)
    shown = contents.shown(content_from_json(found.content))
    return MessageContents(message_id=found.message_id, data=shown, inserted_at=found.inserted_at)


@router.get("/v1/messages/{message_id}/events", operation_id="listMessageEvents", openapi_extra=query_of(PageQuery))
def list_events(message_id: str, request: Request, caller: Secret) -> ListMessageEventsResponse:
    """What happened to a message, in order."""
    query = check(PageQuery, parse_query(request.url.query))
    with transaction() as tx:
        message = _load(tx, message_id, caller.environment_id)
        events = messages.message_events(tx, message_id)
    found = page_of(query, events, lambda event: f"{event.number:020d}")
    items = [
        schemas.MessageEvent(
            id=event.id,
            type=event.type,
            data=dict(event.data) if event.data is not None else None,
            recipient=message.recipient.as_wire(),
            inserted_at=event.at,
        )
        for event in found.rows
    ]
    return ListMessageEventsResponse(items=items, page_info=PageInfo(**found.info()))


@router.get(
    "/v1/messages/{message_id}/activities",
    operation_id="listMessageActivities",
    openapi_extra=query_of(ActivitiesQuery),
)
def list_activities(message_id: str, request: Request, caller: Secret) -> ListActivitiesResponse:
    """The triggers that a message tells of."""
    query = check(ActivitiesQuery, parse_query(request.url.query))
    with transaction() as tx:
        message = _load(tx, message_id, caller.environment_id)
        activities = [each for each in messages.activities(tx, message_id) if _carries(each.data, query.trigger_data)]
    found = page_of(query, activities, lambda each: f"{each.number:020d}")
    items = [
        schemas.Activity(
            id=activity_id(each.trigger_id),
            data=dict(each.data),
            actor=entity(each.actor) if each.actor else None,
            recipient=entity(each.recipient or Recipient(message.recipient, {}, None, each.inserted_at)),
            inserted_at=each.inserted_at,
            updated_at=each.inserted_at,
        )
        for each in found.rows
    ]
    return ListActivitiesResponse(items=items, page_info=PageInfo(**found.info()))


def _carries(data: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """The list's filter, for data in hand: text is compared as far as the contract has it (api-endpoints §1.4)."""
    return all(name in data and _same(data[name], value) for name, value in (wanted or {}).items())


def _same(known: Any, value: Any) -> bool:
    if isinstance(value, str):
        text = known if isinstance(known, str) else to_json(known).decode()
        return text[:MOST_COMPARED] == value[:MOST_COMPARED]
    return bool(known == value) and isinstance(known, bool) == isinstance(value, bool)


@router.get(
    "/v1/messages/{message_id}/delivery_logs",
    operation_id="listMessageDeliveryLogs",
    openapi_extra=query_of(PageQuery),
)
def list_delivery_logs(message_id: str, request: Request, caller: Secret) -> ListMessageDeliveryLogsResponse:
    """Every exchange with the provider; an attempt whose exchange was lost shows as an empty one."""
    query = check(PageQuery, parse_query(request.url.query))
    with transaction() as tx:
        message = _load(tx, message_id, caller.environment_id)
        attempts = deliveries.attempts(tx, message_id)
    found = page_of(query, attempts, lambda attempt: f"{attempt.attempt:06d}")
    items = [log for attempt in found.rows for log in _logs(message, attempt)]
    return ListMessageDeliveryLogsResponse(items=items, page_info=PageInfo(**found.info()))


def _logs(message: MessageRow, attempt: deliveries.Attempt) -> list[schemas.MessageDeliveryLog]:
    return [
        schemas.MessageDeliveryLog(
            id=attempt.id if number == 0 else f"{attempt.id[:-2]}{number:02d}",
            environment_id=message.environment_id,
            service_name=attempt.provider or "unknown",
            request=schemas.DeliveryLogRequest(**exchange.get("request", {})),
            response=schemas.DeliveryLogResponse(**exchange.get("response", {})),
            attempt=attempt.attempt,
            outcome=attempt.outcome,
            reason=attempt.reason or None,
            inserted_at=attempt.started_at,
        )
        for number, exchange in enumerate(attempt.exchanges or [{}])
    ]


def _load(tx: Transaction, message_id: str, environment: object) -> MessageRow:
    message = messages.get_message(tx, message_id, environment)  # type: ignore[arg-type]
    if message is None:
        raise _missing(message_id)
    return message


def _missing(message_id: str) -> NotFound:
    return NotFound(f"There is no message `{message_id}`")


def _channel(request: Request, message: MessageRow) -> Channel | None:
    directory: Directory = request.app.state.directory
    return directory.snapshot.channels.get((message.environment_id, message.channel_id))


def _message(message: MessageRow, channel: Channel | None) -> Message:
    return Message(
        id=message.id,
        channel_id=message.channel_id,
        channel=_shown(channel) if channel else None,
        recipient=message.recipient.as_wire(),
        recipient_snapshot=dict(message.recipient_snapshot),
        actors=list(message.actors),
        tenant=message.tenant,
        workflow=message.workflow_key,
        source=schemas.NotificationSource(
            key=message.workflow_key,
            type=message.source_type,  # type: ignore[arg-type]
            categories=list(message.categories),
            step_ref=message.step_ref,
            version_id=message.version_id,
            workflow_run_id=message.trigger_id,
            workflow_recipient_run_id=message.run_id,
        ),
        status=message.status,  # type: ignore[arg-type]
        engagement_statuses=message.engagement_statuses,  # type: ignore[arg-type]
        data=dict(message.data),
        metadata=dict(message.metadata),
        scheduled_at=message.scheduled_at,
        seen_at=message.seen_at,
        read_at=message.read_at,
        interacted_at=message.interacted_at,
        link_clicked_at=message.link_clicked_at,
        clicked_at=message.link_clicked_at,
        archived_at=message.archived_at,
        inserted_at=message.inserted_at,
        updated_at=message.updated_at,
    )


def _shown(channel: Channel) -> schemas.MessageChannel:
    return schemas.MessageChannel(
        id=channel.id,
        key=channel.key,
        name=channel.name,
        type=channel.type,
        provider=channel.provider,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )
