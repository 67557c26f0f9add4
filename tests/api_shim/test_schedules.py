"""Schedules: made, changed, listed, deleted, and what they start when time passes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text

from notify_workers import schedules
from notify_workers.clock import now
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import code, eventually, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.recipients import TENANTS, Identity, Reference

JANE = {"id": "jane", "email": "jane@example.com", "name": "Jane", "timezone": "America/New_York"}
PROJECT = {"id": "p1", "collection": "projects", "email": "team@example.com"}
DAILY = {"frequency": "daily", "hours": 9}


@pytest.fixture(autouse=True)
def digest(engine: Engine) -> None:
    engine.publish("digest", [email_step(subject="{{ data.title }} {{ workflow.key }}")])


def create(api: CheckedClient, *recipients: Any, **asked: Any) -> httpx2.Response:
    body = {"workflow": "digest", "recipients": list(recipients or (JANE,)), **asked}
    return api.post("/v1/schedules", json=body)


def made(api: CheckedClient, *recipients: Any, **asked: Any) -> list[dict[str, Any]]:
    answer = create(api, *recipients, **asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def put(api: CheckedClient, *ids: str, **changed: Any) -> httpx2.Response:
    return api.put("/v1/schedules", json={"schedule_ids": list(ids), **changed})


def remove(api: CheckedClient, *ids: str) -> httpx2.Response:
    return api.request("DELETE", "/v1/schedules", json={"schedule_ids": list(ids)})


def ids_of(api: CheckedClient, path: str = "/v1/schedules?workflow=digest") -> list[str]:
    return [each["id"] for each in api.get(path).json()["entries"]]


def test_each_recipient_gets_a_schedule_and_is_identified(api: CheckedClient) -> None:
    jane, project, joe = made(
        api,
        JANE,
        PROJECT,
        "joe",
        JANE,
        actor={"id": "ann", "name": "Ann"},
        tenant="acme",
        data={"n": 1},
        repeats=[DAILY],
    )
    assert (jane["recipient"]["name"], project["recipient"]["properties"], joe["recipient"]["id"]) == (
        "Jane",
        {"email": "team@example.com"},
        "joe",
    )
    assert (jane["actor"]["name"], jane["tenant"], jane["data"], jane["workflow"]) == (
        "Ann",
        "acme",
        {"n": 1},
        "digest",
    )
    assert api.get("/v1/users/jane").json()["timezone"] == "America/New_York"
    assert datetime.fromisoformat(jane["next_occurrence_at"]).hour in {13, 14}
    assert datetime.fromisoformat(project["next_occurrence_at"]).hour == 9


def test_a_schedule_triggers_its_workflow_again_and_again(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    made(api, {**JANE, "timezone": "Etc/UTC"}, repeats=[{"frequency": "hourly", "minutes": 7}], data={"title": "News"})
    engine.advance(hours=1)
    engine.advance(hours=1)
    assert mail.subjects() == ["News digest"] * 2
    (shown,) = api.get("/v1/schedules?workflow=digest").json()["entries"]
    last, following = (datetime.fromisoformat(shown[f"{name}_occurrence_at"]) for name in ("last", "next"))
    assert (following - last, following.minute) == (timedelta(hours=1), 7)
    (run, _) = api.get("/v1/workflow_recipient_runs").json()["items"]
    assert run["trigger_source"] == {
        **run["trigger_source"],
        "type": "schedule",
        "schedule_id": shown["id"],
    }


def test_what_is_scheduled_once_happens_once(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    at = now() + timedelta(days=2)
    (one,) = made(api, scheduled_at=at.isoformat(), data={"title": "Once"})
    assert datetime.fromisoformat(one["next_occurrence_at"]) == at
    engine.advance(days=1)
    assert mail.subjects() == []
    engine.advance(days=30)
    assert mail.subjects() == ["Once digest"]
    (shown,) = api.get("/v1/schedules?workflow=digest").json()["entries"]
    assert (shown["next_occurrence_at"], shown["repeats"]) == (None, [])
    assert datetime.fromisoformat(shown["last_occurrence_at"]) == at
    assert engine.rows("select id from due where kind = 'schedule'") == []


def test_what_was_missed_is_made_up_for_by_one_occurrence(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    made(api, repeats=[DAILY])
    engine.advance(days=10)
    assert len(mail.subjects()) == 1
    following = datetime.fromisoformat(
        api.get("/v1/schedules?workflow=digest").json()["entries"][0]["next_occurrence_at"]
    )
    assert now() < following <= now() + timedelta(days=1)


def test_an_occurrence_that_is_delivered_again_starts_nothing_more(api: CheckedClient, engine: Engine) -> None:
    (one,) = made(api, scheduled_at=(now() + timedelta(hours=1)).isoformat())
    engine.advance(hours=2)
    engine.rows(
        "insert into due (kind, environment_id, subject, due_at, publish_at) select 'schedule', environment_id, id, engine_now(),"
        " engine_now() from schedules returning 1"
    )
    engine.rows("update schedules set next_occurrence_at = last_occurrence_at, last_occurrence_at = null returning 1")
    (due,) = engine.rows("select id from due where kind = 'schedule'")
    schedules.run(due.id)
    schedules.run(due.id)
    engine.drain()
    assert (engine.count("triggers"), engine.count("recipient_runs"), engine.count("due")) == (1, 1, 0)
    assert one["id"] == str(engine.one("select id from schedules").id)


def test_nothing_happens_after_the_end(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    made(api, repeats=[{"frequency": "hourly"}], ending_at=(now() + timedelta(hours=2, seconds=1)).isoformat())
    for _ in range(5):
        engine.advance(hours=1)
    assert len(mail.subjects()) == 2


def test_an_inactive_workflow_starts_nothing_and_the_schedule_goes_on(
    api: CheckedClient, engine: Engine, mail: MailServer
) -> None:
    made(api, repeats=[{"frequency": "hourly"}])
    engine.set_active("digest", active=False)
    engine.advance(hours=1)
    engine.set_active("digest", active=True)
    engine.advance(hours=1)
    assert len(mail.subjects()) == 1


def test_an_object_is_notified_itself(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    made(api, PROJECT, repeats=[{"frequency": "hourly"}])
    subscribed = api.post("/v1/objects/projects/p1/subscriptions", json={"recipients": [JANE]})
    assert subscribed.status_code == 200, subscribed.text
    engine.advance(hours=1)
    assert [run.recipient_id for run in engine.rows("select recipient_id from recipient_runs")] == ["p1"]


def test_the_old_sdk_writes_names_in_its_own_way(api: CheckedClient) -> None:
    at = (now() + timedelta(days=40)).isoformat()
    (one,) = made(api, scheduledAt=at, endingAt=at, repeats=[{"frequency": "monthly", "dayOfMonth": 31}])
    assert one["repeats"][0]["day_of_month"] == 31
    assert (one["scheduled_at"], one["ending_at"]) == (at.replace("+00:00", "Z"),) * 2


def test_days_may_be_named_as_a_group(api: CheckedClient) -> None:
    (one,) = made(api, repeats=[{"frequency": "daily", "days": "weekends", "minutes": 7}])
    assert one["repeats"] == [
        {
            "__typename": "ScheduleRepeat",
            "frequency": "daily",
            "interval": 1,
            "days": ["sat", "sun"],
            "hours": None,
            "minutes": 7,
            "day_of_month": None,
        }
    ]


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"scheduled_at": "tomorrow"}, ["scheduled_at"]),
    ({"scheduled_at": "2030-01-02T00:00:00Z", "ending_at": "2030-01-01T00:00:00Z"}, ["ending_at"]),
    ({"repeats": [DAILY], "ending_at": "2020-01-01T00:00:00Z"}, ["ending_at"]),
    ({"repeats": [{"frequency": "yearly"}]}, ["repeats[0].frequency"]),
    ({"repeats": [{**DAILY, "interval": 0}]}, ["repeats[0].interval"]),
    ({"repeats": [{**DAILY, "interval": 10**30}]}, ["repeats[0].interval"]),
    ({"repeats": [DAILY, {**DAILY, "minutes": 60}]}, ["repeats[1].minutes"]),
    ({"repeats": [{**DAILY, "hours": -1}]}, ["repeats[0].hours"]),
    ({"repeats": [{**DAILY, "days": ["funday"]}]}, ["repeats[0].days[0]"]),
    ({"repeats": [{**DAILY, "days": "funday"}]}, ["repeats[0].days"]),
    ({"repeats": [{"frequency": "monthly", "day_of_month": 0}]}, ["repeats[0].day_of_month"]),
    ({"repeats": [DAILY], "actor": {"id": "a/b"}}, ["actor.id"]),
    ({"repeats": [DAILY], "tenant": 7}, ["tenant"]),
    ({"repeats": [DAILY], "data": []}, ["data"]),
]


@pytest.mark.parametrize(("wrong", "expected"), WRONG, ids=str)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    api: CheckedClient, engine: Engine, wrong: dict[str, Any], expected: list[str]
) -> None:
    assert fields(create(api, **wrong)) == expected
    assert (engine.count("schedules"), engine.count("recipients")) == (0, 0)


def test_the_workflow_must_exist_and_recipients_are_limited(api: CheckedClient) -> None:
    missing = create(api, workflow="nothing", repeats=[DAILY])
    assert (missing.status_code, code(missing)) == (404, "workflow_missing")
    assert fields(create(api, *[f"u{n}" for n in range(101)], repeats=[DAILY])) == ["recipients"]
    assert len(made(api, *[f"u{n}" for n in range(100)], repeats=[DAILY])) == 100
    assert code(api.get("/v1/schedules?workflow=digest", headers=PUBLIC)) == "incorrect_token_type"


def test_only_what_is_named_changes(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    one, other = made(api, JANE, "joe", repeats=[DAILY], data={"title": "Old"}, tenant="acme")
    answer = put(api, one["id"], other["id"], data={"title": "New"}, actor="ann")
    assert answer.status_code == 200, answer.text
    changed = answer.json()[0]
    assert (changed["data"], changed["actor"]["id"], changed["tenant"]) == ({"title": "New"}, "ann", "acme")
    assert (changed["repeats"], changed["next_occurrence_at"]) == (one["repeats"], one["next_occurrence_at"])
    hourly = put(api, one["id"], repeats=[{"frequency": "hourly"}], actor=None).json()[0]
    assert (hourly["actor"], hourly["repeats"][0]["frequency"]) == (None, "hourly")
    engine.advance(hours=1)
    assert mail.subjects() == ["New digest"]


def test_a_change_and_an_occurrence_in_the_same_tenant_wait_in_one_order(api: CheckedClient, engine: Engine) -> None:
    (schedule,) = made(api, repeats=[DAILY], tenant="acme")
    waiting = (
        "select count(*) as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    with ThreadPoolExecutor() as pool:
        with transaction() as tx:  # an occurrence, line by line
            tx.rows(text("select id from due where kind = 'schedule' for update"))
            changing = pool.submit(put, api, schedule["id"], tenant="acme", data={"title": "New"})
            eventually(lambda: engine.one(waiting).n == 1)
            identify(tx, [(DEVELOPMENT, Identity(Reference(TENANTS, "acme")))])
        assert changing.result().status_code == 200


def test_a_new_time_takes_the_place_of_the_old_one(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    (one,) = made(api, scheduled_at=(now() + timedelta(hours=1)).isoformat())
    put(api, one["id"], scheduled_at=(now() + timedelta(days=3)).isoformat())
    engine.advance(days=2)
    assert mail.subjects() == []
    engine.advance(days=2)
    assert len(mail.subjects()) == 1


def test_a_time_zone_counts_from_the_next_change_on(api: CheckedClient) -> None:
    (one,) = made(api, {**JANE, "timezone": "Asia/Tokyo"}, repeats=[DAILY])
    assert datetime.fromisoformat(one["next_occurrence_at"]).hour == 0
    api.put("/v1/users/jane", json={"timezone": "Etc/UTC"})
    assert datetime.fromisoformat(put(api, one["id"], data={}).json()[0]["next_occurrence_at"]).hour == 9


def test_an_unknown_id_changes_and_deletes_nothing(api: CheckedClient, engine: Engine) -> None:
    (one,) = made(api, repeats=[DAILY])
    for answer in (put(api, one["id"], str(uuid4()), data={"n": 1}), remove(api, one["id"], str(uuid4()))):
        assert fields(answer) == ["schedule_ids[1]"]
    assert engine.one("select data from schedules").data is None
    assert fields(put(api, "seven", data={})) == ["schedule_ids[0]"]
    assert fields(put(api, one["id"], repeats=[{}])) == ["repeats[0].frequency"]


def test_a_deleted_schedule_is_shown_and_happens_no_more(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    one, other = made(api, JANE, "joe", repeats=[{"frequency": "hourly"}])
    answer = remove(api, one["id"])
    assert answer.json() == [one]
    assert ids_of(api) == [other["id"]]
    engine.advance(hours=1)
    assert [run.recipient_id for run in engine.rows("select recipient_id from recipient_runs")] == ["joe"]


def test_lists_are_filtered_and_paged(api: CheckedClient, engine: Engine) -> None:
    engine.publish("other", [email_step()])
    jane, joe, project = [each["id"] for each in made(api, JANE, "joe", PROJECT, repeats=[DAILY], tenant="acme")]
    (elsewhere,) = [each["id"] for each in made(api, JANE, workflow="other", repeats=[DAILY])]
    assert ids_of(api) == [jane, joe, project]
    assert ids_of(
        api, "/v1/schedules?workflow=digest&recipients[]=jane&recipients[][id]=p1&recipients[][collection]=projects"
    ) == [
        jane,
        project,
    ]
    assert ids_of(api, "/v1/schedules?workflow=digest&tenant=none") == []
    assert ids_of(api, "/v1/users/jane/schedules") == [jane, elsewhere]
    assert ids_of(api, "/v1/users/jane/schedules?workflow=other") == [elsewhere]
    assert ids_of(api, "/v1/users/jane/schedules?tenant=acme") == [jane]
    assert ids_of(api, "/v1/objects/projects/p1/schedules") == [project]
    first = api.get("/v1/schedules?workflow=digest&page_size=2").json()
    last = api.get("/v1/schedules", params={"workflow": "digest", "after": first["page_info"]["after"]}).json()
    assert [each["id"] for each in last["entries"]] == [project]
    back = api.get("/v1/schedules", params={"workflow": "digest", "before": last["page_info"]["before"]}).json()
    assert [each["id"] for each in back["entries"]] == [jane, joe]
    assert fields(api.get("/v1/schedules")) == ["workflow"]
    assert fields(api.get("/v1/schedules?workflow=digest&after=cGFnZTp4")) == ["after"]


def test_many_schedules_are_made_in_the_background(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    wanted = [
        {"workflow": "digest", "recipient": JANE, "repeats": [{"frequency": "hourly"}], "data": {"title": "A"}},
        {"workflow": "digest", "recipient": "joe", "scheduled_at": "2999-01-01T00:00:00Z", "tenant": "acme"},
    ]
    answer = api.post("/v1/schedules/bulk/create", json={"schedules": wanted})
    assert answer.json()["name"] == "schedules.create"
    engine.drain()
    done = api.get(f"/v1/bulk_operations/{answer.json()['id']}").json()
    assert (done["status"], done["success_count"]) == ("completed", 2)
    assert len(ids_of(api)) == 2
    engine.advance(hours=1)
    assert mail.subjects() == ["A digest"]


def test_a_schedule_of_many_that_is_nobodys_is_not_made(api: CheckedClient, engine: Engine) -> None:
    wanted = [{"workflow": "digest"}, {"workflow": "digest", "recipient": "joe"}]
    operation = api.post("/v1/schedules/bulk/create", json={"schedules": wanted}).json()
    engine.drain()
    done = api.get(f"/v1/bulk_operations/{operation['id']}").json()
    assert (done["status"], done["success_count"], done["error_count"]) == ("completed", 1, 1)
    assert [each["id"] for each in done["error_items"]] == [""]
    assert len(ids_of(api)) == 1


def test_a_schedule_without_a_time_waits_until_it_has_one(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    (idle,) = made(api, JANE, data={"title": "A"})
    assert (idle["repeats"], idle["next_occurrence_at"], engine.count("due")) == ([], None, 0)
    changed = put(api, idle["id"], repeats=[DAILY]).json()[0]
    assert changed["next_occurrence_at"] is not None
    engine.advance(days=1)
    assert mail.subjects() == ["A digest"]
    assert put(api, idle["id"], repeats=[]).json()[0]["next_occurrence_at"] is None
    engine.advance(days=2)
    assert mail.subjects() == ["A digest"]


def test_what_is_wrong_with_one_of_many_is_told_at_once(api: CheckedClient, engine: Engine) -> None:
    good = {"workflow": "digest", "recipient": "joe", "repeats": [DAILY]}
    for wrong, field in (({**good, "repeats": [{}]}, "repeats[0].frequency"), ({**good, "recipient": 7}, "recipient")):
        answer = api.post("/v1/schedules/bulk/create", json={"schedules": [good, wrong]})
        assert fields(answer) == [f"schedules[1].{field}"]
    assert fields(api.post("/v1/schedules/bulk/create", json={"schedules": [good] * 1001})) == ["schedules"]
    missing = api.post("/v1/schedules/bulk/create", json={"schedules": [good, {**good, "workflow": "nothing"}]})
    assert code(missing) == "workflow_missing"
    assert engine.count("bulk_operations") == 0
