"""Triggering and cancelling over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest

from doorbell.embedded import EmbeddedRedis
from notify_workers import resources
from notify_workers.ids import environment_id
from tests.answers import PRODUCTION, code, eventually, fields, local_api, trigger
from tests.conftest import CheckedClient
from tests.engine import Engine, delay_step, email_step
from tests.mail_server import MailServer

JANE = {"id": "jane", "email": "jane@example.com"}
LONG = "𝄞" * 256
TOO_LONG = "x" * 257


def test_a_trigger_is_answered_with_the_id_of_its_run(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    engine.publish("welcome", [email_step()])
    answer = trigger(api, recipients=[JANE])
    assert answer.status_code == 200
    assert UUID(answer.json()["workflow_run_id"]).version == 4
    engine.drain()
    assert mail.subjects("jane@example.com") == ["Subject of email_1"]
    assert str(engine.one("select trigger_id from recipient_runs").trigger_id) == answer.json()["workflow_run_id"]


def test_the_old_form_names_the_workflow_in_the_body(api: CheckedClient, welcome: Engine, mail: MailServer) -> None:
    answer = api.post("/v1/notify", json={"name": "welcome", "actor": "joe", "recipients": [JANE]})
    welcome.drain()
    assert UUID(answer.json()["result_id"]) == welcome.one("select id from triggers").id
    assert mail.subjects() == ["Subject of email_1"]


def test_an_unknown_workflow_is_missing(api: CheckedClient) -> None:
    answers = [
        trigger(api, "nothing"),
        api.post("/v1/notify", json={"name": "nothing", "recipients": []}),
        api.post("/v1/workflows/nothing/cancel", json={"cancellation_key": "k"}),
        api.post("/v1/notify/cancel", json={"name": "nothing", "cancellation_key": "k"}),
    ]
    assert [(answer.status_code, code(answer)) for answer in answers] == [(404, "workflow_missing")] * 4


def test_a_workflow_that_is_not_active_is_refused_but_can_be_cancelled(api: CheckedClient, welcome: Engine) -> None:
    welcome.publish("stopped", [email_step()])
    resources.set_workflow_active(environment_id("development"), "stopped", False)
    eventually(lambda: trigger(api, "stopped").status_code == 422)
    answer = trigger(api, "stopped")
    assert (code(answer), fields(answer)) == ("workflow_inactive", ["key"])
    assert api.post("/v1/workflows/stopped/cancel", json={"cancellation_key": "k"}).status_code == 204


INVALID: list[tuple[Any, list[str]]] = [
    ({}, ["recipients"]),
    ({"recipients": None}, ["recipients"]),
    ({"recipients": "jane"}, ["recipients"]),
    ({"recipients": {"id": "jane"}}, ["recipients"]),
    ({"recipients": ["jane"] * 1001}, ["recipients"]),
    ({"recipients": [7, None, [], True]}, ["recipients[0]", "recipients[1]", "recipients[2]", "recipients[3]"]),
    ({"recipients": ["a", "b", "c", {"name": "D"}]}, ["recipients[3].id"]),
    (
        {"recipients": ["", "a/b", "a#b", TOO_LONG]},
        ["recipients[0]", "recipients[1]", "recipients[2]", "recipients[3]"],
    ),
    ({"recipients": [{"id": ""}, {"id": 7}, {"id": "a/b"}]}, [f"recipients[{n}].id" for n in range(3)]),
    ({"recipients": [{"id": "o", "collection": ""}]}, ["recipients[0].collection"]),
    ({"recipients": [{"id": TOO_LONG, "collection": 7}]}, ["recipients[0].id", "recipients[0].collection"]),
    ({"recipients": [{"id": "a/b", "collection": "$users", "name": 7}]}, ["recipients[0].name", "recipients[0].id"]),
    ({"recipients": [{"id": "a", "email": 7, "timezone": []}]}, ["recipients[0].email", "recipients[0].timezone"]),
    ({"recipients": [{"id": "a", "channel_data": {"c": 7}}]}, ["recipients[0].channel_data.c"]),
    ({"recipients": [{"id": "a", "preferences": []}]}, ["recipients[0].preferences"]),
    ({"recipients": [{"id": "a", "$trigger_data": []}]}, ["recipients[0].$trigger_data"]),
    ({"recipients": [{"id": "a", "created_at": 1700000000}]}, ["recipients[0].created_at"]),
    ({"recipients": [], "actor": 7}, ["actor"]),
    ({"recipients": [], "actor": {"id": ""}}, ["actor.id"]),
    ({"recipients": [], "tenant": 7}, ["tenant"]),
    ({"recipients": [], "tenant": ""}, ["tenant"]),
    ({"recipients": [], "tenant": TOO_LONG}, ["tenant"]),
    ({"recipients": [], "tenant": {"name": "Acme"}}, ["tenant.id"]),
    ({"recipients": [], "tenant": {"id": "acme", "created_at": "soon"}}, ["tenant.created_at"]),
    ({"recipients": [], "data": []}, ["data"]),
    ({"recipients": [], "data": "text"}, ["data"]),
    ({"recipients": [], "cancellation_key": ""}, ["cancellation_key"]),
    ({"recipients": [], "cancellation_key": 7}, ["cancellation_key"]),
    ({"recipients": [], "cancellation_key": TOO_LONG}, ["cancellation_key"]),
    (
        {"recipients": [], "settings": {"sandbox_mode": "false", "skip_delay": 1}},
        ["settings.sandbox_mode", "settings.skip_delay"],
    ),
    ({"recipients": [], "settings": []}, ["settings"]),
]


def test_each_wrong_field_is_named(api: CheckedClient, welcome: Engine) -> None:
    answers = [api.post("/v1/workflows/welcome/trigger", json=body) for body, _ in INVALID]
    assert [fields(answer) for answer in answers] == [expected for _, expected in INVALID]
    assert {code(answer) for answer in answers} == {"invalid_params"}
    assert fields(api.post("/v1/notify", json={"recipients": []})) == ["name"]


def test_a_thousand_recipients_are_taken_each_once(api: CheckedClient, engine: Engine) -> None:
    engine.publish("empty", [])
    answer = trigger(api, "empty", [*(f"user-{n}" for n in range(998)), "user-1", {"id": "user-2"}])
    assert answer.status_code == 200
    engine.drain()
    assert engine.statuses() == {"completed": 998}


def test_names_as_long_as_they_may_be_still_fit_into_the_database(api: CheckedClient, welcome: Engine) -> None:
    long = "".join(chr(0x10000 + number * 2399 % 0xFFFF) for number in range(256))
    recipients = [{"id": long, "collection": long}, {"id": long}, long]
    answer = trigger(api, recipients=recipients, actor=recipients[0], tenant=long, cancellation_key=long)
    assert answer.status_code == 200
    welcome.drain()
    assert welcome.statuses() == {"completed": 2}
    assert api.post("/v1/workflows/welcome/cancel", json={"cancellation_key": long}).status_code == 204


TIMES = {
    "2024-02-29": "2024-02-29T00:00:00Z",
    "2024-02-29T12:00Z": "2024-02-29T12:00:00Z",
    "2024-02-29 12:00:00": "2024-02-29T12:00:00Z",
    "2024-02-29T12:00:00.123456789+05:30": "2024-02-29T06:30:00.123457Z",
    "2024-02-29T12:00:00-1559": "2024-03-01T03:59:00Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.5Z": "9999-12-31T23:59:59.500000Z",
}
NO_TIMES = [
    *("now", "", "1700000000", "2024-02-30", "2024-W01-1", "2024-02-29_12:00:00", "2024-02-29T12:00:00+16:00"),
    *("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "infinity", "2024-02-29T24:00:00Z", "٢٠٢٤-02-29"),
]


def test_a_time_means_the_same_to_the_api_and_to_the_database(api: CheckedClient, welcome: Engine) -> None:
    inline = [{"id": f"u{n}", "created_at": written} for n, written in enumerate(TIMES)]
    assert trigger(api, recipients=inline).status_code == 200
    welcome.drain()
    assert [api.get(f"/v1/users/u{n}").json()["created_at"] for n in range(len(TIMES))] == list(TIMES.values())
    wrong = [{"id": "u", "created_at": written} for written in NO_TIMES]
    assert fields(trigger(api, recipients=wrong)) == [f"recipients[{n}].created_at" for n in range(len(NO_TIMES))]


def test_what_the_request_says_of_itself_is_not_believed(api: CheckedClient, welcome: Engine) -> None:
    spoofed = {"environment_id": str(environment_id("production")), "workflow": "other", "inline": False, "id": "x"}
    api.post("/v1/workflows/welcome/trigger", json={"recipients": ["jane"], **spoofed})
    welcome.drain()
    run = welcome.one("select environment_id, workflow_key from recipient_runs")
    assert (run.environment_id, run.workflow_key) == (environment_id("development"), "welcome")


def test_settings_reach_the_engine(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    engine.publish("late", [delay_step(), email_step()])
    trigger(api, "late", [JANE], settings={"skip_delay": True, "sandbox_mode": True})
    engine.drain()
    assert [message["status"] for message in api.get("/v1/messages").json()["items"]] == ["not_sent"]
    assert mail.subjects() == []


SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {"type": "string"},
        "items": {"type": "array", "items": {"properties": {"price": {"type": "number"}}}},
    },
    "additionalProperties": False,
}
AGAINST_THE_SCHEMA: list[tuple[Any, list[tuple[str, str]]]] = [
    (None, [("data", "required")]),
    ({"order": 7}, [("data.order", "type")]),
    ({"order": "1", "items": [{"price": 1}, {"price": "1"}]}, [("data.items[1].price", "type")]),
    ({"order": "1", "other": 1}, [("data", "additionalProperties")]),
    ({"items": {}}, [("data.items", "type"), ("data", "required")]),
]


def test_data_is_held_against_the_workflows_schema(api: CheckedClient, engine: Engine) -> None:
    engine.publish("order", [email_step()], trigger_data_json_schema=SCHEMA)
    for data, expected in AGAINST_THE_SCHEMA:
        errors = trigger(api, "order", data=data).json()["errors"]
        assert sorted((each["field"], each["type"]) for each in errors) == sorted(expected)
    assert trigger(api, "order", data={"order": "1", "items": [{"price": 1}]}).status_code == 200
    engine.drain()
    assert engine.count("triggers") == 1


def test_a_violation_quotes_only_the_beginning_of_the_data(api: CheckedClient, engine: Engine) -> None:
    engine.publish("order", [email_step()], trigger_data_json_schema={"additionalProperties": {"type": "number"}})
    answer = trigger(api, "order", data={f"field-{n}": "x" * 10_000 for n in range(200)})
    assert len(fields(answer)) == 100
    assert len(answer.content) < 50_000


@pytest.mark.parametrize("place", ["actor", "tenant", "recipients[1]"])
def test_nobody_may_be_larger_inline_than_by_themselves(api: CheckedClient, welcome: Engine, place: str) -> None:
    large = {"id": "large", "text": "x" * 256 * 1024}
    request = {"recipients": ["jane", large]} if place == "recipients[1]" else {place: large}
    answer = trigger(api, **request)
    assert (fields(answer), answer.json()["errors"][0]["type"]) == ([place], "too_large")


def test_data_for_one_recipient_may_be_large(api: CheckedClient, welcome: Engine) -> None:
    data = {"text": "x" * 300 * 1024}
    assert trigger(api, recipients=[{"id": "jane", "$trigger_data": data}], data={"n": 1}).status_code == 200
    welcome.drain()
    assert welcome.one("select data from recipient_runs").data == {"n": 1, **data}


# Cancelling


@pytest.fixture
def waiting(api: CheckedClient, engine: Engine) -> Engine:
    """An invitation to Jane and to an object, with a reminder that waits, cancellable by `k`."""
    engine.publish("invite", [delay_step(), email_step()])
    trigger(api, "invite", [JANE, {"id": "1", "collection": "projects"}], cancellation_key="k")
    engine.drain()
    assert engine.statuses() == {"paused": 2}
    return engine


def cancel(api: CheckedClient, key: str = "k", **body: Any) -> httpx2.Response:
    return api.post("/v1/workflows/invite/cancel", json={"cancellation_key": key, **body})


def test_a_cancellation_is_answered_with_nothing_but_how_many_runs_it_stopped(
    api: CheckedClient, waiting: Engine, mail: MailServer
) -> None:
    answer = cancel(api)
    assert (answer.status_code, answer.content, answer.headers["x-doorbell-cancelled"]) == (204, b"", "runs=2")
    assert "content-type" not in answer.headers
    waiting.advance(days=4)
    assert waiting.statuses() == {"cancelled": 2}
    assert mail.subjects() == []
    assert cancel(api).headers["x-doorbell-cancelled"] == "runs=0"


RECIPIENTS: list[tuple[Any, str]] = [
    (["jane"], "runs=1"),
    ([{"id": "1", "collection": "projects"}], "runs=1"),
    (["jane", "jane", {"id": "1", "collection": "projects"}, "nobody"], "runs=2"),
    (["nobody", {"id": "1", "collection": "others"}], "runs=0"),
    (None, "runs=2"),
]


@pytest.mark.parametrize(("recipients", "stopped"), RECIPIENTS)
def test_a_cancellation_may_name_recipients(api: CheckedClient, waiting: Engine, recipients: Any, stopped: str) -> None:
    assert cancel(api, recipients=recipients).headers["x-doorbell-cancelled"] == stopped


def test_the_old_form_of_a_cancellation_does_the_same(api: CheckedClient, waiting: Engine) -> None:
    body = {"name": "invite", "cancellation_key": "k", "recipients": ["jane"]}
    assert api.post("/v1/notify/cancel", json=body).headers["x-doorbell-cancelled"] == "runs=1"
    assert waiting.statuses() == {"cancelled": 1, "paused": 1}


def test_how_many_is_not_said_while_triggers_are_on_their_way(api: CheckedClient, waiting: Engine) -> None:
    trigger(api, "invite", ["joe"], cancellation_key="k")
    answer = cancel(api)
    assert answer.status_code == 204
    assert "x-doorbell-cancelled" not in answer.headers
    waiting.drain()
    assert waiting.statuses() == {"cancelled": 3}


def test_each_wrong_field_of_a_cancellation_is_named(api: CheckedClient, waiting: Engine) -> None:
    wrong: list[tuple[dict[str, Any], list[str]]] = [
        ({"cancellation_key": None}, ["cancellation_key"]),
        ({"cancellation_key": ""}, ["cancellation_key"]),
        ({"recipients": []}, ["recipients"]),
        ({"recipients": "jane"}, ["recipients"]),
        ({"recipients": ["jane", 7]}, ["recipients[1]"]),
        ({"recipients": [{"collection": "projects"}]}, ["recipients[0].id"]),
        ({"recipients": ["jane"] * 1001}, ["recipients"]),
    ]
    assert [fields(cancel(api, **body)) for body, _ in wrong] == [expected for _, expected in wrong]
    assert fields(api.post("/v1/notify/cancel", json={})) == ["cancellation_key", "name"]
    assert waiting.statuses() == {"paused": 2}


def test_a_cancellation_stays_in_its_environment(api: CheckedClient, waiting: Engine) -> None:
    with resources.configuration() as tx:
        document = {"name": "invite", "steps": [email_step()]}
        resources.publish_workflow(tx, environment_id("production"), "invite", document)
    body = {"cancellation_key": "k"}
    answer = api.post("/v1/workflows/invite/cancel", json=body, headers=PRODUCTION)
    assert answer.headers["x-doorbell-cancelled"] == "runs=0"
    assert waiting.statuses() == {"paused": 2}


def test_without_postgresql_nothing_is_cancelled(
    api: CheckedClient,
    waiting: Engine,
    mail: MailServer,
    no_database: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_database()
    answer = cancel(api)
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "unavailable", "1")
    monkeypatch.undo()
    waiting.advance(days=4)
    assert mail.subjects() == ["Subject of email_1"]


def test_without_redis_nothing_is_cancelled(own_redis: EmbeddedRedis, engine: Engine) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    with local_api() as api:
        trigger(api, "invite", cancellation_key="k")
        engine.drain()
        own_redis.kill()
        answer = cancel(api)
        own_redis.start()
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert engine.statuses() == {"paused": 1}
    assert engine.count("cancellations") == 0
