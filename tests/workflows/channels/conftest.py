"""A channel step of any type, and what it makes of a recipient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from workflows.channels import CompiledContent, NoAddress, compile_content
from workflows.content import content_from_json
from workflows.model import ChannelStep, ChannelType, Overrides
from workflows.scope import ChannelView, StepContext
from workflows.templates import NO_RESOURCES, Resources, Template

MakeContext = Callable[..., StepContext]


@dataclass(frozen=True)
class Sender:
    """A compiled step with the context to render it in."""

    content: CompiledContent
    context: StepContext
    channel: ChannelView

    def addresses(self) -> list[Any]:
        return list(self.content.addresses(self.context, self.channel))

    def reason(self) -> str:
        """Why nothing is sent."""
        with pytest.raises(NoAddress) as caught:
            self.addresses()
        return str(caught.value)

    def send(self) -> list[Any]:
        """The contents, as they are when they have been stored and read again."""
        made = [self.content.render(self.context, self.channel, address) for address in self.addresses()]
        assert [content_from_json(each.as_json()) for each in made] == made
        return made

    def one(self) -> Any:
        (content,) = self.send()
        return content


MakeSender = Callable[..., Sender]


@pytest.fixture
def sender(make_context: MakeContext, make_scope: Callable[..., Any]) -> MakeSender:
    """`sender(template, channel_type, recipient={…}, data={…})`; other fields are the context's."""

    def make(
        template: Template,
        channel_type: ChannelType,
        *,
        recipient: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        overrides: Overrides | None = None,
        resources: Resources = NO_RESOURCES,
        provider: str = "sandbox",
        is_addressed: bool = False,
        **context: Any,
    ) -> Sender:
        step = ChannelStep(
            ref="step_1",
            type="channel",
            channel_type=channel_type,
            channel_key="the-channel",
            template=template,
            overrides=overrides or Overrides(),
        )
        scope = make_scope(data=data or {}, recipient={"id": "jane", "name": "Jane", **(recipient or {})})
        channel = ChannelView("ch_1", "the-channel", channel_type, provider, is_addressed=is_addressed)
        return Sender(compile_content(step, resources), make_context(step, scope=scope, **context), channel)

    return make
