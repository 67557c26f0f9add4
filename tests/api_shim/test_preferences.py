"""Preference sets of users and objects, and what they do to messages."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from notify_workers.environments import set_default_preferences
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.recipients import TENANTS, Identity, Reference

USER = "/v1/users/jane/preferences"
OBJECT = "/v1/objects/projects/1/preferences"
NOTHING = dict.fromkeys(("workflows", "categories", "channel_types", "channels", "commercial_subscribed"))
JANE = {"id": "jane", "email": "jane@example.com", "name": "Jane"}


def put(api: CheckedClient, path: str, body: Any) -> dict[str, Any]:
    answer = api.put(path, json=body)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def tenant(name: str, **preference_set: Any) -> None:
    settings = {"settings": {"preference_set": preference_set}}
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(TENANTS, name), settings))])


@pytest.mark.parametrize("path", [USER, OBJECT])
def test_a_set_is_replaced_by_what_is_put(api: CheckedClient, path: str) -> None:
    put(api, f"{path}/default", {"categories": {"news": False}, "channel_types": {"email": False}})
    conditions = [{"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"}]
    wanted = {"workflows": {"a": {"channel_types": {"sms": {"conditions": conditions}}, "conditions": conditions}}}
    assert put(api, f"{path}/default", wanted) == {"id": "default", **NOTHING, **wanted}
    assert api.get(f"{path}/default").json() == {"id": "default", **NOTHING, **wanted}


@pytest.mark.parametrize("path", [USER, OBJECT])
def test_a_set_is_merged_when_it_asks_for_it(api: CheckedClient, path: str) -> None:
    put(api, f"{path}/default", {"categories": {"news": {"channel_types": {"email": False, "sms": True}}, "b": False}})
    merge = {"__persistence_strategy__": "merge", "categories": {"news": {"channel_types": {"sms": None}}, "c": True}}
    merged = put(api, f"{path}/default", merge)
    assert merged["categories"] == {"news": {"channel_types": {"email": False}}, "b": False, "c": True}


def test_who_has_written_nothing_gets_the_environments_default(api: CheckedClient) -> None:
    set_default_preferences(DEVELOPMENT, {"categories": {"news": False, "invites": True}})
    expected = {"id": "default", **NOTHING, "categories": {"news": False, "invites": True}}
    assert api.get(f"{USER}/default").json() == expected
    assert api.get(USER).json() == [expected]
    assert api.get("/v1/users/jane").status_code == 404
    own = put(api, f"{USER}/default", {"categories": {"news": True}})
    assert own["categories"] == {"news": True, "invites": True}


def test_a_tenants_default_lies_between(api: CheckedClient) -> None:
    set_default_preferences(DEVELOPMENT, {"categories": {"news": False, "invites": True}})
    tenant("acme", categories={"news": {"channel_types": {"email": False}, "__strategy__": "replace"}})
    merged = {"news": {"channel_types": {"email": False}, "__strategy__": "replace"}, "invites": True}
    assert api.get(f"{USER}/acme").json() == {"id": "acme", **NOTHING, "categories": merged}
    asked = api.get(f"{USER}/default", params={"tenant": "acme"}).json()
    assert asked == {"id": "default", **NOTHING, "categories": merged}
    put(api, f"{USER}/acme", {"categories": {"news": True, "invites": False}})
    assert api.get(f"{USER}/acme").json()["categories"] == {**merged, "invites": False}
    assert api.get(f"{USER}/default").json()["categories"] == {"news": False, "invites": True}


@pytest.mark.parametrize("path", [USER, OBJECT])
def test_sets_are_listed_and_removed(api: CheckedClient, path: str) -> None:
    for name in ("zeta", "default", "acme"):
        put(api, f"{path}/{name}", {"categories": {name: False}})
    assert [(each["id"], each["categories"]) for each in api.get(path).json()] == [
        ("default", {"default": False}),
        ("acme", {"acme": False}),
        ("zeta", {"zeta": False}),
    ]
    assert [api.delete(f"{path}/acme").status_code for _ in range(2)] == [204, 204]
    assert [each["id"] for each in api.get(path).json()] == ["default", "zeta"]
    assert api.delete(f"{path}/default").status_code == 204
    assert api.get(f"{path}/default").json() == {"id": "default", **NOTHING}


@pytest.mark.parametrize("path", [USER, OBJECT])
@pytest.mark.parametrize("part", ["categories", "workflows"])
def test_parts_and_entries_are_merged_by_the_old_endpoints(api: CheckedClient, path: str, part: str) -> None:
    put(api, f"{path}/default", {"commercial_subscribed": False})
    put(api, f"{path}/default/{part}", {"a": False, "b": {"channel_types": {"email": False}}})
    put(api, f"{path}/default/{part}/c", False)
    put(api, f"{path}/default/{part}/d", {"subscribed": False})
    shown = put(api, f"{path}/default/{part}/b", {"channel_types": {"sms": True}})
    entries = {"a": False, "b": {"channel_types": {"email": False, "sms": True}}, "c": False, "d": False}
    assert shown == {"id": "default", **NOTHING, part: entries, "commercial_subscribed": False}
    assert api.put(f"{path}/default/{part}/a").status_code == 400
    unset = api.put(f"{path}/default/{part}/a", content="null").json()
    assert unset[part] == {each: entries[each] for each in "bcd"}


@pytest.mark.parametrize("path", [USER, OBJECT])
def test_channel_types_are_merged_by_the_old_endpoints(api: CheckedClient, path: str) -> None:
    conditions = {"conditions": [{"variable": "data.urgent", "operator": "equal_to", "argument": "true"}]}
    put(api, f"{path}/default/channel_types", {"email": False, "chat": {"subscribed": False}})
    put(api, f"{path}/default/channel_types/email", {"subscribed": True})
    put(api, f"{path}/default/channel_types/push", False)
    shown = put(api, f"{path}/default/channel_types/sms", conditions)
    assert shown["channel_types"] == {"email": True, "chat": False, "push": False, "sms": conditions}


REFUSED: list[tuple[str, Any, str]] = [
    ("default", {"categories": {"a": "yes"}}, "categories.a"),
    ("default", {"categories": []}, "categories"),
    ("default", {"channel_types": {"emial": True}}, "channel_types.emial"),
    ("default", {"channels": {"x": {"conditions": [{"variable": "a"}]}}}, "channels.x.conditions[0].operator"),
    ("default", {"commercial_subscribed": "no"}, "commercial_subscribed"),
    ("default", {"unknown": 1}, "unknown"),
    ("default", {"__persistence_strategy__": "append"}, "__persistence_strategy__"),
    ("default", {"categories": {"a\0": True}}, "categories"),
    ("default", [], "body"),
    ("x" * 300, {}, "id"),
    ("default/categories/a", "yes", "categories.a"),
    ("default/categories", [], "body"),
    ("default/channel_types/fax", True, "channel_types.fax"),
    ("default/channel_types/email", {"a": 1}, "channel_types.email"),
    (f"default/workflows/{'x' * 300}", True, "key"),
]


@pytest.mark.parametrize("path", [USER, OBJECT])
@pytest.mark.parametrize(("end", "body", "field"), REFUSED)
def test_what_is_no_preference_set_is_refused_with_its_place(
    api: CheckedClient, engine: Engine, path: str, end: str, body: Any, field: str
) -> None:
    answer = api.put(f"{path}/{end}", json=body)
    assert fields(answer) == [field]
    assert engine.count("recipients") == 0


def test_a_set_has_an_end(api: CheckedClient, change_settings: Callable[..., None]) -> None:
    change_settings(max_properties=1000)
    for each in ("a", "b"):
        put(api, f"{USER}/default/categories", {each * 400: True})
    assert fields(api.put(f"{USER}/default/categories", json={"c" * 400: True})) == ["body"]
    assert len(api.get(f"{USER}/default").json()["categories"]) == 2


def test_users_are_not_objects(api: CheckedClient) -> None:
    assert fields(api.get("/v1/objects/$users/jane/preferences")) == ["collection"]
    put(api, "/v1/objects/$tenants/acme/preferences/default", {"categories": {"a": False}})


def test_settings_that_are_merged_at_the_same_time_are_all_kept(api: CheckedClient) -> None:
    def write(number: int) -> int:
        return api.put(f"{USER}/default/categories/c{number}", json=False).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(write, range(24))) == {200}
    assert len(api.get(f"{USER}/default").json()["categories"]) == 24


def test_a_public_key_reads_and_writes_users_sets_and_nothing_else(api: CheckedClient) -> None:
    assert api.put(f"{USER}/default", json={"categories": {"a": False}}, headers=PUBLIC).status_code == 200
    assert api.get(f"{USER}/default", headers=PUBLIC).json()["categories"] == {"a": False}
    assert len(api.get(USER, headers=PUBLIC).json()) == 1
    refused = [
        api.delete(f"{USER}/default", headers=PUBLIC),
        api.get(f"{OBJECT}/default", headers=PUBLIC),
        api.put(f"{OBJECT}/default", json={}, headers=PUBLIC),
        api.post("/v1/users/bulk/preferences", json={}, headers=PUBLIC),
    ]
    assert {(each.status_code, code(each)) for each in refused} == {(403, "incorrect_token_type")}


def test_environments_do_not_share_preferences(api: CheckedClient) -> None:
    put(api, f"{USER}/default", {"categories": {"a": False}})
    assert api.get(f"{USER}/default", headers=PRODUCTION).json()["categories"] is None


# What they do


def notify(engine: Engine, **request: Any) -> None:
    engine.trigger("invite", [JANE], **request)
    engine.drain()


def reasons(engine: Engine) -> list[Any]:
    found = [entry for row in engine.rows("select entries from run_log order by number") for entry in row.entries]
    return [entry["data"] for entry in found if entry["event"] == "step_skipped"]


def test_what_a_user_does_not_want_is_not_sent_and_the_log_says_why(
    api: CheckedClient, engine: Engine, mail: MailServer
) -> None:
    engine.publish("invite", [email_step()], categories=["invites"])
    put(api, f"{USER}/default", {"categories": {"invites": {"channel_types": {"email": False}}}})
    notify(engine)
    assert mail.subjects() == []
    (skipped,) = reasons(engine)
    assert "the recipient's default set" in str(skipped)
    assert api.delete(f"{USER}/default").status_code == 204
    notify(engine)
    assert mail.subjects() == ["Subject of email_1"]


def test_a_set_for_a_tenant_counts_in_that_tenant_only(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    engine.publish("invite", [email_step()])
    put(api, f"{USER}/acme/workflows/invite", False)
    notify(engine, tenant="acme")
    assert mail.subjects() == []
    assert "the recipient's set for the tenant" in str(reasons(engine))
    notify(engine)
    notify(engine, tenant="other")
    assert len(mail.subjects()) == 2


# Many at once


def test_one_set_of_many_users_is_replaced(api: CheckedClient, engine: Engine) -> None:
    put(api, "/v1/users/u1/preferences/acme", {"categories": {"old": False}})
    wanted = {"id": "acme", "categories": {"news": False}, "__persistence_strategy__": "merge"}
    users = [f"u{number}" for number in range(5)]
    answer = api.post("/v1/users/bulk/preferences", json={"user_ids": [*users, "u1"], "preferences": wanted})
    assert (answer.status_code, answer.json()["estimated_total_rows"]) == (200, 5), answer.text
    engine.drain()
    done = api.get(f"/v1/bulk_operations/{answer.json()['id']}").json()
    assert (done["status"], done["success_count"], done["name"]) == ("completed", 5, "users.set_preferences")
    for user in users:
        assert [each["id"] for each in api.get(f"/v1/users/{user}/preferences").json()] == ["default", "acme"]
        assert api.get(f"/v1/users/{user}/preferences/acme").json()["categories"] == {"news": False}


def test_a_bulk_operation_may_be_about_nobody(api: CheckedClient, engine: Engine) -> None:
    started = api.post("/v1/users/bulk/preferences", json={"preferences": {}, "user_ids": []}).json()
    engine.drain()
    done = api.get(f"/v1/bulk_operations/{started['id']}").json()
    assert (done["status"], done["estimated_total_rows"], done["error_count"]) == ("completed", 0, 0)


def test_a_bulk_operation_is_checked_before_it_starts(
    api: CheckedClient, engine: Engine, change_settings: Callable[..., None]
) -> None:
    def refused(**body: Any) -> list[str]:
        return fields(api.post("/v1/users/bulk/preferences", json=body))

    assert refused() == ["preferences", "user_ids"]
    assert refused(preferences={}, user_ids=["a", "b/c"]) == ["user_ids[1]"]
    assert refused(preferences={"categories": {"a": 1}}, user_ids=["a"]) == ["preferences.categories.a"]
    change_settings(max_bulk=2)
    assert refused(preferences={}, user_ids=["a", "b", "c"]) == ["user_ids"]
    assert engine.count("bulk_operations") == 0
