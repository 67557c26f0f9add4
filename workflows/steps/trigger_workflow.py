"""The step that starts another workflow: once for each run that comes to it (contract: workflow-schema §3.8)."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Any

from workflows.effects import Effect, Record, TriggerWorkflow
from workflows.errors import StepFailed
from workflows.model import TriggerWorkflowStep
from workflows.outcomes import Continue, Skip, Steps
from workflows.rendered_json import parse_json, render_object, render_text
from workflows.scope import StepContext
from workflows.steps import handles

_RECIPIENT = re.compile(r"\s*\{\{-?\s*recipient\.id\s*-?\}\}\s*")
_ACTOR = re.compile(r"\s*\{\{-?\s*actor\.id\s*-?\}\}\s*")
"""The run's own, who may be an object: an id alone would be a user's."""


@handles(TriggerWorkflowStep)
def trigger_workflow(step: TriggerWorkflowStep, context: StepContext) -> Steps:
    key = yield from render_text(step.workflow_key, context, f"{step.ref}/workflow_key")
    recipients = yield from _recipients(step, context)
    if not recipients:
        return Skip("there are no recipients")
    actor: Any = _wire(context.scope.actor) if context.scope.actor and _ACTOR.fullmatch(step.actor) else None
    if actor is None:
        actor = yield from _entity(step.actor, context, f"{step.ref}/actor")
    tenant = yield from render_text(step.tenant, context, f"{step.ref}/tenant")
    data = yield from render_object(step.data, context, f"{step.ref}/data")
    cancellation_key = yield from render_text(step.cancellation_key, context, f"{step.ref}/cancellation_key")
    trigger_id = yield TriggerWorkflow(
        key, tuple(recipients), data, actor or None, tenant or None, cancellation_key or None
    )
    if trigger_id is None:
        return Skip(f"there is no active workflow `{key}`")
    yield Record("workflow_triggered", {"workflow": key, "workflow_run_id": trigger_id})
    return Continue(f"triggered `{key}`", output={"workflow_run_id": trigger_id})


def _recipients(step: TriggerWorkflowStep, context: StepContext) -> Generator[Effect, Any, list[Any]]:
    """One id, several separated by commas, or JSON: one recipient or a list of them, each as on the wire."""
    if _RECIPIENT.fullmatch(step.recipients):
        return [_wire(context.scope.recipient)]
    value = yield from _entity(step.recipients, context, f"{step.ref}/recipients")
    found = value if isinstance(value, list) else [value]
    if isinstance(value, str):
        found = [each.strip() for each in value.split(",") if each.strip()]
    for each in found:
        if not _is_recipient(each):
            raise StepFailed(f"{step.ref}/recipients renders to {each!r:.80}, which is no recipient")
    return found


def _wire(entity: Mapping[str, Any]) -> Any:
    """Who an entity of the scope is: a user's id, or an object's id and collection."""
    return {"id": entity["id"], "collection": entity["collection"]} if "collection" in entity else entity["id"]


def _is_recipient(value: object) -> bool:
    identifier = value.get("id") if isinstance(value, dict) else value
    return isinstance(identifier, str) and identifier != ""


def _entity(source: str, context: StepContext, name: str) -> Generator[Effect, Any, Any]:
    """Text, or what it says when it is a JSON object or list."""
    text = yield from render_text(source, context, name)
    if not text.startswith(("{", "[")):
        return text
    try:
        return parse_json(text)
    except ValueError as error:
        raise StepFailed(f"{name} does not render to JSON: {error}") from error
