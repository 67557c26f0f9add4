"""Steps from documents without problems: one builder per step type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from workflows.conditions import Group, parse_group
from workflows.model import (
    AgentStep,
    AnyStep,
    AwaitedEvent,
    BatchStep,
    Branch,
    BranchStep,
    ChannelStep,
    Cohort,
    CohortStep,
    DelayStep,
    Duration,
    FetchStep,
    Overrides,
    ThrottleStep,
    TriggerWorkflowStep,
    UpdateAudienceStep,
    UpdateDataStep,
    UpdateRecipientStep,
    WaitForEventStep,
)
from workflows.parse.templates import build_request, build_template, parsed_schema
from workflows.send_windows import parse_send_window

Node = Mapping[str, Any]

EXPIRES_AFTER = Duration(15, "minutes")
"""Of a wait_for_event step that does not say it: the dashboard's default (contract: workflow-schema §3.9)."""


def build_steps(nodes: list[Node]) -> tuple[AnyStep, ...]:
    return tuple(_BUILDERS[node["type"]](node) for node in nodes)


def build_conditions(document: object) -> Group | None:
    """A group without members is no condition."""
    group = parse_group(document)
    return group if group and group.members else None


def build_duration(node: Node | None) -> Duration | None:
    return None if node is None else Duration(int(node["value"]), node["unit"])


def _common(node: Node) -> dict[str, Any]:
    return {
        "ref": node["ref"],
        "type": node["type"],
        "name": node.get("name"),
        "conditions": build_conditions(node.get("conditions")),
    }


def _channel(node: Node) -> ChannelStep:
    return ChannelStep(
        **_common(node),
        channel_type=node["channel_type"],
        template=build_template(node["channel_type"], node),
        channel_key=node.get("channel_key"),
        channel_group_key=node.get("channel_group_key"),
        overrides=Overrides(**node.get("channel_overrides", {})),
        send_windows=tuple(parse_send_window(window) for window in node.get("send_windows", ())),
    )


def _delay(node: Node) -> DelayStep:
    settings = node["settings"]
    return DelayStep(
        **_common(node),
        delay_for=build_duration(settings.get("delay_for")),
        until_path=settings.get("delay_until_field_path"),
    )


def _batch(node: Node) -> BatchStep:
    settings = node["settings"]
    return BatchStep(
        **_common(node),
        batch_key=settings.get("batch_key") or None,
        window=build_duration(settings.get("batch_window")),
        until_path=settings.get("batch_until_field_path"),
        is_sliding=settings.get("batch_window_type") == "sliding",
        extension_limit=build_duration(settings.get("batch_window_extension_limit")),
        max_items=settings.get("batch_items_max_limit"),
        render_limit=settings.get("batch_items_render_limit", 10),
        order=settings.get("batch_order", "asc"),
        flush_leading=settings.get("batch_execution_mode") == "flush_leading",
        is_latest=settings.get("workflow_version_mode") == "latest",
    )


def _throttle(node: Node) -> ThrottleStep:
    settings = node["settings"]
    return ThrottleStep(
        **_common(node),
        throttle_key=settings.get("throttle_key") or None,
        limit=int(settings.get("throttle_limit", 1)),
        window=build_duration(settings.get("throttle_window")),
        until_path=settings.get("throttle_window_field_path"),
    )


def _branch(node: Node) -> BranchStep:
    """A branch without a name is called by its place."""
    branches = tuple(
        Branch(
            name=branch.get("name", f"Branch {number}"),
            steps=build_steps(branch.get("steps", [])),
            conditions=build_conditions(branch.get("conditions")),
            terminates=branch.get("terminates", False),
        )
        for number, branch in enumerate(node["branches"], 1)
    )
    return BranchStep(ref=node["ref"], type=node["type"], name=node.get("name"), branches=branches)


def _random_cohort(node: Node) -> CohortStep:
    cohorts = tuple(
        Cohort(
            name=cohort.get("name", f"Cohort {number}"),
            percentage=Decimal(str(cohort["percentage"]).strip()),
            steps=build_steps(cohort.get("steps", [])),
            terminates=cohort.get("terminates", False),
        )
        for number, cohort in enumerate(node["cohort_branches"], 1)
    )
    return CohortStep(**_common(node), branches=cohorts, cohort_key=node.get("cohort_key") or None)


def _http_fetch(node: Node) -> FetchStep:
    settings = node["settings"]
    return FetchStep(
        **_common(node),
        request=build_request(settings),
        response_path=settings.get("response_path"),
        signing_key=settings.get("signing_key"),
    )


def _trigger_workflow(node: Node) -> TriggerWorkflowStep:
    given = {name: value for name, value in node["settings"].items() if value != ""}
    return TriggerWorkflowStep(**_common(node), **given)


def _wait_for_event(node: Node) -> WaitForEventStep:
    settings = node["settings"]
    event = settings["event"]
    matches = (build_conditions({"all": match.get("conditions", [])}) for match in settings.get("match_conditions", ()))
    return WaitForEventStep(
        **_common(node),
        event=AwaitedEvent(
            type=event["event_type"],
            key=event.get("event_key", "updated"),
            source=_source(event),
        ),
        expires_after=build_duration(settings.get("expires_after")) or EXPIRES_AFTER,
        matches=tuple(match for match in matches if match),
        halts_on_match=settings.get("on_match") == "halt",
        halts_on_timeout=settings.get("on_timeout", "halt") == "halt",
    )


def _source(event: Mapping[str, Any]) -> str | None:
    """A guide may have the key of a workflow: what is no workflow's message is told from those by its type."""
    key: str | None = event.get("source_key") or event.get("audience_key") or event.get("integration_source_key")
    kind = event.get("source_type", "workflow")
    return key if key is None or kind == "workflow" else f"{kind}:{key}"


def _ai_agent(node: Node) -> AgentStep:
    settings = node["settings"]
    return AgentStep(
        **_common(node),
        model=settings["model"],
        prompt=settings["request_prompt"],
        answers_json=settings["response_type"] == "json",
        response_schema=parsed_schema(settings.get("response_schema")),
        searches_web=settings.get("web_search_enabled", False),
        halts_on_error=settings.get("halt_on_error", True),
    )


def _update_data(node: Node) -> UpdateDataStep:
    return UpdateDataStep(**_common(node), data=node["settings"]["data"])


def _update_recipient(node: Node) -> UpdateRecipientStep:
    settings = node["settings"]
    is_current = settings.get("recipient_mode") == "current"
    return UpdateRecipientStep(
        **_common(node),
        kind=node["type"].removeprefix("update_"),
        properties=settings["update_properties"],
        reference=None if is_current else settings["recipient_gid"],
    )


def _update_audience(node: Node) -> UpdateAudienceStep:
    settings = node["settings"]
    return UpdateAudienceStep(
        **_common(node), audience_key=settings["audience_key"], adds=settings.get("action", "add") == "add"
    )


_BUILDERS: dict[str, Callable[[Node], AnyStep]] = {
    "channel": _channel,
    "delay": _delay,
    "batch": _batch,
    "throttle": _throttle,
    "branch": _branch,
    "random_cohort": _random_cohort,
    "http_fetch": _http_fetch,
    "trigger_workflow": _trigger_workflow,
    "wait_for_event": _wait_for_event,
    "ai_agent": _ai_agent,
    "update_data": _update_data,
    "update_user": _update_recipient,
    "update_tenant": _update_recipient,
    "update_object": _update_recipient,
    "update_audience": _update_audience,
}
