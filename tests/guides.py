"""Guides as tests publish them, and marks as clients send them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx2

from notify_workers import resources
from notify_workers.ids import channel_id, guide_id
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine

CHANNEL = channel_id("in-app-guide")


def guide_step(ref: str = "step_1", **values: Any) -> dict[str, Any]:
    return {
        "ref": ref,
        "schema_key": "banner",
        "schema_semver": "1.0.0",
        "schema_variant_key": "default",
        "values": values or {"title": "Hello {{ recipient.name }}"},
    }


def guide(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "A guide", "channel_key": "in-app-guide", "steps": list(steps) or [guide_step()], **fields}


def publish(key: str, *steps: dict[str, Any], **fields: Any) -> UUID | None:
    """Makes a guide current in development; its new version."""
    with resources.configuration() as tx:
        return resources.publish_guide(tx, DEVELOPMENT, key, guide(*steps, **fields))


def mark(key: str, step_ref: str = "step_1", **fields: Any) -> dict[str, Any]:
    """The body of a mark; `seen` needs a `content` too."""
    return {
        "channel_id": str(CHANNEL),
        "guide_id": str(guide_id(DEVELOPMENT, key)),
        "guide_key": key,
        "guide_step_ref": step_ref,
        **fields,
    }


EMPTY_MESSAGE = dict.fromkeys(("id", "seen_at", "read_at", "interacted_at", "archived_at", "link_clicked_at"))


def fetch(api: CheckedClient, user: str = "jane", **query: str) -> dict[str, Any]:
    answer = api.get(f"/v1/users/{user}/guides/{CHANNEL}", params=query)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def keys(api: CheckedClient, user: str = "jane", **query: str) -> list[str]:
    return [each["key"] for each in fetch(api, user, **query)["entries"]]


def reasons(api: CheckedClient, **query: str) -> dict[str, str]:
    return {each["key"]: each["reason"] for each in fetch(api, **query)["ineligible_guides"]}


def put(api: CheckedClient, status: str, body: dict[str, Any], user: str = "jane") -> httpx2.Response:
    answer = api.put(f"/v1/users/{user}/guides/messages/{status}", json=body)
    if answer.status_code == 200:
        assert answer.json() == {"status": "ok"}
    return answer


def message_of(api: CheckedClient, key: str = "tour", **query: str) -> dict[str, Any]:
    """The first step's, of a guide that may be archived."""
    (entry,) = (each for each in fetch(api, force_all_guides="true", **query)["entries"] if each["key"] == key)
    message: dict[str, Any] = entry["steps"][0]["message"]
    return message


def events(engine: Engine) -> list[str]:
    return [row.type.removeprefix("message.") for row in engine.rows("select type from message_events order by number")]
