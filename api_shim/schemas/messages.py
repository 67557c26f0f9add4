"""Messages, and what belongs to one: content, events, activities, delivery logs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer
from pydantic_core import from_json

from api_shim.bodies import unstorable
from api_shim.pages import PageQuery
from api_shim.schemas.common import Answer, PageInfo, RecipientReference, Time
from api_shim.schemas.users import Object, User
from api_shim.schemas.workflow_recipient_runs import as_list

DeliveryStatus = Literal["queued", "sent", "delivered", "delivery_attempted", "undelivered", "not_sent", "bounced"]
EngagementStatus = Literal["seen", "read", "interacted", "link_clicked", "archived"]
EngagementFilter = Literal["seen", "unseen", "read", "unread", "archived", "unarchived", "link_clicked", "interacted"]
MOST_MESSAGE_IDS = 50


def parse_trigger_data(value: Any) -> Any:
    """A JSON string of a flat map, or the bracketed map that old clients send."""
    if isinstance(value, str):
        try:
            value = from_json(value, allow_inf_nan=False)
        except ValueError:
            raise ValueError("must be a JSON object") from None
    if not isinstance(value, dict) or any(isinstance(each, dict | list) for each in value.values()):
        raise ValueError("must be a flat JSON object")
    if any(True for _ in unstorable(value)):
        raise ValueError("must not contain NUL characters or numbers beyond 1.8e308")
    return value


TriggerData = Annotated[dict[str, Any], BeforeValidator(parse_trigger_data)]


class TimeRange(BaseModel):
    gt: Time | None = None
    gte: Time | None = None
    lt: Time | None = None
    lte: Time | None = None


class MessagesQuery(PageQuery):
    tenant: str | None = None
    channel_id: UUID | None = None
    status: Annotated[Sequence[DeliveryStatus], BeforeValidator(as_list)] = ()
    engagement_status: Annotated[Sequence[EngagementFilter], BeforeValidator(as_list)] = ()
    message_ids: Annotated[Sequence[str], BeforeValidator(as_list), Field(max_length=MOST_MESSAGE_IDS)] = ()
    workflow_categories: Annotated[Sequence[str], BeforeValidator(as_list)] = ()
    source: str | None = None
    workflow_run_id: UUID | None = None
    workflow_recipient_run_id: UUID | None = None
    trigger_data: TriggerData | None = None
    inserted_at: TimeRange = TimeRange()


class ContentsQuery(BaseModel):
    message_ids: Annotated[Sequence[str], BeforeValidator(as_list)]


class ActivitiesQuery(PageQuery):
    trigger_data: TriggerData | None = None


class NotificationSource(Answer):
    typename: Literal["NotificationSource"] = Field(default="NotificationSource", alias="__typename")
    type: Literal["workflow", "broadcast", "guide"] = "workflow"
    key: str
    categories: list[str]
    step_ref: str | None
    version_id: UUID
    workflow_run_id: UUID | None
    workflow_recipient_run_id: UUID | None


class MessageChannel(Answer):
    id: UUID
    key: str
    name: str
    type: str
    provider: str
    created_at: datetime
    updated_at: datetime


class Message(Answer):
    typename: Literal["Message"] = Field(default="Message", alias="__typename")
    id: str
    channel_id: UUID
    channel: MessageChannel | None = Field(default=None, exclude_if=lambda channel: channel is None)
    recipient: RecipientReference
    recipient_snapshot: dict[str, Any]
    actors: list[RecipientReference]
    tenant: str | None
    workflow: str
    source: NotificationSource
    status: DeliveryStatus
    engagement_statuses: list[EngagementStatus]
    data: dict[str, Any]
    metadata: dict[str, Any]
    scheduled_at: datetime | None
    seen_at: datetime | None
    read_at: datetime | None
    interacted_at: datetime | None
    link_clicked_at: datetime | None
    clicked_at: datetime | None
    archived_at: datetime | None
    inserted_at: datetime
    updated_at: datetime


class ListMessagesResponse(Answer):
    items: list[Message]
    page_info: PageInfo


class MessageEmailContent(Answer):
    typename: Literal["MessageEmailContent"] = Field(default="MessageEmailContent", alias="__typename")
    to: str
    sender: str = Field(alias="from")
    cc: str | None
    bcc: str | None
    reply_to: str | None
    subject_line: str
    html_body: str
    text_body: str


class MessageSmsContent(Answer):
    typename: Literal["MessageSmsContent"] = Field(default="MessageSmsContent", alias="__typename")
    to: str
    body: str


class MessagePushContent(Answer):
    typename: Literal["MessagePushContent"] = Field(default="MessagePushContent", alias="__typename")
    token: str
    title: str
    body: str
    data: dict[str, Any] | None


class ChatBlock(Answer):
    type: Literal["text", "markdown"]
    name: str
    content: str


class ChatTemplate(Answer):
    blocks: list[ChatBlock] | None
    json_content: dict[str, Any] | None
    summary: str | None


class MessageChatContent(Answer):
    typename: Literal["MessageChatContent"] = Field(default="MessageChatContent", alias="__typename")
    connection: dict[str, Any]
    template: ChatTemplate
    metadata: dict[str, Any] | None = None


class MessageInAppFeedContent(Answer):
    typename: Literal["MessageInAppFeedContent"] = Field(default="MessageInAppFeedContent", alias="__typename")
    blocks: list[dict[str, Any]]


class QueryParam(Answer):
    key: str
    value: str


class MessageWebhookContent(Answer):
    """Ours: the contract has no content of a webhook."""

    typename: Literal["MessageWebhookContent"] = Field(default="MessageWebhookContent", alias="__typename")
    method: str
    url: str
    headers: dict[str, str]
    query_params: list[QueryParam]
    body: str | None


MessageContentOfType = (
    MessageEmailContent
    | MessageSmsContent
    | MessagePushContent
    | MessageChatContent
    | MessageInAppFeedContent
    | MessageWebhookContent
)


class MessageContents(Answer):
    typename: Literal["MessageContent"] = Field(default="MessageContent", alias="__typename")
    message_id: str
    data: MessageContentOfType
    inserted_at: datetime


class MessageEvent(Answer):
    typename: Literal["MessageEvent"] = Field(default="MessageEvent", alias="__typename")
    id: str
    type: str
    data: dict[str, Any] | None
    recipient: RecipientReference
    inserted_at: datetime


class ListMessageEventsResponse(Answer):
    items: list[MessageEvent]
    page_info: PageInfo


class Activity(Answer):
    typename: Literal["Activity"] = Field(default="Activity", alias="__typename")
    id: str
    data: dict[str, Any]
    actor: User | Object | None
    recipient: User | Object
    inserted_at: datetime
    updated_at: datetime


class ListActivitiesResponse(Answer):
    items: list[Activity]
    page_info: PageInfo


class _Known(Answer):
    """Only what is known is shown: of an attempt whose exchange was lost, nothing is."""

    @model_serializer(mode="wrap")
    def _without_unknown(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class DeliveryLogRequest(_Known):
    method: str | None = None
    host: str | None = None
    path: str | None = None
    query: str | None = None
    headers: dict[str, Any] | None = None
    body: dict[str, Any] | str | None = None


class DeliveryLogResponse(_Known):
    status: int | None = None
    headers: dict[str, Any] | None = None
    body: dict[str, Any] | str | None = None


class MessageDeliveryLog(Answer):
    """One exchange with a provider. `attempt`, `outcome` and `reason` are ours, beside the contract's."""

    typename: Literal["MessageDeliveryLog"] = Field(default="MessageDeliveryLog", alias="__typename")
    id: str
    environment_id: UUID
    service_name: str
    request: DeliveryLogRequest
    response: DeliveryLogResponse
    attempt: int
    outcome: str | None
    reason: str | None
    inserted_at: datetime


class ListMessageDeliveryLogsResponse(Answer):
    items: list[MessageDeliveryLog]
    page_info: PageInfo
