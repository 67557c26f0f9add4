"""What a schema cannot say about function steps: one check per step type (contract: workflow-schema §3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from workflows.checks.durations import duration_problems, wait_problems
from workflows.checks.nodes import Place
from workflows.checks.requests import request_problems
from workflows.checks.texts import json_template, key_template, liquid, parsed
from workflows.condition_checks import list_problems
from workflows.conditions import has_liquid, parse_group
from workflows.errors import Problem
from workflows.limits import (
    FEWEST_BATCH_ITEMS,
    FEWEST_COHORTS,
    FEWEST_RENDERED_ITEMS,
    LONGEST_BATCH_DAYS,
    LONGEST_DELAY_DAYS,
    LONGEST_THROTTLE_DAYS,
    LONGEST_WAIT_DAYS,
    MOST_BATCH_ITEMS,
    MOST_BRANCHES,
    MOST_COHORTS,
    MOST_RENDERED_ITEMS,
)
from workflows.shape import join, schema_problems

KEY = re.compile(r"[a-z0-9_-]{3,255}")
AN_OBJECT = "a JSON object"


def function_problems(step: Place) -> Iterator[Problem]:
    kind = step.node.get("type")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check:
        yield from check(step)


def whole_number_problems(place: Place, name: str, fewest: int, most: int) -> Iterator[Problem]:
    value = place.node.get(name)
    if isinstance(value, int) and not fewest <= value <= most:
        yield place.problem(name, f"a whole number from {fewest} to {most}")


def _delay(step: Place) -> Iterator[Problem]:
    if step.has("settings"):
        yield from wait_problems(step.part("settings"), "delay_for", "delay_until_field_path", LONGEST_DELAY_DAYS)


def _batch(step: Place) -> Iterator[Problem]:
    if not step.has("settings"):
        return
    settings = step.part("settings")
    yield from wait_problems(settings, "batch_window", "batch_until_field_path", LONGEST_BATCH_DAYS)
    if settings.node.get("batch_window_type") == "sliding":
        yield from settings.missing(
            "batch_window_extension_limit", "a duration: how long a sliding batch may stay open"
        )
    yield from duration_problems(settings, "batch_window_extension_limit", LONGEST_BATCH_DAYS)
    yield from whole_number_problems(settings, "batch_items_max_limit", FEWEST_BATCH_ITEMS, MOST_BATCH_ITEMS)
    yield from whole_number_problems(settings, "batch_items_render_limit", FEWEST_RENDERED_ITEMS, MOST_RENDERED_ITEMS)
    yield from key_template(settings, "batch_key")


def _throttle(step: Place) -> Iterator[Problem]:
    if not step.has("settings"):
        return
    settings = step.part("settings")
    yield from wait_problems(settings, "throttle_window", "throttle_window_field_path", LONGEST_THROTTLE_DAYS)
    yield from key_template(settings, "throttle_key")


def _branch(step: Place) -> Iterator[Problem]:
    if _has_members(step.node.get("conditions")):
        yield step.problem("conditions", "no conditions: a branch step's stand in its branches")
    branches = list(step.items("branches"))
    if isinstance(step.node.get("branches"), list) and not 1 <= len(branches) <= MOST_BRANCHES:
        yield step.problem("branches", f"1 to {MOST_BRANCHES} branches")
    for branch in branches[:-1]:
        if not _has_members(branch.node.get("conditions")):
            yield branch.problem("conditions", "conditions: only the last branch, the default, has none")
    for branch in branches[-1:]:
        if _has_members(branch.node.get("conditions")):
            yield branch.problem("conditions", "no conditions: the last branch is the default")


def _has_members(conditions: object) -> bool:
    group = parse_group(conditions)
    return group is not None and bool(group.members)


def _random_cohort(step: Place) -> Iterator[Problem]:
    cohorts = list(step.items("cohort_branches"))
    yield from key_template(step, "cohort_key")
    if not isinstance(step.node.get("cohort_branches"), list):
        return
    if not FEWEST_COHORTS <= len(cohorts) <= MOST_COHORTS:
        yield step.problem("cohort_branches", f"{FEWEST_COHORTS} to {MOST_COHORTS} cohorts")
    shares = [percentage(cohort.node.get("percentage")) for cohort in cohorts]
    for cohort, share in zip(cohorts, shares, strict=True):
        if share is None and "percentage" in cohort.node:
            yield cohort.problem("percentage", "a percentage from 0 to 100 with at most one decimal")
    total = sum((share for share in shares if share is not None), Decimal(0))
    if None not in shares and cohorts and total != 100:
        yield Problem(join(step.path, "cohort_branches"), f"{total} %", "percentages that add up to 100")


def percentage(value: Any) -> Decimal | None:
    """A number, or one in a text, from 0 to 100 with at most one decimal; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        share = Decimal(str(value).strip())
        return share if 0 <= share <= 100 and share * 10 == int(share * 10) else None
    except (InvalidOperation, OverflowError, ValueError):
        return None


def _http_fetch(step: Place) -> Iterator[Problem]:
    settings = step.part("settings")
    yield from request_problems(settings)
    yield from liquid(settings, "signing_key")


def _trigger_workflow(step: Place) -> Iterator[Problem]:
    settings = step.part("settings")
    key = settings.node.get("workflow_key")
    if isinstance(key, str) and not has_liquid(key) and not KEY.fullmatch(key):
        yield settings.problem("workflow_key", "the key of a workflow, or Liquid")
    yield from liquid(settings, "workflow_key", "recipients", "actor", "tenant", "cancellation_key")
    yield from json_template(settings, "data", AN_OBJECT, dict)


def _wait_for_event(step: Place) -> Iterator[Problem]:
    settings = step.part("settings")
    kind = settings.part("event").node.get("event_type")
    yield from duration_problems(settings, "expires_after", LONGEST_WAIT_DAYS)
    matches = list(settings.items("match_conditions"))
    for match in matches:
        yield from list_problems(join(match.path, "conditions"), match.node.get("conditions"))
    if kind in ("message", "workflow") and not any(match.node.get("conditions") for match in matches):
        yield settings.problem("match_conditions", f"at least one condition: any other {kind} would match too")


def _ai_agent(step: Place) -> Iterator[Problem]:
    if not step.has("settings"):
        return
    settings = step.part("settings")
    yield from settings.missing("request_prompt", "what to ask")
    yield from liquid(settings, "request_prompt")
    source = settings.node.get("response_schema")
    if settings.node.get("response_type") == "json" and not source:
        yield settings.problem("response_schema", "the JSON Schema of the answer")
    if isinstance(source, str) and source.strip():
        yield from _response_schema(settings, source)


def _response_schema(settings: Place, source: str) -> Iterator[Problem]:
    schema, problem = parsed(source)
    if problem or not isinstance(schema, dict):
        yield settings.problem("response_schema", f"a JSON Schema, which is a JSON object{problem and '; '}{problem}")
    else:
        yield from schema_problems(join(settings.path, "response_schema"), schema)


def _update_data(step: Place) -> Iterator[Problem]:
    if step.has("settings"):
        settings = step.part("settings")
        yield from settings.missing("data", AN_OBJECT)
        yield from json_template(settings, "data", AN_OBJECT, dict)


def _update_recipient(step: Place) -> Iterator[Problem]:
    if not step.has("settings"):
        return
    settings = step.part("settings")
    if settings.node.get("recipient_mode") == "reference" and not settings.node.get("recipient_gid"):
        yield settings.problem("recipient_gid", "whom to update: an id, gid://Object/<collection>/<id>, or Liquid")
    yield from liquid(settings, "recipient_gid")
    yield from settings.missing("update_properties", AN_OBJECT)
    yield from json_template(settings, "update_properties", AN_OBJECT, dict)


_CHECKS: dict[str, Callable[[Place], Iterator[Problem]]] = {
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
}
