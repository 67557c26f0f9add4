"""In-app guide: the step makes the recipient eligible for a guide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from workflows.channels import NoAddress
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import GuideTemplate, Resources


@dataclass(frozen=True, slots=True)
class CompiledGuide:
    """An environment of this version has no guides, so that none can be shown to anybody: the step is skipped."""

    guide_key: str

    def addresses(self, _context: StepContext, _channel: ChannelView, /) -> NoReturn:
        raise NoAddress(f"guide `{self.guide_key}` does not exist")

    def render(self, context: StepContext, channel: ChannelView, _address: object, /) -> NoReturn:
        self.addresses(context, channel)


def compile_guide(step: ChannelStep, _resources: Resources) -> CompiledGuide:
    assert isinstance(step.template, GuideTemplate)
    return CompiledGuide(step.template.guide_key)
