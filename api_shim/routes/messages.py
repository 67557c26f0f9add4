"""Messages, and what belongs to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import APIRouter, Request

from api_shim import contents
from api_shim.auth import Caller, Public, Secret
from api_shim.bodies import check
from api_shim.directory import Directory
from api_shim.errors import problem
from api_shim.openapi import query_of
from api_shim.pages import PageQuery, foreign, page, page_of
from api_shim.query import parse_query
from api_shim.schemas import messages as schemas
from api_shim.schemas.common import PageInfo
from api_shim.schemas.messages import (
    ActivitiesQuery,
    ContentsQuery,
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
from notify_workers.settings import settings
from notify_workers.store import activities, deliveries, messages
from notify_workers.store.activities import Activity
from notify_workers.store.environments import Channel
from notify_workers.store.messages import MessageContent, MessageFilter, MessageRow
from notify_workers.store.recipients import Recipient
from notify_workers.store.session import Transaction, transaction
from workflows.content import content_from_json
from workflows.recipients import USERS, Reference

router = APIRouter(tags=["Messages"])


@router.get("/v1/messages", operation_id="listMessages", openapi_extra=query_of(MessagesQuery))
def list_messages(request: Request, caller: Secret) -> ListMessagesResponse:
    """Messages, newest first."""
    return _list(request, caller, None)


@router.get(
    "/v1/users/{user_id}/messages",
    operation_id="listMessagesForUser",
    openapi_extra=query_of(MessagesQuery),
    tags=["Users"],
)
def list_messages_of_user(user_id: str, request: Request, caller: Secret) -> ListMessagesResponse:
    """A user's messages, newest first; of an unknown one there are none."""
    return _list(request, caller, Reference(USERS, user_id))


@router.get(
    "/v1/objects/{collection}/{id}/messages",
    operation_id="listMessagesForObject",
    openapi_extra=query_of(MessagesQuery),
    tags=["Objects"],
)
def list_messages_of_object(collection: str, id: str, request: Request, caller: Secret) -> ListMessagesResponse:
    """An object's messages, newest first; of an unknown one there are none."""
    return _list(request, caller, Reference(collection, id))


def _list(request: Request, caller: Caller, recipient: Reference | None) -> ListMessagesResponse:
    query = check(MessagesQuery, parse_query(request.url.query))
    wanted = _filter(query, recipient)
    with transaction() as tx:
        rows = messages.page_of_messages(
            tx, caller.environment_id, wanted, after=query.after_key, before=query.before_key, limit=query.limit
        )
    found = page(query, rows, lambda message: message.id)
    items = [shown(request, message) for message in found.rows]
    return ListMessagesResponse(items=items, page_info=PageInfo(**found.info()))


def _filter(query: MessagesQuery, recipient: Reference | None) -> MessageFilter:
    return MessageFilter(
        recipient=recipient,
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


@router.get(
    "/v1/messages/batch/content",
    operation_id="batchGetMessageContents",
    openapi_extra=query_of(ContentsQuery),
)
def get_contents(request: Request, caller: Secret) -> list[MessageContents]:
    """The contents of several messages, in the order asked for; messages that do not exist are left out."""
    query = check(ContentsQuery, parse_query(request.url.query))
    check_ids(query.message_ids)
    with transaction() as tx:
        found = messages.get_contents(tx, query.message_ids, caller.environment_id)
    return [_contents(found[each]) for each in dict.fromkeys(query.message_ids) if each in found]


def check_ids(ids: Sequence[str]) -> None:
    """Raises 422 for more messages than one request may name."""
    most = settings().max_message_ids
    if len(ids) > most:
        raise problem("message_ids", f"must have at most {most} ids", "too_long")


@router.get("/v1/messages/{message_id}", operation_id="getMessage")
def get_message(message_id: str, request: Request, caller: Public) -> Message:
    with transaction() as tx:
        message = _load(tx, message_id, caller.environment_id)
    caller.require("user/feed_read", message.recipient, message.tenant)
    return shown(request, message)


@router.get("/v1/messages/{message_id}/content", operation_id="getMessageContents")
def get_content(message_id: str, caller: Secret) -> MessageContents:
    """The content as it was rendered."""
    with transaction() as tx:
        found = messages.get_contents(tx, [message_id], caller.environment_id)
    if message_id not in found:
        raise missing(message_id)
    return _contents(found[message_id])


def _contents(found: MessageContent) -> MessageContents:
    data = contents.shown(content_from_json(found.content))
    return MessageContents(message_id=found.message_id, data=data, inserted_at=found.inserted_at)


@router.get("/v1/messages/{message_id}/events", operation_id="listMessageEvents", openapi_extra=query_of(PageQuery))
def list_events(message_id: str, request: Request, caller: Secret) -> ListMessageEventsResponse:
    """What happened to a message, in order."""
    query = check(PageQuery, parse_query(request.url.query))
    with transaction() as tx, foreign_cursors(query):
        message = _load(tx, message_id, caller.environment_id)
        rows = messages.page_of_events(
            tx, message_id, after=query.after_key, before=query.before_key, limit=query.limit
        )
    found = page(query, rows, lambda event: str(event.number))
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


@contextmanager
def foreign_cursors(query: PageQuery) -> Iterator[None]:
    """A cursor that some other list gave out is a problem of the request's."""
    try:
        yield
    except ValueError:
        raise foreign("before" if query.before else "after") from None


@router.get(
    "/v1/messages/{message_id}/activities",
    operation_id="listMessageActivities",
    openapi_extra=query_of(ActivitiesQuery),
)
def list_activities(message_id: str, request: Request, caller: Secret) -> ListActivitiesResponse:
    """The triggers that a message tells of."""
    query = check(ActivitiesQuery, parse_query(request.url.query))
    with transaction() as tx, foreign_cursors(query):
        message = _load(tx, message_id, caller.environment_id)
        rows = activities.page_of_activities(
            tx, message_id, query.trigger_data, after=query.after_key, before=query.before_key, limit=query.limit
        )
    found = page(query, rows, lambda each: str(each.number))
    items = [activity(each, message.recipient) for each in found.rows]
    return ListActivitiesResponse(items=items, page_info=PageInfo(**found.info()))


def activity(each: Activity, recipient: Reference) -> schemas.Activity:
    """An activity as it is shown; `recipient` is its message's, who may be unknown by now."""
    return schemas.Activity(
        id=activity_id(each.trigger_id),
        data=dict(each.data),
        actor=entity(each.actor) if each.actor else None,
        recipient=entity(each.recipient or Recipient(recipient, {}, None, each.inserted_at)),
        inserted_at=each.inserted_at,
        updated_at=each.inserted_at,
    )


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
        raise missing(message_id)
    return message


def missing(message_id: str) -> NotFound:
    return NotFound(f"There is no message `{message_id}`")


def shown(request: Request, message: MessageRow) -> Message:
    """A message as every answer shows it."""
    directory: Directory = request.app.state.directory
    return _message(message, directory.snapshot.channels.get((message.environment_id, message.channel_id)))


def _message(message: MessageRow, channel: Channel | None) -> Message:
    return Message(
        id=message.id,
        channel_id=message.channel_id,
        channel=_channel(channel) if channel else None,
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


def _channel(channel: Channel) -> schemas.MessageChannel:
    return schemas.MessageChannel(
        id=channel.id,
        key=channel.key,
        name=channel.name,
        type=channel.type,
        provider=channel.provider,
        created_at=channel.created_at,
        updated_at=channel.updated_at,
    )
