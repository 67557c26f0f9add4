"""SMS: the text, and the number it goes to (contract: workflow-schema §6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.channels import NoAddress
from workflows.channels.json_template import JsonTemplate
from workflows.content import Sms
from workflows.email.headers import header_value
from workflows.liquid.environment import Template, compile_template
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import Resources, SmsTemplate


@dataclass(frozen=True, slots=True)
class CompiledSms:
    body: Template
    to_number: Template | None
    overrides: JsonTemplate | None

    def addresses(self, context: StepContext, _channel: ChannelView, /) -> tuple[str, ...]:
        """The step's `to_number`, or the recipient's `phone_number`: what is no text is no number."""
        if self.to_number is not None:
            number = header_value(self.to_number.render(context.variables))
            if not number:
                raise NoAddress("the step's to_number is empty")
            return (number,)
        known = context.scope.recipient.get("phone_number")
        number = header_value(known) if isinstance(known, str) else ""
        if not number:
            raise NoAddress("recipient has no phone number")
        return (number,)

    def render(self, context: StepContext, _channel: ChannelView, address: str, /) -> Sms:
        variables = context.variables
        overrides = self.overrides.render(variables) if self.overrides else {}
        return Sms(to=address, body=self.body.render(variables).strip(), overrides=overrides)


def compile_sms(step: ChannelStep, resources: Resources) -> CompiledSms:
    template = step.template
    assert isinstance(template, SmsTemplate)
    to_number = template.to_number
    return CompiledSms(
        body=compile_template(template.text_body, name=f"{step.ref}/text_body", resources=resources),
        to_number=compile_template(to_number, name=f"{step.ref}/settings/to_number", resources=resources)
        if to_number is not None
        else None,
        overrides=JsonTemplate.compile(template.payload_overrides, f"{step.ref}/settings/payload_overrides", resources),
    )
