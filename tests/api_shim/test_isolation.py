"""Nothing that is done in one environment reaches another: not even those of the same ids."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from notify_workers import audiences, resources
from notify_workers.ids import channel_id, environment_id
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.notify_workers.test_batches import batch_step
from tests.notify_workers.test_purges import ROWS

LIVE = environment_id("production")
OF_AN_ENVIRONMENT = """
    select table_name from information_schema.columns
    where table_schema = 'public' and column_name = 'environment_id' and table_name not in ('api_log', 'due')
"""
OF_A_RUN_OR_MESSAGE = {
    "due": "run_id in (select id from recipient_runs where environment_id = :live)",
    "run_log": "run_id in (select id from recipient_runs where environment_id = :live)",
    "batch_items": "run_id in (select id from recipient_runs where environment_id = :live)",
    "message_events": "message_id in (select id from messages where environment_id = :live)",
    "delivery_attempts": "message_id in (select id from messages where environment_id = :live)",
}
PUSH = str(channel_id("push"))
DYNAMIC = {
    "name": "pros",
    "type": "dynamic",
    "segments": [{"conditions": [{"property": "recipient.plan", "operator": "equal_to", "argument": "pro"}]}],
}


def checksums(engine: Engine) -> dict[str, tuple[int, str]]:
    """Of production's rows, by table."""
    tables = {row.table_name: "environment_id = :live" for row in engine.rows(OF_AN_ENVIRONMENT)} | OF_A_RUN_OR_MESSAGE
    statement = "select count(*), coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {} t where {}"
    return {name: tuple(engine.one(statement.format(name, where), live=LIVE)) for name, where in tables.items()}


def fill(api: CheckedClient, engine: Engine, environment: Any, headers: Any) -> None:
    """The same in each environment: people, things, subscriptions, members, schedules, runs of every kind."""
    with resources.configuration() as tx:
        for key, steps in (
            ("welcome", [email_step()]),
            ("invite", [delay_step(), email_step()]),
            ("digest", [batch_step(minutes=9999), email_step()]),
        ):
            resources.publish_workflow(tx, environment, key, {"name": key, "steps": steps})
        audiences.publish(tx, environment, "pros", DYNAMIC)
    asking: dict[str, Any] = {"headers": headers}
    for user in ("jane", "joe"):
        said = {"email": f"{user}@example.com", "plan": "pro", "preferences": {"default": {"categories": {"a": False}}}}
        api.put(f"/v1/users/{user}", json=said, **asking)
        api.put(f"/v1/users/{user}/channel_data/{PUSH}", json={"data": {"tokens": ["t"]}}, **asking)
        with transaction() as tx:
            for statement in ROWS[1:]:
                statement = statement.replace("'guide-'", f"'{(headers and 'live') or 'test'}-guide-'")
                tx.run(text(statement), environment=environment, user=user, id=uuid4())
    api.put("/v1/objects/projects/p1", json={"name": "P"}, **asking)
    api.put("/v1/tenants/acme", json={"name": "Acme"}, **asking)
    api.post("/v1/objects/projects/p1/subscriptions", json={"recipients": ["jane", "joe"]}, **asking)
    path = "/v1/audiences/vips/members?create_audience=true"
    api.post(path, json={"members": [{"user": {"id": "jane"}}, {"user": {"id": "joe"}, "tenant": "acme"}]}, **asking)
    for key in ("welcome", "invite", "digest"):
        everybody = ["jane", "joe", {"collection": "projects", "id": "p1"}]
        body = {"recipients": everybody, "tenant": "acme", "cancellation_key": "k"}
        assert api.post(f"/v1/workflows/{key}/trigger", json=body, **asking).status_code == 200
    engine.drain()


CHANGES: list[tuple[str, str, Any]] = [
    ("PUT", "/v1/users/jane", {"name": "x", "plan": "free", "preferences": {"default": {"categories": {"a": True}}}}),
    ("PUT", "/v1/users/jane/preferences/default", {"categories": {"b": True}}),
    ("PUT", "/v1/users/jane/preferences/default/categories/c", True),
    ("DELETE", "/v1/users/joe/preferences/default", None),
    ("PUT", f"/v1/users/jane/channel_data/{PUSH}", {"data": {"tokens": ["other"]}}),
    ("DELETE", f"/v1/users/joe/channel_data/{PUSH}", None),
    ("POST", "/v1/users/bulk/identify", {"users": [{"id": "jane", "a": 1}, {"id": "joe", "a": 1}]}),
    ("POST", "/v1/users/bulk/preferences", {"user_ids": ["jane", "joe"], "preferences": {"workflows": {}}}),
    ("PUT", "/v1/objects/projects/p1", {"name": "x"}),
    ("POST", "/v1/objects/projects/bulk/set", {"objects": [{"id": "p1", "a": 1}]}),
    ("PUT", "/v1/tenants/acme", {"name": "x"}),
    ("POST", "/v1/tenants/bulk/set", {"tenants": [{"id": "acme", "a": 1}]}),
    ("POST", "/v1/objects/projects/p1/subscriptions", {"recipients": ["jane"], "properties": {"role": "x"}}),
    ("DELETE", "/v1/objects/projects/p1/subscriptions", {"recipients": ["joe"]}),
    ("POST", "/v1/objects/projects/bulk/subscriptions/add", {"subscriptions": [{"id": "p1", "recipients": ["joe"]}]}),
    ("POST", "/v1/objects/projects/bulk/subscriptions/delete", {"subscriptions": [{"id": "p1", "recipients": ["joe"]}]}),
    ("POST", "/v1/audiences/vips/members", {"members": [{"user": {"id": "new"}}]}),
    ("DELETE", "/v1/audiences/vips/members", {"members": [{"user": {"id": "jane"}}]}),
    ("POST", "/v1/workflows/invite/cancel", {"cancellation_key": "k"}),
    ("POST", "/v1/users/jane/merge", {"from_user_id": "joe"}),
    ("DELETE", "/v1/objects/projects/p1", None),
    ("POST", "/v1/users/bulk/delete", {"user_ids": ["joe"]}),
    ("DELETE", "/v1/users/jane", None),
    ("POST", "/v1/objects/projects/bulk/delete", {"object_ids": ["p1"]}),
    ("DELETE", "/v1/tenants/acme", None),
]  # fmt: skip


@pytest.fixture
def both(api: CheckedClient, engine: Engine) -> Engine:
    for environment, headers in ((LIVE, PRODUCTION), (DEVELOPMENT, None)):
        fill(api, engine, environment, headers)
    return engine


def test_whatever_is_done_in_development_production_stays_as_it_is(api: CheckedClient, both: Engine) -> None:
    before = checksums(both)
    filled = {name for name, (number, _) in before.items() if number}
    expected = {
        "recipients",
        "recipient_runs",
        "messages",
        "subscriptions",
        "audience_members",
        "schedules",
        "guide_engagements",
    }
    assert expected | {"batch_windows", "batch_items", "run_log", "message_events", "due"} <= filled
    for method, path, body in CHANGES:
        answer = api.request(method, path, json=body)
        assert answer.status_code in (200, 204), (method, path, answer.text)
        both.drain()
        after = checksums(both)
        assert {name for name in before if after[name] != before[name]} == set(), (method, path)
    with resources.configuration() as tx:
        audiences.publish(tx, DEVELOPMENT, "vips", DYNAMIC)
    both.drain()
    with transaction() as tx:  # the last looks of purges, without what is due in production meanwhile
        tx.run(text("update due set due_at = engine_now(), publish_at = engine_now() where kind = 'purge'"))
        tx.run(text("update purges set before = before - interval '11 minutes'"))
    both.tick()
    assert both.count("purges") == 0
    assert checksums(both) == before
