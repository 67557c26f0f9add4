"""Anything at all, thrown at every route: what comes back is an answer of the contract, never a fault of ours."""

from __future__ import annotations

import json
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notify_workers import pending
from tests.conftest import CheckedClient
from tests.engine import Engine

ROUTES = [
    *(
        ("POST", path)
        for path in ("/v1/workflows/{}/trigger", "/v1/workflows/{}/cancel", "/v1/notify", "/v1/notify/cancel")
    ),
    *((method, "/v1/users/{}") for method in ("PUT", "GET", "DELETE")),
    *(("GET", path) for path in ("/v1/users", "/v1/messages", "/v1/workflow_recipient_runs")),
    *(("GET", f"/v1/messages/{{}}{part}") for part in ("", "/content", "/events", "/activities", "/delivery_logs")),
    ("GET", "/v1/workflow_recipient_runs/{}"),
    ("POST", "/dev/clock/advance"),
]
NAMES = [
    *("after", "before", "page_size", "tenant", "status[]", "status", "engagement_status[]", "channel_id", "source"),
    *("message_ids[]", "trigger_data", "trigger_data[a]", "inserted_at.gte", "inserted_at[lt]", "workflow_run_id"),
    *("recipient", "recipient[id]", "recipient[collection]", "has_errors", "starting_at", "ending_at", "include[]"),
]
FIELDS = [
    *("recipients", "actor", "tenant", "data", "settings", "cancellation_key", "name", "id", "collection", "email"),
    *(
        "created_at",
        "preferences",
        "channel_data",
        "$trigger_data",
        "timezone",
        "sandbox_mode",
        "seconds",
        "properties",
    ),
]
KNOWN = ["empty", "jane", "sent", "1", "true", "-1", "1e999", "2026-01-01", "null", '{"a":1}', "cGFnZTp4", "$users"]

thorough = partial(settings, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

texts = st.sampled_from(KNOWN) | st.text(max_size=8) | st.just("x" * 300)
numbers = st.integers() | st.floats() | st.sampled_from([10**4000, 1e308, -0.0, 2**63])
names = st.sampled_from(FIELDS) | texts
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
    max_leaves=8,
)
bodies = st.dictionaries(names, anything) | anything
queries = st.lists(st.tuples(st.sampled_from(NAMES) | texts, texts), max_size=4)


@thorough(max_examples=60)
@given(route=st.sampled_from(ROUTES), name=texts, query=queries, body=bodies)
def test_whatever_is_asked_the_answer_is_one_of_the_contract(
    api: CheckedClient, route: tuple[str, str], name: str, query: list[tuple[str, str]], body: Any
) -> None:
    method, path = route
    written = "&".join(f"{quote(key, safe='[]')}={quote_plus(value)}" for key, value in query)
    answer = api.request(method, f"{path.format(quote(name, safe=''))}?{written}", content=json.dumps(body).encode())
    assert answer.status_code < 500, answer.text


@thorough(max_examples=40)
@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]))
def test_no_address_is_too_odd(api: CheckedClient, path: str, method: str) -> None:
    assert api.request(method, f"/v1/{quote(path)}").status_code in (404, 405, 422)


people = (
    texts
    | st.fixed_dictionaries(
        {"id": texts}, optional=dict.fromkeys(("name", "created_at", "$trigger_data", "a"), anything)
    )
    | st.fixed_dictionaries({"id": texts, "collection": texts}, optional={"a": anything, "created_at": texts})
)
triggers = st.fixed_dictionaries(
    {"recipients": st.lists(people, max_size=4)},
    optional={"actor": people, "tenant": people, "data": st.dictionaries(names, anything), "cancellation_key": texts},
)


@thorough(max_examples=60)
@given(body=triggers)
def test_what_the_api_takes_the_engine_takes_too(api: CheckedClient, engine: Engine, body: Any) -> None:
    if engine.count("resources") == 0:
        engine.publish("empty", [])
    answer = api.post("/v1/workflows/empty/trigger", content=json.dumps(body).encode())
    assert answer.status_code in (200, 400, 422)
    engine.drain()
    assert pending.count() == 0, answer.json()
