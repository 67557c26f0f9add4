"""The channel type of a step that does not say it, as many workflow files do not.

It is the type of the step's channel. Files are also read where no channels are known: then what only one type's template
has decides; then what the step's reference or its channel's key starts with, after the Knock CLI's convention (`sms_1`,
`in_app_feed_1`); then the kind of body. E-mail is what remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FIELDS = {
    "subject": "email",
    "html_body": "email",
    "visual_blocks": "email",
    "is_mjml": "email",
    "action_url": "in_app_feed",
    "action_buttons": "in_app_feed",
    "json_body": "chat",
    "summary": "chat",
    "title": "push",
    "url": "http",
    "method": "http",
}
_SETTINGS = {"layout_key": "email", "pre_content": "email", "delivery_type": "push", "to_number": "sms"}
_NAMES = {
    "email": "email",
    "in_app_guide": "in_app_guide",
    "guide": "in_app_guide",
    "in_app": "in_app_feed",
    "inapp": "in_app_feed",
    "feed": "in_app_feed",
    "sms": "sms",
    "push": "push",
    "chat": "chat",
    "slack": "chat",
    "discord": "chat",
    "ms_teams": "chat",
    "webhook": "http",
    "http": "http",
}
_BODIES = {"text_body": "sms", "markdown_body": "in_app_feed"}


def with_channel_types(document: Any, channel_types: Mapping[str, str]) -> Any:
    """A normal document whose channel steps all have a `channel_type`. `channel_types` are types by channel key."""
    if isinstance(document, list):
        return [with_channel_types(item, channel_types) for item in document]
    if not isinstance(document, Mapping):
        return document
    nested = ("steps", "branches", "cohort_branches")
    node = {
        name: with_channel_types(value, channel_types) if name in nested else value for name, value in document.items()
    }
    if node.get("type") == "channel" and "channel_type" not in node:
        known = channel_types.get(str(node.get("channel_key")))
        node["channel_type"] = known or guessed(node)
    return node


def guessed(step: Mapping[str, Any]) -> str:
    """The type that the step itself speaks for."""
    if "guide_key" in step:
        return "in_app_guide"
    template = _part(step, "template")
    return (
        _first(_FIELDS, template)
        or _first(_SETTINGS, _part(template, "settings"))
        or _named(step.get("ref"))
        or _named(step.get("channel_key") or step.get("channel_group_key"))
        or _first(_BODIES, template)
        or "email"
    )


def _first(table: Mapping[str, str], node: Mapping[str, Any]) -> str | None:
    return next((table[name] for name in table if name in node), None)


def _named(name: object) -> str | None:
    text = str(name or "").lower().replace("-", "_")
    return next((kind for start, kind in _NAMES.items() if text.startswith(start)), None)


def _part(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = node.get(name)
    return part if isinstance(part, Mapping) else {}
