"""Push: one message for each device that the recipient's channel data names (contract: semantics §16, §25)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.channels import NoAddress
from workflows.channels.json_template import JsonTemplate
from workflows.content import Push
from workflows.liquid.environment import Template, compile_template
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import PushTemplate, Resources

TOKENS = ("tokens", "player_ids", "target_arns")
"""Where vendors' channel data has a list of plain tokens."""


@dataclass(frozen=True, slots=True)
class CompiledPush:
    title: Template
    body: Template
    is_silent: bool
    overrides: JsonTemplate | None
    token_deregistration: bool | None = None

    def addresses(self, context: StepContext, channel: ChannelView, /) -> tuple[dict[str, str], ...]:
        """`{"token": …}` for each device, with its `locale` and `timezone` where they are known."""
        known = context.channel_data.get(channel.id)
        devices: dict[str, dict[str, str]] = {}
        for device in _devices(known if isinstance(known, Mapping) else {}):
            devices.setdefault(device["token"], device)
        if not devices:
            raise NoAddress(f"recipient has no push token for channel `{channel.key}`")
        return tuple(devices.values())

    def render(self, context: StepContext, _channel: ChannelView, address: Mapping[str, str], /) -> Push:
        """In the device's own language, where it has one."""
        variables: Mapping[str, Any] = context.variables
        if "locale" in address:
            recipient = {**context.scope.recipient, "locale": address["locale"]}
            variables = {**variables, "recipient": recipient}
        return Push(
            token=address["token"],
            title=self.title.render(variables).strip(),
            body=self.body.render(variables).strip(),
            is_silent=self.is_silent,
            overrides=self.overrides.render(variables) if self.overrides else {},
            token_deregistration=self.token_deregistration,
        )


def _devices(data: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Devices first: they say more of a token than the plain list does, which may name it again."""
    for device in _listed(data, "devices"):
        if isinstance(device, Mapping):
            known = {"token": device.get("token") or device.get("target_arn")}
            known |= {name: device.get(name) for name in ("locale", "timezone")}
            said = {name: value for name, value in known.items() if isinstance(value, str) and value}
            if "token" in said:
                yield said
    for name in TOKENS:
        yield from ({"token": token} for token in _listed(data, name) if isinstance(token, str) and token)


def _listed(data: Mapping[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    return value if isinstance(value, list) else []


def compile_push(step: ChannelStep, resources: Resources) -> CompiledPush:
    template = step.template
    assert isinstance(template, PushTemplate)
    return CompiledPush(
        title=compile_template(template.title, name=f"{step.ref}/title", resources=resources),
        body=compile_template(template.text_body, name=f"{step.ref}/text_body", resources=resources),
        is_silent=template.delivery_type == "silent",
        overrides=JsonTemplate.compile(template.payload_overrides, f"{step.ref}/settings/payload_overrides", resources),
        token_deregistration=step.overrides.token_deregistration,
    )
