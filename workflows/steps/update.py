"""The steps that change data: the run's, a recipient's, an audience's (contract: semantics §9)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from workflows.effects import ChangeAudience, Effect, Identify, Record
from workflows.errors import StepFailed
from workflows.model import UpdateAudienceStep, UpdateDataStep, UpdateRecipientStep
from workflows.outcomes import Continue, Skip, Steps
from workflows.preference_sets import preference_problems
from workflows.recipients import TENANTS, USERS
from workflows.rendered_json import render_object, render_text
from workflows.scope import StepContext
from workflows.steps import handles

NOT_PROPERTIES = ("id", "collection", "channel_data", "preferences")


@handles(UpdateDataStep)
def update_data(step: UpdateDataStep, context: StepContext) -> Steps:
    """A shallow merge over the run's data. A variable that is not defined fails the step (contract: semantics §9)."""
    new = yield from render_object(step.data, context, f"{step.ref}/data", strict=True)
    return Continue(f"set {', '.join(new) or 'nothing'}", data={**context.scope.data, **new})


@handles(UpdateRecipientStep)
def update_recipient(step: UpdateRecipientStep, context: StepContext) -> Steps:
    """A deep merge into a user, object or tenant, made when unknown. Channel data cannot be set this way."""
    target = yield from _target(step, context)
    if isinstance(target, str):
        return Skip(target)
    collection, identifier = target
    given = yield from render_object(step.properties, context, f"{step.ref}/update_properties")
    properties = {name: value for name, value in given.items() if name not in NOT_PROPERTIES}
    preferences = given.get("preferences") or {}
    _check_preferences(preferences, f"{step.ref}/update_properties.preferences")
    before, after = yield Identify(collection, identifier, properties, preferences)
    yield Record("recipient_updated", {"collection": collection, "id": identifier, "changed": _changed(before, after)})
    return Continue(f"updated {step.kind} {identifier}")


def _check_preferences(sets: object, path: str) -> None:
    """Raises `StepFailed`: a set that is none would fail every later step of the recipient."""
    if not isinstance(sets, dict):
        raise StepFailed(f"{path} is no map of preference sets")
    for name, document in sets.items():
        for problem in preference_problems(f"{path}.{name}", document):
            raise StepFailed(str(problem))


def _changed(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """Which properties have another value than before; values are not shown, they may be personal."""
    known = before or {}
    return sorted(name for name, value in after.items() if known.get(name) != value and name != "updated_at")


def _target(step: UpdateRecipientStep, context: StepContext) -> Generator[Effect, Any, tuple[str, str] | str]:
    """Collection and id of whom to update, or why there is nobody."""
    if step.reference is not None:
        reference = yield from render_text(step.reference, context, f"{step.ref}/recipient_gid")
        return _parsed(step, reference.removeprefix("gid://Object/"))
    if step.kind == "tenant":
        tenant = context.scope.tenant
        return (TENANTS, str(tenant["id"])) if tenant else "the run has no tenant"
    recipient = context.scope.recipient
    if "collection" in recipient:
        return "the recipient is no user"
    return USERS, str(recipient["id"])


def _parsed(step: UpdateRecipientStep, reference: str) -> tuple[str, str]:
    collection, slash, identifier = reference.partition("/")
    own = {"user": USERS, "tenant": TENANTS}.get(step.kind)
    if own and not slash:
        collection, identifier = own, reference
    if not identifier or not collection or (own and collection != own):
        raise StepFailed(f"{step.ref}: `{reference}` names no {step.kind}")
    return collection, identifier


@handles(UpdateAudienceStep)
def update_audience(step: UpdateAudienceStep, context: StepContext) -> Steps:
    """Adding a member twice, or removing nobody, changes nothing."""
    if "collection" in context.scope.recipient:
        return Skip("only users can be in an audience")
    changed = yield ChangeAudience(step.audience_key, step.adds)
    what = "in" if step.adds else "not in"
    return Continue(f"{'now' if changed else 'already'} {what} audience `{step.audience_key}`")
