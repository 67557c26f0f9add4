"""Tenants: set, get, list, delete, and the same in bulk; and that the engine goes by what was set."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from notify_workers.store.environments import set_default_preferences, set_variables
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import code, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.recipients import TENANTS, Identity, Reference

ACME = "/v1/tenants/acme"
JANE = {"id": "jane", "email": "jane@example.com"}
_COUNT_UP = text("update catalog set number = number + 1")
BLUE = {"primary_color": "#0000ff", "logo_url": "https://example.com/logo.png"}


def put(api: CheckedClient, path: str = ACME, **said: Any) -> dict[str, Any]:
    answer = api.put(path, json=said)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def put_set(api: CheckedClient, preferences: dict[str, Any] | None) -> dict[str, Any] | None:
    shown: dict[str, Any] | None = put(api, settings={"preference_set": preferences})["settings"]["preference_set"]
    return shown


def test_a_tenant_has_its_properties_beside_the_known_ones(api: CheckedClient) -> None:
    shown = put(api, name="Acme", plan={"seats": 5}, settings={"branding": BLUE}, id="x", __typename="Admin")
    assert shown.pop("updated_at")
    assert shown == {
        "__typename": "Tenant",
        "id": "acme",
        "name": "Acme",
        "plan": {"seats": 5},
        "settings": {"branding": BLUE, "preference_set": None},
        "created_at": None,
    }


def test_only_what_is_sent_changes(api: CheckedClient) -> None:
    put(api, name="Acme", plan={"seats": 5}, settings={"branding": BLUE, "region": "eu"})
    shown = put(api, plan={"name": "pro"}, settings={"branding": {"primary_color": None}})
    assert (shown["name"], shown["plan"]) == ("Acme", {"seats": 5, "name": "pro"})
    assert shown["settings"]["branding"] == {**BLUE, "primary_color": None}
    assert shown["settings"]["region"] == "eu"
    assert api.get(ACME).json() == shown


def test_a_preference_set_is_merged_replaced_and_taken_away(api: CheckedClient) -> None:
    assert put_set(api, {"categories": {"news": False}}) == {
        "id": "default",
        "categories": {"news": False},
        "workflows": None,
        "channel_types": None,
        "channels": None,
        "commercial_subscribed": None,
    }
    merged = put_set(api, {"categories": {"offers": True}})
    assert merged
    assert merged["categories"] == {"news": False, "offers": True}
    replaced = put_set(api, {"channel_types": {"email": False}, "__persistence_strategy__": "replace"})
    assert replaced
    assert (replaced["categories"], replaced["channel_types"]) == (None, {"email": False})
    assert put_set(api, None) is None
    assert api.get(ACME).json()["settings"]["preference_set"] is None


def test_the_environments_defaults_are_merged_in_where_it_is_asked(api: CheckedClient) -> None:
    with transaction() as tx:
        set_default_preferences(tx, DEVELOPMENT, {"categories": {"news": True, "offers": False}})
    resolve = {"resolve_full_preference_settings": "true"}
    shown = api.put(ACME, json={"settings": {"preference_set": {"categories": {"news": False}}}}, params=resolve).json()
    assert shown["settings"]["preference_set"]["categories"] == {"news": False, "offers": False}
    assert api.get(ACME, params=resolve).json() == shown
    assert api.get(ACME).json()["settings"]["preference_set"]["categories"] == {"news": False}
    put_set(api, None)
    alone = api.get(ACME, params=resolve).json()["settings"]["preference_set"]
    assert alone["categories"] == {"news": True, "offers": False}
    assert fields(api.get(ACME, params={"resolve_full_preference_settings": "maybe"})) == [
        "resolve_full_preference_settings"
    ]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": 5}, "name"),
        ({"settings": []}, "settings"),
        ({"settings": {"branding": {"primary_color": 5}}}, "settings.branding.primary_color"),
        ({"settings": {"branding": "blue"}}, "settings.branding"),
        ({"settings": {"preference_set": {"workflows": True}}}, "settings.preference_set"),
        ({"settings": {"preference_set": {"__persistence_strategy__": "x"}}}, "settings.preference_set"),
        ({"preferences": {"default": {"topics": {}}}}, "preferences.default"),
        ({"channel_data": {"slack": []}}, "channel_data.slack"),
        ({"created_at": 5}, "created_at"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_field(api: CheckedClient, said: dict[str, Any], field: str) -> None:
    assert fields(api.put(ACME, json=said)) == [field]
    assert fields(api.post("/v1/tenants/bulk/set", json={"tenants": ["a", {"id": "b", **said}]})) == [
        f"tenants[1].{field}"
    ]
    assert fields(trigger(api, recipients=["jane"], tenant={"id": "acme", **said})) == [f"tenant.{field}"]
    assert code(api.get(ACME)) == "resource_missing"


def test_a_workflow_goes_by_the_tenants_branding_and_preferences(
    api: CheckedClient, engine: Engine, mail: MailServer
) -> None:
    with transaction() as tx:
        set_variables(tx, DEVELOPMENT, {"branding": {"primary_color": "#ff0000"}})
        tx.run(_COUNT_UP)
    engine.publish(
        "news", [email_step(subject="{{ tenant.name }} {{ vars.branding.primary_color }}")], categories=["news"]
    )
    put(api, name="Acme", settings={"branding": BLUE})
    trigger(api, "news", [JANE], tenant="acme")
    engine.drain()
    assert mail.subjects() == ["Acme #0000ff"]
    put_set(api, {"categories": {"news": False}})
    trigger(api, "news", [JANE], tenant="acme")
    engine.drain()
    assert len(mail.subjects()) == 1
    put_set(api, None)
    trigger(api, "news", [JANE], tenant="acme")
    engine.drain()
    assert len(mail.subjects()) == 2


def test_an_inline_tenant_follows_the_same_rules(api: CheckedClient, welcome: Engine) -> None:
    put_set(api, {"categories": {"news": False}})
    inline = {"categories": {"news": None, "offers": False}}
    trigger(api, recipients=["jane"], tenant={"id": "acme", "settings": {"preference_set": inline}})
    welcome.drain()
    assert api.get(ACME).json()["settings"]["preference_set"]["categories"] == {"offers": False}


def test_tenants_are_listed_by_id_and_found_by_id_and_name(api: CheckedClient) -> None:
    for name in "cab":
        put(api, f"/v1/tenants/{name}", name=f"Tenant {name}")
    api.put("/v1/users/joe", json={"name": "Tenant a"})

    def found(**query: Any) -> list[str]:
        return [each["id"] for each in api.get("/v1/tenants", params=query).json()["entries"]]

    assert found() == ["a", "b", "c"]
    assert found(tenant_id="b") == ["b"]
    assert found(name="Tenant a") == ["a"]
    assert found(name="Tenant a", tenant_id="b") == []
    page = api.get("/v1/tenants", params={"page_size": 2}).json()["page_info"]
    assert found(page_size=2, after=page["after"]) == ["c"]
    assert fields(api.get("/v1/tenants", params={"page_size": 51})) == ["page_size"]


def test_tenants_are_set_and_deleted_in_bulk(api: CheckedClient, engine: Engine) -> None:
    put_set(api, {"categories": {"news": False}})
    replacing = {"channel_types": {"sms": False}, "__persistence_strategy__": "replace"}
    tenants = ["stub", {"id": "acme", "name": "Acme", "settings": {"preference_set": replacing}}]
    begun = api.post("/v1/tenants/bulk/set", json={"tenants": tenants}).json()
    assert (begun["name"], begun["estimated_total_rows"]) == ("tenants.set", 2)
    engine.drain()
    shown = api.get(ACME).json()
    assert (shown["name"], shown["settings"]["preference_set"]["channel_types"]) == ("Acme", {"sms": False})
    assert shown["settings"]["preference_set"]["categories"] is None
    assert api.get("/v1/tenants/stub").status_code == 200
    deleted = api.post("/v1/tenants/bulk/delete?tenant_ids[]=stub&tenant_ids[]=acme")
    assert deleted.json()["name"] == "tenants.delete"
    engine.drain()
    assert api.get("/v1/tenants").json()["entries"] == []


def test_a_bulk_deletion_needs_ids_and_has_a_limit(api: CheckedClient, change_settings: Any) -> None:
    assert fields(api.post("/v1/tenants/bulk/delete")) == ["tenant_ids"]
    change_settings(max_bulk=1)
    assert fields(api.post("/v1/tenants/bulk/delete?tenant_ids[]=a&tenant_ids[]=b")) == ["tenant_ids"]
    assert fields(api.post("/v1/tenants/bulk/set", json={"tenants": ["a", "b"]})) == ["tenants"]


def test_a_deleted_tenant_is_unknown_and_messages_keep_its_id(api: CheckedClient, welcome: Engine) -> None:
    put(api, name="Acme", settings={"branding": BLUE})
    trigger(api, recipients=[JANE], tenant="acme")
    welcome.drain()
    assert [api.delete(ACME).status_code for _ in range(2)] == [204, 204]
    welcome.advance(minutes=11)
    assert api.get(ACME).status_code == 404
    (message,) = api.get("/v1/messages", params={"tenant": "acme"}).json()["items"]
    assert message["recipient"] == "jane"


@pytest.mark.parametrize(
    "settings", ["none", 5, [], {"branding": "red"}, {"branding": {"logo_url": 5}}, {"preference_set": [1]},
                 {"preference_set": {"workflows": 5}}]
)  # fmt: skip
def test_settings_that_make_no_sense_are_shown_as_null(api: CheckedClient, settings: Any) -> None:
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(TENANTS, "acme"), {"name": ["odd"], "settings": settings}))])
    shown = api.get(ACME).json()
    assert shown["name"] is None
    assert shown["settings"]["preference_set"] is None
    assert shown["settings"]["branding"] in (None, {"logo_url": None})
    assert api.get("/v1/tenants").json()["entries"] == [shown]
    resolved = api.get(ACME, params={"resolve_full_preference_settings": True})
    assert resolved.status_code == 200


def test_a_public_key_has_no_business_here(api: CheckedClient) -> None:
    paths = [("GET", ACME), ("PUT", ACME), ("DELETE", ACME), ("GET", "/v1/tenants")]
    paths += [("POST", f"/v1/tenants/bulk/{each}") for each in ("set", "delete")]
    assert {api.request(method, path, json={}, headers=PUBLIC).status_code for method, path in paths} == {403}
