"""What a step is shown of its run."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers import resources
from notify_workers.catalog import catalog
from notify_workers.contexts import entity_as_wire, step_context
from notify_workers.ids import activity_id
from notify_workers.store import environments, runs
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.notify_workers.language import JANE, function_step, send
from workflows.recipients import TENANTS, USERS, Identity, Reference
from workflows.scope import StepContext


def context(
    engine: Engine, recipient: Any = JANE, *, workflow: dict[str, Any] | None = None, **request: Any
) -> StepContext:
    """The context of the first step of a run that was just made."""
    engine.publish("hello", [email_step()], **(workflow or {}))
    engine.trigger("hello", [recipient], **request)
    (accepting,) = engine.bells()
    engine.answer(accepting)
    list(engine.bells())
    return claimed(engine)


def claimed(engine: Engine) -> StepContext:
    """The context of the only step that is owed."""
    with transaction() as tx:
        claim = runs.claim_step(tx, engine.one("select id from due where kind = 'step'").id)
        assert claim is not None
        compiled = catalog(claim.catalog_number)
        program = compiled.program(tx, claim.environment_id, claim.version_id)
        return step_context(tx, claim, compiled.environment(tx, claim.environment_id), program)


def without_preferences(entity: Any) -> dict[str, Any]:
    return {name: value for name, value in entity.items() if name != "preferences"}


def test_a_recipient_nobody_has_identified_has_an_id_and_nothing_else(engine: Engine) -> None:
    scope = context(engine, "stranger", actor="ann").scope
    assert without_preferences(scope.recipient) == {"id": "stranger"}
    assert (scope.actor, scope.tenant) == ({"id": "ann"}, None)


def test_an_object_has_its_collection(engine: Engine) -> None:
    scope = context(engine, {"id": "p1", "collection": "projects", "name": "P"}).scope
    assert without_preferences(scope.recipient) == {"id": "p1", "collection": "projects", "name": "P"}


def test_a_tenant_has_its_properties_and_its_id(engine: Engine) -> None:
    with transaction() as tx:
        identify(
            tx, [(DEVELOPMENT, Identity(Reference(TENANTS, "acme"), {"plan": "pro"}, channel_data={"c": {"t": 1}}))]
        )
    found = context(engine, tenant="acme")
    assert found.scope.tenant == {"id": "acme", "plan": "pro"}
    assert found.tenant_channel_data == {"c": {"t": 1}}


def test_properties_named_like_identity_cannot_hide_it(engine: Engine) -> None:
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(USERS, "jane"), {"id": "eve"}))])
    assert context(engine, "jane").scope.recipient["id"] == "jane"


def test_the_workflow_is_described(engine: Engine) -> None:
    workflow = {"categories": ["a", "b"], "settings": {"is_commercial": True, "override_preferences": True}}
    shown = dict(context(engine, workflow=workflow, cancellation_key="k").scope.workflow)
    assert shown.pop("id") == str(engine.one("select version_id from triggers").version_id)
    assert shown == {
        "key": "hello",
        "name": "hello",
        "categories": ["a", "b"],
        "commercial": True,
        "override_preferences": True,
        "cancellation_key": "k",
    }


@pytest.mark.parametrize("is_commercial", [True, False])
def test_only_a_commercial_workflow_has_a_link_to_unsubscribe(is_commercial: bool, engine: Engine) -> None:
    found = context(engine, workflow={"settings": {"is_commercial": is_commercial}})
    assert bool(found.unsubscribe_url) is is_commercial
    assert found.variables["vars"]["commercial_unsubscribe_url"] == found.unsubscribe_url


def test_variables_are_the_environments(engine: Engine) -> None:
    with resources.configuration() as tx:
        environments.set_variables(tx, DEVELOPMENT, {"app": {"url": "https://app.test"}})
    try:
        assert context(engine).scope.lookup("vars.app.url") == "https://app.test"
    finally:
        with resources.configuration() as tx:
            environments.set_variables(tx, DEVELOPMENT, {})


def test_the_zone_is_the_recipients_or_the_accounts(engine: Engine, change_settings: Any) -> None:
    change_settings(timezone="Europe/Berlin")
    with resources.configuration():
        pass
    assert context(engine).timezone == "Europe/Berlin"
    engine.rows("delete from due returning 1")
    assert context(engine, {**JANE, "timezone": "Asia/Tokyo"}).timezone == "Asia/Tokyo"


def test_a_run_without_a_batch_is_its_own_activity(engine: Engine) -> None:
    scope = context(engine, actor={"id": "ann", "name": "Ann"}, data={"n": 1, "id": "mine"}).scope
    trigger = engine.one("select id, inserted_at from triggers")
    (activity,) = scope.activities
    assert (activity["id"], activity["n"]) == (activity_id(trigger.id), 1)
    assert activity["actor"] == {"id": "ann", "name": "Ann"}
    assert activity["recipient"] == scope.recipient
    assert activity["inserted_at"] == scope.timestamp == trigger.inserted_at.isoformat()
    assert (scope.total_activities, scope.actors, scope.total_actors) == (1, ({"id": "ann", "name": "Ann"},), 1)


def test_nobody_acted_without_an_actor(engine: Engine) -> None:
    scope = context(engine).scope
    assert (scope.activities[0]["actor"], scope.actors, scope.total_actors) == (None, (), 0)


def test_after_a_batch_its_activities_are_shown(engine: Engine) -> None:
    batch = function_step("batch", batch_window={"unit": "minutes", "value": 5}, batch_items_render_limit=2)
    engine.publish("digest", [batch, delay_step(), email_step()])
    for number, actor in enumerate(("ann", "bob", "ann")):
        send(engine, "digest", actor=actor, data={"n": number})
    engine.advance(minutes=5)
    scope = claimed(engine).scope
    assert ([each["n"] for each in scope.activities], scope.total_activities) == ([0, 1], 3)
    assert ([each["id"] for each in scope.actors], scope.total_actors) == (["ann", "bob"], 2)


def test_only_a_run_that_starts_is_first(engine: Engine) -> None:
    assert context(engine).is_first
    engine.rows("delete from due returning 1")
    engine.publish("later", [delay_step(), email_step()])
    send(engine, "later")
    paused = claimed(engine)
    assert (paused.is_first, paused.paused_until is not None) == (False, True)


def test_stored_preferences_are_told_apart_by_whose_they_are(engine: Engine) -> None:
    tenant = Identity(Reference(TENANTS, "acme"), {"settings": {"preference_set": {"categories": {"t": True}}}})
    own = {"default": {"categories": {"d": True}}, "acme": {"categories": {"a": True}}, "other": {}}
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, tenant), (DEVELOPMENT, Identity(Reference(USERS, "jane"), preferences=own))])
    found = context(engine, "jane", tenant="acme").preferences
    assert (found.recipient, found.recipient_tenant) == (own["default"], own["acme"])
    assert (found.tenant, found.environment) == ({"categories": {"t": True}}, None)


def test_an_entity_that_is_looked_up_says_when_it_changed(engine: Engine) -> None:
    at = engine.one("select engine_now() as now").now
    assert entity_as_wire(Reference("projects", "p1"), {"n": 1}, at) == {
        "id": "p1",
        "collection": "projects",
        "n": 1,
        "updated_at": at.isoformat(),
    }


@pytest.mark.parametrize("stored", ["dark", ["a"], 7, {"preference_set": "none"}])
def test_settings_of_a_tenant_that_are_no_map_say_nothing(engine: Engine, stored: Any) -> None:
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(TENANTS, "acme"), {"settings": stored}))])
    seen = context(engine, tenant="acme")
    assert seen.preferences.tenant is None
    assert seen.scope.tenant is not None
    assert seen.scope.tenant["settings"] == stored
