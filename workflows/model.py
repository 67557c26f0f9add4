"""A workflow as parsed from its document: immutable, one class per step type.

Source of the shapes: the published workflow schema (https://docs.knock.app/mapi-reference/workflows).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal
from typing import Any, Literal

from workflows.conditions import Group
from workflows.templates import RequestTemplate, Template

ChannelType = Literal["email", "in_app_feed", "in_app_guide", "sms", "push", "chat", "http"]
DurationUnit = Literal["seconds", "minutes", "hours", "days", "weeks", "months"]
TriggerFrequency = Literal["every_trigger", "once_per_recipient", "once_per_recipient_per_tenant"]


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as people write it; months are calendar months. Negative in an offset means before."""

    value: int
    unit: DurationUnit


@dataclass(frozen=True, slots=True)
class SendWindow:
    """When a channel may send on one day of the week (0 is Monday), in the recipient's zone.

    `sends` False: not at all on that day. `until` None: to the day's end. Source: contract, workflow-schema §5.1.
    """

    weekday: int
    sends: bool
    opens: time = time(0)
    until: time | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """`channel_overrides`: what a step sets differently from its channel. Texts are Liquid; None means the channel's."""

    to_address: str | None = None
    from_address: str | None = None
    from_name: str | None = None
    cc_address: str | None = None
    bcc_address: str | None = None
    reply_to_address: str | None = None
    json_overrides: str | None = None
    link_tracking: bool | None = None
    open_tracking: bool | None = None
    token_deregistration: bool | None = None
    email_based_user_id_resolution: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What every step has. `ref` is unique over the whole workflow."""

    ref: str
    type: str
    name: str | None = None
    conditions: Group | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStep(Step):
    """Exactly one of `channel_key` and `channel_group_key` is set. `send_windows` is empty or has seven entries."""

    channel_type: ChannelType
    template: Template
    channel_key: str | None = None
    channel_group_key: str | None = None
    overrides: Overrides = Overrides()
    send_windows: tuple[SendWindow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayStep(Step):
    """Fixed (`delay_for`), dynamic (`until_path`) or, with both, relative: the dynamic time plus the offset."""

    delay_for: Duration | None = None
    until_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStep(Step):
    """`window` and `until_path` as in a delay. `extension_limit` bounds a sliding window, counted from its opening."""

    batch_key: str | None = None
    window: Duration | None = None
    until_path: str | None = None
    is_sliding: bool = False
    extension_limit: Duration | None = None
    max_items: int | None = None
    render_limit: int = 10
    order: Literal["asc", "desc"] = "asc"
    flush_leading: bool = False
    is_latest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleStep(Step):
    """At most `limit` executions for one recipient and key in a window, which the first one opens."""

    throttle_key: str | None = None
    limit: int = 1
    window: Duration | None = None
    until_path: str | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """One way of a branch step; the one without conditions is the default and stands last."""

    name: str
    steps: tuple[AnyStep, ...] = ()
    conditions: Group | None = None
    terminates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchStep(Step):
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Cohort:
    """One way of an experiment. The percentages of all cohorts add up to 100."""

    name: str
    percentage: Decimal
    steps: tuple[AnyStep, ...] = ()
    terminates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortStep(Step):
    """`cohort_key` None means the recipient."""

    branches: tuple[Cohort, ...]
    cohort_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStep(Step):
    """`response_path` is the dotted place in the data that the answer goes to; None merges it over the data."""

    request: RequestTemplate
    response_path: str | None = None
    signing_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerWorkflowStep(Step):
    """All of it Liquid. What is not given is the parent's (contract: workflow-schema §3.8)."""

    workflow_key: str
    recipients: str = "{{ recipient.id }}"
    actor: str = "{{ actor.id }}"
    tenant: str = "{{ tenant.id }}"
    data: str = "{{ data | json }}"
    cancellation_key: str = "{{ workflow.cancellation_key }}"


@dataclass(frozen=True, slots=True)
class AwaitedEvent:
    """`key` is the event's (`seen`, `completed`, `enter` …), `source` the workflow's, audience's or source's key.

    Of a guide's message it is `guide:<key>`.
    """

    type: Literal["integration_source", "message", "workflow", "audience", "recipient"]
    key: str
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitForEventStep(Step):
    """Pauses until an event of the recipient satisfies any of `matches` (any event when there are none)."""

    event: AwaitedEvent
    expires_after: Duration
    matches: tuple[Group, ...] = ()
    halts_on_match: bool = False
    halts_on_timeout: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStep(Step):
    """`response_schema` is a JSON Schema, set when `answers_json`."""

    model: str
    prompt: str
    answers_json: bool = False
    response_schema: Mapping[str, Any] | None = None
    searches_web: bool = False
    halts_on_error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateDataStep(Step):
    """`data` renders to a JSON object."""

    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRecipientStep(Step):
    """update_user, update_object and update_tenant. `reference` None means the run's own recipient or tenant.

    `reference` is Liquid and renders to an id, `collection/id` or `gid://Object/<collection>/<id>`; `properties` renders
    to a JSON object.
    """

    kind: Literal["user", "object", "tenant"]
    properties: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAudienceStep(Step):
    """Adds the recipient to a static audience, or removes it."""

    audience_key: str
    adds: bool = True


AnyStep = (
    ChannelStep
    | DelayStep
    | BatchStep
    | ThrottleStep
    | BranchStep
    | CohortStep
    | FetchStep
    | TriggerWorkflowStep
    | WaitForEventStep
    | AgentStep
    | UpdateDataStep
    | UpdateRecipientStep
    | UpdateAudienceStep
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A step, the one that follows it beside it, and the branch it stands in."""

    step: AnyStep
    following: str | None
    parent: str | None
    terminates: bool


@dataclass(frozen=True, slots=True)
class Workflow:
    key: str
    name: str
    steps: tuple[AnyStep, ...]
    categories: tuple[str, ...] = ()
    conditions: Group | None = None
    trigger_frequency: TriggerFrequency = "every_trigger"
    trigger_data_json_schema: Mapping[str, Any] | None = None
    is_commercial: bool = False
    override_preferences: bool = False
    _places: dict[str, _Place] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", dict(_places(self.steps, None, terminates=False)))

    def __iter__(self) -> Iterator[AnyStep]:
        """Every step, those inside of branches too, in the order they are written."""
        return (place.step for place in self._places.values())

    def __contains__(self, ref: str) -> bool:
        return ref in self._places

    def step(self, ref: str) -> AnyStep:
        """The step of that reference. Raises `KeyError` when this version has none."""
        return self._places[ref].step

    def entered_once_for(self, tenant: str | None) -> str | None:
        """What a recipient enters the workflow once for: everything (an empty text), a tenant, or None for nothing."""
        match self.trigger_frequency:
            case "every_trigger":
                return None
            case "once_per_recipient":
                return ""
            case "once_per_recipient_per_tenant":
                return tenant or ""

    def first(self) -> str | None:
        """The reference of the step a run starts with; None when the workflow has no steps."""
        return self.steps[0].ref if self.steps else None

    def after(self, ref: str) -> str | None:
        """The reference of the step that follows: the next one, or after a branch's last one what follows the branch.

        None at the end of the workflow, and of a branch that terminates.
        """
        place = self._places[ref]
        if place.following is not None:
            return place.following
        return None if place.terminates or place.parent is None else self.after(place.parent)

    def inside(self, ref: str, index: int) -> str | None:
        """The reference of the step that follows when a branch step takes its way of that index. None at the end."""
        step = self.step(ref)
        assert isinstance(step, BranchStep | CohortStep)
        way = step.branches[index]
        if way.steps:
            return way.steps[0].ref
        return None if way.terminates else self.after(ref)


def _places(steps: tuple[AnyStep, ...], parent: str | None, *, terminates: bool) -> Iterator[tuple[str, _Place]]:
    following = [step.ref for step in steps[1:]]
    for step, after in zip(steps, [*following, None], strict=False):
        yield step.ref, _Place(step, after, parent, terminates)
        if isinstance(step, BranchStep | CohortStep):
            for way in step.branches:
                yield from _places(way.steps, step.ref, terminates=way.terminates)
