"""What ran for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, fields, trigger
from tests.api_shim.test_messages import walk
from tests.conftest import CheckedClient
from tests.engine import Engine, delay_step, email_step

JANE = {"id": "jane", "email": "jane@example.com", "name": "Jane"}
PROJECT = {"id": "1", "collection": "projects"}
RUNS = "/v1/workflow_recipient_runs"


@pytest.fixture
def four(api: CheckedClient, engine: Engine, change_settings: Callable[..., None]) -> Engine:
    """Runs for a (completed, of Acme), b (paused, by an actor), c (failed) and a project (cancelled), a day apart each."""
    change_settings(step_attempts=1)
    engine.publish("welcome", [email_step()])
    engine.publish("invite", [delay_step(), email_step()])
    engine.publish("broken", [email_step(subject="{{ 1 | divided_by: 0 }}")])
    trigger(api, recipients=["a"], tenant="acme")
    trigger(api, "invite", ["b"], actor={"id": "joe"}, cancellation_key="kept")
    trigger(api, "broken", [{**JANE, "id": "c"}])
    trigger(api, "invite", [PROJECT], cancellation_key="k")
    engine.drain()
    api.post("/v1/workflows/invite/cancel", json={"cancellation_key": "k"})
    with transaction() as tx:
        tx.run(
            text(
                "update recipient_runs set inserted_at = timestamptz '2025-12-31T00:00:00Z' + "
                "strpos('abc1', recipient_id) * interval '1 day'"
            )
        )
    return engine


def found(api: CheckedClient, query: str) -> str:
    """The recipients of the runs that a query finds, in its order."""
    answer = api.get(f"{RUNS}?{query}")
    assert answer.status_code == 200, answer.text
    recipients = [run["recipient"] for run in answer.json()["items"]]
    return "".join(each if isinstance(each, str) else each["id"] for each in recipients)


FILTERS = {
    "": "1cba",
    "workflow=invite": "1b",
    "workflow=nothing": "",
    "status[]=completed": "ca",
    "status=paused": "b",
    "status[]=cancelled&status[]=paused": "1b",
    "status[]=queued&status[]=processing": "",
    "tenant=acme": "a",
    "has_errors=true": "c",
    "has_errors=false": "1ba",
    "recipient=a": "a",
    "recipient[id]=1&recipient[collection]=projects": "1",
    "recipient[id]=a&recipient[collection]=projects": "",
    "starting_at=2026-01-02T00:00:00Z": "1cb",
    "ending_at=2026-01-02T00:00:00Z": "a",
    "starting_at=2026-01-02&ending_at=2026-01-04": "cb",
    "workflow=invite&status=paused&has_errors=false&recipient=b": "b",
}
WRONG = {
    "status[]=done": "status[0]",
    "has_errors=perhaps": "has_errors",
    "recipient[id]=1": "recipient",
    "recipient[collection]=projects": "recipient.id",
    "recipient[]=a": "recipient",
    "recipient=a/b": "recipient",
    "starting_at=yesterday": "starting_at",
    "ending_at=2026-01-01T00:00:00%2B23:00": "ending_at",
    "workflow[]=a": "workflow",
}


def test_each_filter_finds_what_it_is_for(api: CheckedClient, four: Engine) -> None:
    assert {query: found(api, query) for query in FILTERS} == FILTERS


def test_each_wrong_filter_is_named(api: CheckedClient) -> None:
    assert {query: fields(api.get(f"{RUNS}?{query}"))[0] for query in WRONG} == WRONG


def test_a_run_is_shown_with_what_its_trigger_said(api: CheckedClient, four: Engine) -> None:
    (run,) = api.get(f"{RUNS}?recipient=b").json()["items"]
    trigger_id = four.one("select id from triggers where cancellation_key = 'kept'").id
    for name in ("id", "inserted_at", "updated_at"):
        assert run.pop(name)
    assert run == {
        "__typename": "WorkflowRecipientRun",
        "workflow_run_id": str(trigger_id),
        "workflow": "invite",
        "status": "paused",
        "recipient": "b",
        "actor": "joe",
        "tenant": None,
        "trigger_source": {"type": "api", "cancellation_key": "kept", "audience_key": None, "schedule_id": None},
        "error_count": 0,
    }


def events(api: CheckedClient, query: str) -> list[dict[str, Any]]:
    (run,) = api.get(f"{RUNS}?{query}").json()["items"]
    detail = api.get(f"{RUNS}/{run['id']}").json()
    logged: list[dict[str, Any]] = detail.pop("events")
    assert detail == run
    return logged


def test_one_run_is_shown_with_everything_that_happened(api: CheckedClient, welcome: Engine) -> None:
    trigger(api, recipients=[JANE])
    welcome.drain()
    logged = events(api, "recipient=jane")
    names = [event["event"] for event in logged]
    assert (names[0], names[-1]) == ("step_started", "run_completed")
    assert {(event["step_ref"], event["step_type"], event["attempt"]) for event in logged} == {
        ("email_1", "channel", 1)
    }
    assert len({event["id"] for event in logged}) == len(logged)
    enqueued = logged[names.index("message_enqueued")]
    assert enqueued["data"]["message_id"] == api.get("/v1/messages").json()["items"][0]["id"]


def test_what_went_wrong_in_a_run_is_told(api: CheckedClient, four: Engine) -> None:
    failed = next(event for event in events(api, "recipient=c") if event["status"] == "error")
    assert "divide by 0" in failed["data"]["message"]
    assert api.get(f"{RUNS}?recipient=c").json()["items"][0]["error_count"] == 1


def test_a_cancelled_run_says_by_which_key(api: CheckedClient, four: Engine) -> None:
    last = events(api, "recipient[id]=1&recipient[collection]=projects")[-1]
    assert (last["event"], last["data"]["cancellation_key"]) == ("run_cancelled", "k")


def test_an_unknown_run_is_missing(api: CheckedClient) -> None:
    answers = [api.get(f"{RUNS}/{run_id}") for run_id in (uuid4(), "nothing", "1", "{}", "x" * 5000)]
    assert {(answer.status_code, code(answer)) for answer in answers} == {(404, "resource_missing")}


def test_runs_stay_in_their_environment(api: CheckedClient, four: Engine) -> None:
    run = api.get(RUNS).json()["items"][0]
    assert api.get(RUNS, headers=PRODUCTION).json()["items"] == []
    assert api.get(f"{RUNS}/{run['id']}", headers=PRODUCTION).status_code == 404


def test_pages_can_be_walked_both_ways_also_through_runs_of_one_moment(api: CheckedClient, engine: Engine) -> None:
    engine.publish("empty", [])
    trigger(api, "empty", [f"u{n}" for n in range(11)])
    engine.drain()
    with transaction() as tx:
        tx.run(text("update recipient_runs set inserted_at = '2026-01-01T00:00:00Z'"))
    for size, lengths in ((4, [4, 4, 3]), (1, [1] * 11), (11, [11])):
        forward, back = walk(api, RUNS, size)
        assert [len(page) for page in forward] == lengths
        assert back == forward
        assert {run["recipient"] for page in forward for run in page} == {f"u{n}" for n in range(11)}
