"""The channel step: one notification on one channel, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from workflows.content import Email
from workflows.effects import Enqueue, Record
from workflows.email.headers import is_one_address
from workflows.model import EmailStep
from workflows.outcomes import Continue, Skip, Steps
from workflows.scope import StepContext
from workflows.steps import handles


@handles(EmailStep)
def channel(step: EmailStep, context: StepContext) -> Steps:
    """The run goes on at once: delivery is its own concern, and its failure does not undo the step."""
    for gate in GATES:
        if reason := gate(step, context):
            return Skip(reason)
    email = context.program.email(step)
    yield Record("address_resolved", {"to": email.address(context.scope, context.now)})
    if context.scope.lookup(step.template.attachment_key):
        yield Record("attachments_left_out", {"path": step.template.attachment_key}, error=True)
    content = email.render(context.scope, context.now, context.channels[step.channel_key].sender)
    yield Record("rendered", _sizes(content))
    message_id = yield Enqueue(step.channel_key, content, _snapshot(context.scope.recipient))
    return Continue(f"message {message_id} was created")


def channel_is_configured(step: EmailStep, context: StepContext) -> str | None:
    configured = context.channels.get(step.channel_key)
    if configured is None:
        return f"channel `{step.channel_key}` is not configured in this environment"
    if configured.type != step.channel_type:
        return f"channel `{step.channel_key}` is of type {configured.type}, the step needs {step.channel_type}"
    return None


def recipient_is_addressable(step: EmailStep, context: StepContext) -> str | None:
    address = context.program.email(step).address(context.scope, context.now)
    if not address:
        return "recipient has no email address"
    if step.overrides.to_address is None and not is_one_address(address):
        return "recipient's email is not one address"
    return None


GATES: tuple[Callable[[EmailStep, StepContext], str | None], ...] = (channel_is_configured, recipient_is_addressable)
"""What may keep a step from sending, as the reason to skip it. In the order of the contract: channel and conditions,
the recipient's data, preferences, send windows (semantics §3)."""


def _sizes(email: Email) -> dict[str, int]:
    return {
        "subject_chars": len(email.subject),
        "html_bytes": len(email.html.encode()),
        "text_bytes": len(email.text.encode()),
    }


def _snapshot(recipient: Mapping[str, Any]) -> dict[str, Any]:
    """What the message keeps of the recipient, who may change or be deleted before it is delivered."""
    return {"email": recipient.get("email"), "name": recipient.get("name")}
