"""What an outbound webhook is told (contract: semantics §13): the events there are, and each one's body.

A body is made of the row as it was when the event was raised (migration 0009), in the words of the API's answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from notify_workers.store.messages import ENGAGEMENT
from workflows.recipients import Reference

_MESSAGE_EVENTS = (
    *("sent", "delivered", "delivery_attempted", "undelivered", "bounced"),
    *("seen", "unseen", "read", "unread", "archived", "unarchived", "interacted", "link_clicked"),
)
_RESOURCES = {
    "workflow": "Workflow",
    "email_layout": "EmailLayout",
    "partial": "Partial",
    "translation": "Translation",
    "source_event_action": "SourceEventAction",
}

EVENTS = (
    *(f"message.{each}" for each in _MESSAGE_EVENTS),
    *(f"workflow_recipient_run.{each}" for each in ("started", "completed", "error")),
    *(f"{kind}.{what}" for kind in _RESOURCES for what in ("updated", "committed")),
)
"""Every event that a webhook can have."""

_EVENT_DATA: Mapping[str, tuple[str, ...]] = {
    "message.delivery_attempted": ("attempt", "max_attempts", "retryable"),
    "message.undelivered": ("failure_reason", "failure_details"),
    "message.bounced": ("failure_reason", "failure_details", "token"),
    "message.link_clicked": ("url",),
    "workflow.committed": ("commit_id",),
    "email_layout.committed": ("commit_id",),
    "partial.committed": ("commit_id",),
    "translation.committed": ("commit_id",),
    "source_event_action.committed": ("commit_id",),
}


def body(kind: str, at: datetime, snapshot: Mapping[str, Any], event_data: Mapping[str, Any] | None) -> bytes:
    """The request's body: the same bytes for every attempt."""
    event = {
        "__typename": "Event",
        "type": kind,
        "created_at": at,
        "data": _data(kind, snapshot),
        "event_data": _event_data(kind, event_data),
    }
    return to_json(event)


def _data(kind: str, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    noun = kind.partition(".")[0]
    match noun:
        case "message":
            return message(snapshot)
        case "workflow_recipient_run":
            return run(snapshot)
        case _:
            return resource(_RESOURCES[noun], snapshot)


def _event_data(kind: str, known: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if kind == "message.interacted":
        return dict(known) if known else None
    names = _EVENT_DATA.get(kind)
    return {name: (known or {}).get(name) for name in names} if names else None


def message(row: Mapping[str, Any]) -> dict[str, Any]:
    """As `GET /v1/messages/{id}` shows it; a test holds both equal."""
    engagement = [status for status, column in ENGAGEMENT.items() if row[column] is not None]
    shown = {
        "__typename": "Message",
        "id": row["id"],
        "channel_id": row["channel_id"],
        "recipient": _recipient(row),
        "recipient_snapshot": row["recipient_snapshot"],
        "actors": row["actors"],
        "tenant": row["tenant"],
        "workflow": row["workflow_key"],
        "source": {
            "__typename": "NotificationSource",
            "type": row["source_type"],
            "key": row["workflow_key"],
            "categories": row["categories"],
            "step_ref": row["step_ref"],
            "version_id": row["version_id"],
            "workflow_run_id": row["trigger_id"],
            "workflow_recipient_run_id": row["run_id"],
        },
        "status": row["status"],
        "engagement_statuses": engagement,
        "data": row["data"],
        "metadata": row["metadata"],
        "scheduled_at": _time(row["scheduled_at"]),
        **{column: _time(row[column]) for column in ENGAGEMENT.values()},
        "clicked_at": _time(row["link_clicked_at"]),
        **_times(row),
    }
    return shown | ({"channel": _channel(row["channel"])} if row["channel"] else {})


def _channel(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "key", "name", "type", "provider")
    return {
        **{name: row[name] for name in names},
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
    }


def run(row: Mapping[str, Any]) -> dict[str, Any]:
    """As `GET /v1/workflow_recipient_runs` shows it; a test holds both equal."""
    sources = ("type", "audience_key", "schedule_id")
    return {
        "__typename": "WorkflowRecipientRun",
        "id": row["id"],
        "workflow_run_id": row["trigger_id"],
        "workflow": row["workflow_key"],
        "status": row["status"],
        "recipient": _recipient(row),
        "actor": Reference(row["actor_collection"], row["actor_id"]).as_wire() if row["actor_id"] else None,
        "tenant": row["tenant"],
        "trigger_source": {name: row["source"].get(name) for name in sources}
        | {"cancellation_key": row["cancellation_key"]},
        "error_count": row["error_count"],
        **_times(row),
    }


def resource(typename: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Which one changed, and to which version. Its content is for `doorbell pull`."""
    return {
        "__typename": typename,
        "key": row["key"],
        "name": row["name"],
        "active": row["active"],
        "version_id": row["version_id"],
        "sha": row["sha"],
        "created_at": _time(row["created_at"]),
        "updated_at": _time(row["updated_at"]),
    }


def _recipient(row: Mapping[str, Any]) -> Any:
    return Reference(row["collection"], row["recipient_id"]).as_wire()


def _times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"inserted_at": _time(row["inserted_at"]), "updated_at": _time(row["updated_at"])}


def _time(text: str | None) -> datetime | None:
    """PostgreSQL's JSON has the zone's offset, the wire has Z: writing it again makes it so."""
    return datetime.fromisoformat(text) if text is not None else None
