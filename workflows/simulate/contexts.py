"""What a step sees of a simulated world, as the engine's contexts show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.branding import branding
from workflows.preferences import effective
from workflows.recipients import TENANTS, Reference, entity
from workflows.scope import Preferences, Scope, StepContext
from workflows.simulate.recipients import Known
from workflows.simulate.world import Run, Trigger, World


def step_context(world: World, run: Run) -> StepContext:
    environment, trigger = world.environment, run.trigger
    settings, workflow = environment.settings, run.version.program.workflow
    known = world.recipients.get(run.recipient)
    tenant = world.recipients.get(Reference(TENANTS, trigger.tenant)) if trigger.tenant else None
    preferences = _preferences(world, trigger, known, tenant)
    recipient = {**entity(run.recipient, known.properties if known else None), "preferences": effective(preferences)}
    unsubscribe_url = f"{settings.public_url}/unsubscribe/{run.recipient}" if workflow.is_commercial else ""
    manage_url = f"{settings.public_url}/p/{run.recipient}" if run.recipient.is_user else ""
    actor = _entity(world, trigger.actor)
    of_tenant = {**(tenant.properties if tenant else {}), "id": trigger.tenant} if trigger.tenant else None
    return StepContext(
        scope=Scope(
            data=run.known_data,
            recipient=recipient,
            actor=actor,
            tenant=of_tenant,
            workflow=_workflow(run),
            vars={
                **settings.variables,
                "branding": branding(settings.variables, of_tenant),
                "manage_preferences_url": manage_url,
            },
            refs=run.outputs,
            timestamp=trigger.at.isoformat(),
            **_activities(world, run, recipient, actor),
        ),
        now=world.now,
        channels=environment.channels,
        groups=environment.groups,
        program=run.version.program,
        attempt=run.attempt,
        is_first=run.status == "queued",
        paused_until=run.paused_until,
        memory=run.memory or {},
        skip_delay=bool(trigger.settings.get("skip_delay")),
        sandbox_mode=bool(trigger.settings.get("sandbox_mode")),
        timezone=str(recipient.get("timezone") or settings.timezone),
        channel_data=known.channel_data if known else {},
        tenant_channel_data=tenant.channel_data if tenant else {},
        preferences=preferences,
        unsubscribe_url=unsubscribe_url,
        execution_id=f"{run.id}:{run.step}",
    )


def _activities(
    world: World, run: Run, recipient: Mapping[str, Any], actor: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A run that has come through a batch shows all of the batch's activities, any other its own."""
    if run.window_id is None:
        own = _activity(run.trigger, run.known_data, recipient, actor)
        return {"activities": (own,), "actors": (actor,) if actor else (), "total_actors": 1 if actor else 0}
    window = world.windows[run.window_id]
    shown = [(world.runs[item.run].trigger, item.data) for item in window.rendered]
    actors = {trigger.actor: _entity(world, trigger.actor) for trigger, _ in shown if trigger.actor}
    return {
        "activities": tuple(
            _activity(trigger, data, recipient, actors.get(trigger.actor) if trigger.actor else None)
            for trigger, data in shown
        ),
        "total_activities": window.total_activities,
        "actors": tuple(actors.values()),
        "total_actors": window.total_actors,
        "first_data": window.first,
    }


def _activity(
    trigger: Trigger, data: Mapping[str, Any], recipient: Mapping[str, Any], actor: Mapping[str, Any] | None
) -> dict[str, Any]:
    at = trigger.at.isoformat()
    return {
        **data,
        "id": f"{trigger.id.int:040d}"[-27:],
        "actor": actor,
        "recipient": recipient,
        "inserted_at": at,
        "updated_at": at,
    }


def _entity(world: World, reference: Reference | None) -> dict[str, Any] | None:
    if reference is None:
        return None
    known = world.recipients.get(reference)
    return entity(reference, known.properties if known else None)


def _preferences(world: World, trigger: Trigger, known: Known | None, tenant: Known | None) -> Preferences:
    own = known.preferences if known else {}
    of_tenant = ((tenant.properties if tenant else {}).get("settings") or {}).get("preference_set")
    return Preferences(
        recipient=own.get("default"),
        recipient_tenant=own.get(trigger.tenant) if trigger.tenant else None,
        tenant=of_tenant or None,
        environment=world.environment.settings.default_preferences or None,
    )


def _workflow(run: Run) -> dict[str, Any]:
    workflow = run.version.program.workflow
    return {
        "id": str(run.version.id),
        "key": workflow.key,
        "name": workflow.name,
        "categories": list(workflow.categories),
        "commercial": workflow.is_commercial,
        "override_preferences": workflow.override_preferences,
        "cancellation_key": run.trigger.cancellation_key,
    }
