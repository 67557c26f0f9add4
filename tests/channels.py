"""Steps of every channel type besides e-mail, and somebody who can be reached on all of them."""

from __future__ import annotations

from typing import Any

from notify_workers import resources
from notify_workers.ids import channel_id
from notify_workers.store.environments import set_channel
from tests.engine import DEVELOPMENT

KEYS = {"sms": "sms", "push": "push", "chat": "chat", "in_app_feed": "in-app-feed", "http": "webhook"}
"""The sandbox channel of each type."""

TEMPLATES: dict[str, dict[str, Any]] = {
    "sms": {"text_body": "Hello {{ recipient.name }}"},
    "push": {
        "title": "Hello",
        "text_body": "{{ recipient.name }}",
        "settings": {"delivery_type": "content", "payload_overrides": '{"sound": "ding"}'},
    },
    "chat": {"markdown_body": "**Hello** {{ recipient.name }}", "summary": "A greeting"},
    "in_app_feed": {"markdown_body": "**Hello** {{ recipient.name }}", "action_url": "/hello"},
    "http": {
        "method": "post",
        "url": "https://api.test/{{ recipient.id }}",
        "headers": [{"key": "Authorization", "value": "Bearer hunter2"}, {"key": "X-A", "value": "1"}],
        "query_params": [{"key": "key", "value": "v&"}],
        "body": '{"name": {{ recipient.name | json }}}',
    },
}

REACHABLE = {
    "id": "jane",
    "name": "Jane",
    "email": "jane@example.com",
    "phone_number": "+15550001",
    "channel_data": {
        str(channel_id("push")): {"tokens": ["token-1"]},
        str(channel_id("chat")): {"connections": [{"channel_id": "C1", "access_token": "xoxb-hunter2"}]},
    },
}


def step(channel_type: str, **template: Any) -> dict[str, Any]:
    return {
        "ref": f"{channel_type}_1",
        "type": "channel",
        "channel_type": channel_type,
        "channel_key": KEYS[channel_type],
        "template": {**TEMPLATES[channel_type], **template},
    }


def configure_webhook(**settings: Any) -> None:
    """The webhook channel sends to real servers, on this machine too."""
    with resources.configuration() as tx:
        configured = {"allow_http": True, **settings}
        set_channel(tx, DEVELOPMENT, "webhook", name="Hook", type="http", provider="webhook", settings=configured)
