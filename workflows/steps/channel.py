"""The channel step: one notification on one channel, or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from workflows.channels import NoAddress
from workflows.channels.guide import make_eligible
from workflows.content import Content
from workflows.effects import Effect, Enqueue, NameMessage, Record
from workflows.groups import channels_of, parse_group_document
from workflows.judging import gather
from workflows.liquid.lookups import rendering
from workflows.model import ChannelStep
from workflows.outcomes import Continue, Skip, Steps
from workflows.preferences import decide, preference_conditions
from workflows.scope import ChannelView, StepContext
from workflows.send_windows import NeverOpens, next_opening
from workflows.steps import handles
from workflows.templates import GuideTemplate

TEXTS = ("subject", "title", "html", "text", "body", "markdown")


@handles(ChannelStep)
def channel(step: ChannelStep, context: StepContext) -> Steps:
    """The run goes on at once: delivery is its own concern, and its failure does not undo the step.

    A channel group may send through several channels, a recipient have several addresses on one: each is a message.
    """
    channels = yield from _channels(step, context)
    if isinstance(channels, str):
        return Skip(channels)
    if isinstance(step.template, GuideTemplate):
        return (yield from _guide(step.template, context, channels[0]))
    reasons, messages = [], []
    for each in channels:
        made = yield from _send(step, context, each)
        if isinstance(made, str):
            reasons.append(made)
        else:
            messages += made
    if not messages:
        return Skip("; ".join(dict.fromkeys(reasons)))
    return Continue(f"{_count(messages)} created: {', '.join(messages)}")


def _guide(template: GuideTemplate, context: StepContext, channel: ChannelView) -> Steps:
    if reason := (yield from _opted_out(context, channel)):
        return Skip(reason)
    sandboxed = replace(context, sandbox_mode=context.sandbox_mode or channel.is_sandboxed)
    return (yield from make_eligible(template, sandboxed))


def _count(messages: list[str]) -> str:
    return "1 message was" if len(messages) == 1 else f"{len(messages)} messages were"


def _channels(step: ChannelStep, context: StepContext) -> Generator[Effect, Any, list[ChannelView] | str]:
    """The channels to send through, or why there are none."""
    keys: tuple[str, ...] = (step.channel_key or "",)
    if step.channel_group_key is not None:
        document = context.groups.get(step.channel_group_key)
        if document is None:
            return f"channel group `{step.channel_group_key}` does not exist in this environment"
        group = parse_group_document(document)
        facts = yield from gather(group.conditions, context)
        keys = yield from rendering(context, partial(channels_of, group, facts))
        yield Record("channel_group_resolved", {"group": step.channel_group_key, "channels": list(keys)})
        if not keys:
            return f"no rule of channel group `{step.channel_group_key}` applies"
    missing = [problem for key in keys if (problem := _problem(step, context, key))]
    if len(missing) == len(keys):
        return "; ".join(missing)
    return [context.channels[key] for key in keys if not _problem(step, context, key)]


def _problem(step: ChannelStep, context: StepContext, key: str) -> str | None:
    configured = context.channels.get(key)
    if configured is None:
        return f"channel `{key}` is not configured in this environment"
    if configured.type != step.channel_type:
        return f"channel `{key}` is of type {configured.type}, the step needs {step.channel_type}"
    return None


def _send(step: ChannelStep, context: StepContext, channel: ChannelView) -> Generator[Effect, Any, list[str] | str]:
    """The messages made on one channel, or why there are none. In the contract's order: the recipient's data,
    preferences, send windows, and only then the templates (semantics §3)."""
    content = context.program.content(step)
    try:
        addresses = yield from rendering(context, lambda: content.addresses(context, channel))
    except NoAddress as unreachable:
        return str(unreachable)
    yield Record("address_resolved", {"channel": channel.key, "addresses": len(addresses)})
    if reason := (yield from _opted_out(context, channel)):
        return reason
    messages = []
    for address in addresses:
        try:
            scheduled_at = yield from _opening(step, context, address)
        except NeverOpens as never:
            return str(never)
        message_id: str = yield NameMessage()
        own = _of_message(context, message_id)
        rendered = yield from rendering(own, partial(content.render, own, channel, address))
        yield Record("rendered", _sizes(rendered))
        yield Enqueue(message_id, channel.key, rendered, _snapshot(context.scope.recipient), scheduled_at)
        messages.append(message_id)
    return messages


def _of_message(context: StepContext, message_id: str) -> StepContext:
    """What the templates of one message see."""
    now = context.now.isoformat()
    message = {"id": message_id, "inserted_at": now, "updated_at": now}
    return replace(context, scope=replace(context.scope, current_message=message))


def _opening(step: ChannelStep, context: StepContext, address: Any) -> Generator[Effect, Any, datetime | None]:
    """When the message may leave, None for now. A device's own zone goes before its owner's (contract: semantics §17)."""
    if not step.send_windows:
        return None
    zone = address.get("timezone") if isinstance(address, Mapping) else None
    zone = zone or context.timezone
    opens = next_opening(step.send_windows, context.now, zone)
    if opens is not None:
        yield Record("outside_send_window", {"opens": opens.isoformat(), "timezone": zone})
    return opens


def _sizes(content: Content) -> dict[str, int]:
    """How long its texts are: enough to see that something was rendered, without showing it."""
    fields = content.as_json()
    sizes = {f"{name}_chars": len(fields[name]) for name in TEXTS if isinstance(fields.get(name), str)}
    return sizes or {"chars": len(json.dumps(fields))}


def _opted_out(context: StepContext, channel: ChannelView) -> Generator[Effect, Any, str]:
    """The preference that forbids the message, in words; empty when nothing does."""
    workflow = context.program.workflow
    facts = yield from gather(preference_conditions(context.preferences), _of_first_activity(context))
    deciding = partial(
        decide,
        context.preferences,
        workflow_key=workflow.key,
        categories=workflow.categories,
        channel_type=channel.type,
        channel_id=channel.id,
        channel_key=channel.key,
        is_commercial=workflow.is_commercial,
        override=workflow.override_preferences,
        facts=facts,
    )
    decision = yield from rendering(context, deciding)
    if decision.rule or decision.evaluations:
        yield Record("preferences_evaluated", decision.as_json())
    return "" if decision.allowed else decision.reason


def _of_first_activity(context: StepContext) -> StepContext:
    """What conditions of preferences see: of a batch the first activity alone (contract: semantics §6)."""
    first = context.scope.first_data
    return context if first is None else replace(context, scope=replace(context.scope, data=first))


def _snapshot(recipient: Mapping[str, Any]) -> dict[str, Any]:
    """What the message keeps of the recipient, who may change or be deleted before it is delivered."""
    return {"email": recipient.get("email"), "name": recipient.get("name")}
