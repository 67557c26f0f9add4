"""What a step sees: a claimed row, and the environment it belongs to, as the language's context."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from notify_workers import preference_center, unsubscribes
from notify_workers.catalog import EnvironmentCatalog
from notify_workers.ids import activity_id
from notify_workers.store import batches
from notify_workers.store.batches import Activity
from notify_workers.store.recipients import get_recipient
from notify_workers.store.runs import StepClaim
from notify_workers.store.session import Transaction
from workflows.branding import branding
from workflows.preferences import effective
from workflows.program import Program
from workflows.recipients import Reference, entity
from workflows.scope import Preferences, Scope, StepContext


def step_context(tx: Transaction, claim: StepClaim, environment: EnvironmentCatalog, program: Program) -> StepContext:
    preferences = _preferences(claim, environment)
    recipient = {**entity(claim.recipient, claim.recipient_properties), "preferences": effective(preferences)}
    if claim.subscription is not None:
        recipient["subscription"] = subscription_as_wire(tx, claim.environment_id, claim.subscription)
    unsubscribe_url = _unsubscribe_url(claim, environment, program)
    tenant = {**(claim.tenant_properties or {}), "id": claim.tenant} if claim.tenant else None
    variables = {
        **environment.variables,
        "branding": branding(environment.variables, tenant),
        "manage_preferences_url": _manage_preferences_url(claim, environment),
    }
    return StepContext(
        scope=Scope(
            data=claim.data,
            recipient=recipient,
            actor=entity(claim.actor, claim.actor_properties) if claim.actor else None,
            tenant=tenant,
            workflow=_workflow(claim, program),
            vars=variables,
            refs=claim.outputs or {},
            timestamp=claim.triggered_at.isoformat(),
            **_activities(tx, claim, recipient),
        ),
        now=claim.now,
        channels=environment.channels,
        groups=environment.groups,
        program=program,
        attempt=claim.attempt,
        is_first=claim.status == "queued",
        paused_until=claim.paused_until,
        memory=claim.memory or {},
        skip_delay=bool(claim.settings.get("skip_delay")),
        sandbox_mode=bool(claim.settings.get("sandbox_mode")),
        timezone=str(recipient.get("timezone") or environment.timezone),
        channel_data=claim.channel_data or {},
        tenant_channel_data=claim.tenant_channel_data or {},
        preferences=preferences,
        unsubscribe_url=unsubscribe_url,
        execution_id=f"{claim.run_id}:{claim.step}",
    )


def _activities(tx: Transaction, claim: StepClaim, recipient: Mapping[str, Any]) -> dict[str, Any]:
    """A run that has come through a batch shows all of the batch's activities, any other its own."""
    if claim.window_id is None:
        actor = claim.actor and entity(claim.actor, claim.actor_properties)
        own = Activity(claim.trigger_id, claim.data, claim.actor, claim.actor_properties, claim.triggered_at)
        actors = (actor,) if actor else ()
        return {"activities": (_activity(own, recipient),), "actors": actors, "total_actors": len(actors)}
    window = batches.closed_window(tx, claim.window_id)
    actors_of = {each.actor: entity(each.actor, each.actor_properties) for each in window.activities if each.actor}
    return {
        "activities": tuple(_activity(each, recipient) for each in window.activities),
        "total_activities": window.total_activities,
        "actors": tuple(actors_of.values()),
        "total_actors": window.total_actors,
        "first_data": window.first,
    }


def _activity(activity: Activity, recipient: Mapping[str, Any]) -> dict[str, Any]:
    at = activity.triggered_at.isoformat()
    return {
        **activity.data,
        "id": activity_id(activity.trigger_id),
        "actor": entity(activity.actor, activity.actor_properties) if activity.actor else None,
        "recipient": recipient,
        "inserted_at": at,
        "updated_at": at,
    }


def entity_as_wire(
    reference: Reference, properties: Mapping[str, Any] | None, updated_at: datetime | None = None
) -> dict[str, Any]:
    """An entity as templates see it that have looked it up."""
    seen = entity(reference, properties)
    return {**seen, "updated_at": updated_at.isoformat()} if updated_at else seen


def subscription_as_wire(tx: Transaction, environment: UUID, subscription: Mapping[str, Any]) -> dict[str, Any]:
    """The subscription through which a run's recipient was reached: its properties, and the object as it is now."""
    object_ = Reference(**subscription["object"])
    known = get_recipient(tx, environment, object_)
    return {**subscription["properties"], "object": entity(object_, known.properties if known else None)}


def _preferences(claim: StepClaim, environment: EnvironmentCatalog) -> Preferences:
    own = claim.recipient_preferences or {}
    settings = (claim.tenant_properties or {}).get("settings")
    of_tenant = settings.get("preference_set") if isinstance(settings, Mapping) else None  # a step may store anything
    return Preferences(
        recipient=own.get("default"),
        recipient_tenant=own.get(claim.tenant) if claim.tenant else None,
        tenant=of_tenant if of_tenant and isinstance(of_tenant, Mapping) else None,
        environment=environment.default_preferences or None,
    )


def _unsubscribe_url(claim: StepClaim, environment: EnvironmentCatalog, program: Program) -> str:
    if not program.workflow.is_commercial:
        return ""
    return unsubscribes.link(environment.id, environment.signing_secret, claim.recipient)


def _manage_preferences_url(claim: StepClaim, environment: EnvironmentCatalog) -> str:
    """Users have a page for their preferences, objects and tenants do not."""
    if not claim.recipient.is_user:
        return ""
    secret = environment.signing_secret
    token = preference_center.token(environment.id, secret, claim.recipient.id, claim.now, claim.tenant)
    return preference_center.url(token)


def _workflow(claim: StepClaim, program: Program) -> dict[str, Any]:
    return {
        "id": str(claim.version_id),
        "key": claim.workflow_key,
        "name": program.workflow.name,
        "categories": list(program.workflow.categories),
        "commercial": program.workflow.is_commercial,
        "override_preferences": program.workflow.override_preferences,
        "cancellation_key": claim.cancellation_key,
    }
