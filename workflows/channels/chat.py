"""Chat: one message for each connection in the recipient's channel data (contract: semantics §25).

An access token and an incoming webhook's URL are secrets: whoever has them may write. Neither is part of an address or
of a content. What stands there instead still tells a recipient's connections apart, so that a provider that needs the
secret finds, when it sends, the connection whose `shown` is the message's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from workflows.channels import NoAddress
from workflows.channels.json_template import JsonTemplate
from workflows.content import Chat
from workflows.liquid.environment import Template, compile_template
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import ChatTemplate, Resources

PLACES = (
    *("channel_id", "channel_name", "user_id"),
    *("ms_teams_tenant_id", "ms_teams_team_id", "ms_teams_channel_id", "ms_teams_user_id"),
    *("chat_id", "phone_number"),
)
"""What a connection may say that is no secret."""

UNCONNECTED = frozenset({"email", "phone_number"})
"""What an address consists of that comes from the recipient's properties, not from a connection."""


@dataclass(frozen=True, slots=True)
class CompiledChat:
    markdown: Template
    json_body: JsonTemplate | None
    summary: Template | None
    finds_by_email: bool

    def addresses(self, context: StepContext, channel: ChannelView, /) -> tuple[dict[str, Any], ...]:
        """Each of the recipient's connections, as shown; without any, nothing if the channel knows where to, the e-mail
        address if the step looks users up by it, or WhatsApp's phone number. The tenant's connections are the tenant's:
        only its token stands in for a missing one."""
        known = context.channel_data.get(channel.id)
        connections = known.get("connections") if isinstance(known, Mapping) else None
        places = [shown(each) for each in connections or () if isinstance(each, Mapping)]
        found = {repr(place): place for place in places if place}
        if found:
            return tuple(found.values())
        if channel.is_addressed:
            return ({},)
        for name, is_wanted in (("email", self.finds_by_email), ("phone_number", channel.provider == "whatsapp")):
            value = context.scope.recipient.get(name)
            if is_wanted and isinstance(value, str) and value.strip():
                return ({name: value.strip()},)
        raise NoAddress(f"recipient has no connection for channel `{channel.key}`")

    def render(self, context: StepContext, _channel: ChannelView, address: Mapping[str, Any], /) -> Chat:
        variables = context.variables
        content = self.json_body.render(variables) if self.json_body else {}
        return Chat(
            connection=dict(address),
            markdown="" if content else self.markdown.render(variables).strip(),
            json_content=content or None,
            summary=self.summary.render(variables).strip() if self.summary else "",
        )


def shown(connection: Mapping[str, Any]) -> dict[str, Any]:
    """A connection without its secrets; empty when it leads nowhere."""
    said = {name: connection.get(name) for name in PLACES}
    place: dict[str, Any] = {name: value for name, value in said.items() if isinstance(value, str) and value}
    if type(said["chat_id"]) is int:  # as Telegram writes it
        place["chat_id"] = str(said["chat_id"])
    webhook = connection.get("incoming_webhook")
    url = webhook.get("url") if isinstance(webhook, Mapping) else None
    if isinstance(url, str) and url:
        place["incoming_webhook"] = {"url": _shortened(url)}
    address = connection.get("apprise_url")
    if isinstance(address, str) and address:  # even its host may be a secret
        place["apprise_url"] = f"{address.partition('://')[0][:20]}://…{_digest(address)}"
    return {} if place.keys() <= {"channel_name", "ms_teams_tenant_id"} else place


def _shortened(url: str) -> str:
    """`https://hooks.slack.com/…5f0c1d9a4b2e`: where it leads, and a digest of all of it."""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}/…{_digest(url)}"


def _digest(url: str) -> str:
    return sha256(url.encode()).hexdigest()[:12]


def compile_chat(step: ChannelStep, resources: Resources) -> CompiledChat:
    template = step.template
    assert isinstance(template, ChatTemplate)
    summary = template.summary
    return CompiledChat(
        markdown=compile_template(template.markdown_body, name=f"{step.ref}/markdown_body", resources=resources),
        json_body=JsonTemplate.compile(template.json_body, f"{step.ref}/json_body", resources),
        summary=compile_template(summary, name=f"{step.ref}/summary", resources=resources) if summary else None,
        finds_by_email=bool(step.overrides.email_based_user_id_resolution),
    )
