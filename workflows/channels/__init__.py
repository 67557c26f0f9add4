"""What a channel step sends: one module per channel type, each from a step's templates to content with its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

from workflows.content import Content
from workflows.errors import WorkflowError
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import Resources


class NoAddress(WorkflowError):
    """The recipient cannot be reached on this channel; the message is the reason to skip the step."""

    code = "no_address"


class CompiledContent(Protocol):
    """A step's templates, compiled. Holds no state of a rendering: one serves every run and thread.

    Both methods may raise `EntityNeeded` (see `workflows/liquid/lookups.py`), `TemplateError` and `StepFailed`.
    """

    def addresses(self, context: StepContext, channel: ChannelView, /) -> tuple[Any, ...]:
        """Where it goes: a JSON value for each message to make, without secrets. Raises `NoAddress`."""
        ...

    def render(self, context: StepContext, channel: ChannelView, address: Any, /) -> Content:
        """The content for one of those addresses."""
        ...


def compile_content(step: ChannelStep, resources: Resources) -> CompiledContent:
    """Of a step that sends something, which one of type `in_app_guide` does not.

    Raises `TemplateError`, and `StepFailed` when the step refers to a layout that does not exist.
    """
    return _compilers()[type(step.template)](step, resources)


@cache
def _compilers() -> Mapping[type, Callable[[ChannelStep, Resources], CompiledContent]]:
    """By class of template. Imported when first needed: these modules need this one for what stands above."""
    from workflows import templates
    from workflows.channels import chat, feed, push, sms, webhook
    from workflows.email import render as email

    return {
        templates.EmailTemplate: email.compile_email,
        templates.SmsTemplate: sms.compile_sms,
        templates.PushTemplate: push.compile_push,
        templates.ChatTemplate: chat.compile_chat,
        templates.FeedTemplate: feed.compile_feed,
        templates.RequestTemplate: webhook.compile_webhook,
    }
