"""Users, objects and tenants through Knock's own Python SDK."""

from __future__ import annotations

from typing import Any

import knockapi
import pytest
from knockapi import Knock

from tests.engine import Engine, email_step
from tests.mail_server import MailServer

BLUE: Any = {"primary_color": "#0000ff", "logo_url": "https://example.com/logo.png"}
NO_NEWS: Any = {"categories": {"news": False}}


def test_users_are_listed_with_their_preferences(knock: Knock) -> None:
    knock.users.update("jane", preferences={"default": NO_NEWS})
    (user,) = knock.users.list(include=["preferences"])
    shown: Any = user.to_dict()["preferences"]
    assert shown["default"]["categories"] == {"news": False}


def test_users_are_identified_and_deleted_in_bulk(knock: Knock, engine: Engine) -> None:
    people: Any = [{"id": f"u{number}", "name": f"User {number}", "plan": "pro"} for number in range(5)]
    begun = knock.users.bulk.identify(users=people)
    assert (begun.status, begun.estimated_total_rows) == ("queued", 5)
    engine.drain()
    assert knock.bulk_operations.get(begun.id).success_count == 5
    assert knock.users.get("u3").to_dict()["plan"] == "pro"
    knock.users.bulk.delete(user_ids=["u0", "u1"])
    engine.drain()
    assert [user.id for user in knock.users.list()] == ["u2", "u3", "u4"]


def test_one_user_is_merged_into_another(knock: Knock, engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    anonymous: Any = {"id": "anon", "email": "jane@example.com"}
    knock.workflows.trigger("welcome", recipients=[anonymous])
    engine.drain()
    merged = knock.users.merge("jane", from_user_id="anon")
    assert (merged.id, merged.email) == ("jane", "jane@example.com")
    assert [message.recipient for message in knock.messages.list()] == ["jane"]
    with pytest.raises(knockapi.NotFoundError):
        knock.users.get("anon")


def test_a_deleted_users_messages_are_gone(knock: Knock, engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    jane: Any = {"id": "jane", "email": "jane@example.com"}
    knock.workflows.trigger("welcome", recipients=[jane])
    engine.drain()
    knock.users.delete("jane")
    engine.drain()
    assert list(knock.messages.list()) == []
    assert list(knock.workflow_recipient_runs.list()) == []


def test_objects_are_set_got_listed_and_deleted(knock: Knock) -> None:
    made = knock.objects.set("projects", "p1", extra_body={"name": "One", "plan": {"seats": 5}})
    assert (made.collection, made.properties) == ("projects", {"name": "One", "plan": {"seats": 5}})
    changed = knock.objects.set("projects", "p1", extra_body={"plan": {"name": "pro"}})
    assert knock.objects.get("projects", "p1") == changed
    assert changed.properties
    assert changed.properties["plan"] == {"seats": 5, "name": "pro"}
    for number in range(2, 6):
        knock.objects.set("projects", f"p{number}")
    assert [each.id for each in knock.objects.list("projects", page_size=2)] == ["p1", "p2", "p3", "p4", "p5"]
    knock.objects.delete("projects", "p1")
    with pytest.raises(knockapi.NotFoundError):
        knock.objects.get("projects", "p1")


def test_objects_are_set_and_deleted_in_bulk(knock: Knock, engine: Engine) -> None:
    things: Any = [{"id": f"p{number}", "name": f"Number {number}"} for number in range(3)]
    knock.objects.bulk.set("projects", objects=things)
    engine.drain()
    assert knock.objects.get("projects", "p2").properties == {"name": "Number 2"}
    knock.objects.bulk.delete("projects", object_ids=["p0", "p1"])
    engine.drain()
    assert [each.id for each in knock.objects.list("projects")] == ["p2"]


def test_tenants_are_set_got_listed_and_deleted(knock: Knock) -> None:
    settings: Any = {"branding": BLUE, "preference_set": NO_NEWS}
    made = knock.tenants.set("acme", name="Acme", settings=settings)
    assert made.settings
    assert made.settings.branding
    assert made.settings.branding.primary_color == "#0000ff"
    assert made.settings.preference_set
    assert made.settings.preference_set.categories == {"news": False}
    assert knock.tenants.get("acme", resolve_full_preference_settings=True).settings == made.settings
    knock.tenants.set("other", name="Other")
    assert [tenant.id for tenant in knock.tenants.list(page_size=1)] == ["acme", "other"]
    assert [tenant.id for tenant in knock.tenants.list(name="Other")] == ["other"]
    knock.tenants.delete("acme")
    with pytest.raises(knockapi.NotFoundError):
        knock.tenants.get("acme")


def test_tenants_are_set_and_deleted_in_bulk(knock: Knock, engine: Engine) -> None:
    tenants: Any = ["stub", {"id": "acme", "name": "Acme", "settings": {"branding": BLUE}}]
    knock.tenants.bulk.set(tenants=tenants)
    engine.drain()
    assert {tenant.id: tenant.name for tenant in knock.tenants.list()} == {"acme": "Acme", "stub": None}
    knock.tenants.bulk.delete(tenant_ids=["stub", "acme"])
    engine.drain()
    assert list(knock.tenants.list()) == []
