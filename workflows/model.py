"""A workflow as parsed from its document: immutable, one class per step type.

Source of the shapes: the published workflow schema (https://docs.knock.app/mapi-reference/workflows).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ChannelType = Literal["email", "in_app_feed", "sms", "push", "chat", "http"]
DurationUnit = Literal["seconds", "minutes", "hours", "days", "weeks", "months"]
TriggerFrequency = Literal["every_trigger", "once_per_recipient", "once_per_recipient_per_tenant"]

Conditions = Mapping[str, Any]
"""A condition group as written, not yet evaluated."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as people write it; months are calendar months. Negative in an offset means before."""

    value: int
    unit: DurationUnit


@dataclass(frozen=True, slots=True)
class Padding:
    """The space around a visual block, in pixels."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    content: str
    padding: Padding | None = None


@dataclass(frozen=True, slots=True)
class HtmlBlock:
    content: str
    padding: Padding | None = None


EmailBlock = MarkdownBlock | HtmlBlock


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    """Exactly one of `html_body` (code mode) and `blocks` (visual mode) is set.

    `layout_key` None means that the template brings the whole document. `text_body` None means: made from the HTML.
    `attachment_key` is the path in the data where a trigger puts attachments.
    """

    subject: str
    html_body: str | None = None
    blocks: tuple[EmailBlock, ...] | None = None
    text_body: str | None = None
    layout_key: str | None = None
    pre_content: str | None = None
    attachment_key: str = "attachments"


@dataclass(frozen=True, slots=True)
class EmailOverrides:
    """`channel_overrides` of an e-mail step; every value is a Liquid template."""

    to_address: str | None = None
    from_address: str | None = None
    from_name: str | None = None
    cc_address: str | None = None
    bcc_address: str | None = None
    reply_to_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What every step has. `ref` is unique over the whole workflow."""

    ref: str
    type: str
    name: str | None = None
    conditions: Conditions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailStep(Step):
    channel_key: str
    template: EmailTemplate
    overrides: EmailOverrides = EmailOverrides()
    channel_type: ChannelType = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayStep(Step):
    """Fixed (`delay_for`), dynamic (`until_path`) or, with both, relative: the dynamic time plus the offset."""

    delay_for: Duration | None = None
    until_path: str | None = None


AnyStep = EmailStep | DelayStep


@dataclass(frozen=True, slots=True)
class Workflow:
    key: str
    name: str
    steps: tuple[AnyStep, ...]
    categories: tuple[str, ...] = ()
    conditions: Conditions | None = None
    trigger_frequency: TriggerFrequency = "every_trigger"
    trigger_data_json_schema: Mapping[str, Any] | None = None
    is_commercial: bool = False
    override_preferences: bool = False
    _positions: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_positions", {step.ref: index for index, step in enumerate(self.steps)})

    def __iter__(self) -> Iterator[AnyStep]:
        return iter(self.steps)

    def step(self, ref: str) -> AnyStep:
        """The step of that reference. Raises `KeyError` when this version has none."""
        return self.steps[self._positions[ref]]

    def first(self) -> str | None:
        """The reference of the step a run starts with; None when the workflow has no steps."""
        return self.steps[0].ref if self.steps else None

    def after(self, ref: str) -> str | None:
        """The reference of the step that follows; None at the end of the workflow."""
        position = self._positions[ref] + 1
        return self.steps[position].ref if position < len(self.steps) else None


@dataclass(frozen=True, slots=True)
class Layout:
    """An e-mail layout: Liquid around the rendered body, which it outputs as `{{ content }}`."""

    key: str
    name: str
    html: str
    text: str
    footer_links: tuple[Mapping[str, str], ...] = ()
