"""Merging one user into another: what the primary has afterwards, and that the secondary is gone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import text

from notify_workers.store import purges
from notify_workers.store.recipients import make_known
from notify_workers.store.session import transaction
from notify_workers.store.subscriptions import upsert
from tests.answers import PRODUCTION, code, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.test_purges import traces
from workflows.recipients import USERS, Reference


def put(api: CheckedClient, user_id: str, **said: Any) -> None:
    assert api.put(f"/v1/users/{user_id}", json=said).status_code == 200


def merge(api: CheckedClient, secondary: str = "anon", primary: str = "jane") -> httpx2.Response:
    return api.post(f"/v1/users/{primary}/merge", json={"from_user_id": secondary})


def recipients_of(api: CheckedClient, path: str = "/v1/messages") -> list[str]:
    return [each["recipient"] for each in api.get(path).json()["items"]]


@pytest.fixture
def sent(api: CheckedClient, welcome: Engine) -> Engine:
    """Both have had a message."""
    people = [{"id": each, "email": f"{each}@example.com"} for each in ("jane", "anon")]
    trigger(api, recipients=people)
    welcome.drain()
    return welcome


def test_properties_are_merged_deeply_and_the_primarys_win(api: CheckedClient) -> None:
    put(api, "jane", name="Jane", plan={"name": "pro"}, tags=["a"])
    put(api, "anon", name="Anonymous", email="a@example.com", plan={"name": "free", "seats": 1}, tags=["b"])
    put(api, "anon", created_at="2020-01-31T12:00:00Z")
    shown = merge(api).json()
    assert (shown["id"], shown["name"], shown["email"], shown["tags"]) == ("jane", "Jane", "a@example.com", ["a"])
    assert (shown["plan"], shown["created_at"]) == ({"name": "pro", "seats": 1}, "2020-01-31T12:00:00Z")
    assert api.get("/v1/users/jane").json() == shown
    assert api.get("/v1/users/anon").status_code == 404


def test_preference_sets_and_channel_data_are_taken_over_as_a_whole(api: CheckedClient, engine: Engine) -> None:
    put(api, "jane", preferences={"default": {"categories": {"a": False}}}, channel_data={"c1": {"tokens": ["1"]}})
    put(
        api,
        "anon",
        preferences={"default": {"categories": {"b": False}}, "acme": {"categories": {"c": True}}},
        channel_data={"c1": {"tokens": ["2"]}, "c2": {"tokens": ["3"]}},
    )
    merge(api)
    stored = engine.one("select preferences, channel_data from recipients")
    assert stored.preferences == {"default": {"categories": {"a": False}}, "acme": {"categories": {"c": True}}}
    assert stored.channel_data == {"c1": {"tokens": ["1"]}, "c2": {"tokens": ["3"]}}


def test_messages_and_their_activities_move(api: CheckedClient, sent: Engine) -> None:
    merge(api)
    assert recipients_of(api) == ["jane", "jane"]
    assert recipients_of(api, "/v1/workflow_recipient_runs") == ["jane", "jane"]
    sent.advance(minutes=11)
    messages = api.get("/v1/messages").json()["items"]
    for message in messages:
        (activity,) = api.get(f"/v1/messages/{message['id']}/activities").json()["items"]
        assert activity["recipient"]["id"] == "jane"
        assert api.get(f"/v1/messages/{message['id']}/content").status_code == 200
    assert (len(messages), traces(sent, "anon")) == (2, {})


def test_what_is_older_than_the_window_is_purged(api: CheckedClient, sent: Engine) -> None:
    sent.advance(days=31)
    trigger(api, recipients=["anon"])
    sent.drain()
    merge(api)
    sent.advance(minutes=11)
    assert recipients_of(api) == ["jane", "jane"]
    assert sent.count("triggers") == 2
    assert traces(sent, "anon") == {}


def test_a_run_that_waits_stops_and_the_primarys_goes_on(api: CheckedClient, engine: Engine, mail: MailServer) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    trigger(api, "invite", [{"id": each, "email": f"{each}@example.com"} for each in ("jane", "anon")])
    engine.drain()
    merge(api)
    assert engine.statuses() == {"paused": 1, "cancelled": 1}
    engine.advance(days=4)
    assert mail.subjects("anon@example.com") == []
    assert mail.subjects("jane@example.com") == ["Subject of email_1"]


def test_subscriptions_memberships_schedules_and_engagements_move_where_the_primary_has_none(
    api: CheckedClient, engine: Engine
) -> None:
    both = {each: Reference(USERS, each) for each in ("jane", "anon")}
    with transaction() as tx:
        for name, who in (("shared", ("jane", "anon")), ("only", ("anon",))):
            project = Reference("projects", name)
            make_known(tx, DEVELOPMENT, [project, *both.values()])
            for each in who:
                upsert(tx, DEVELOPMENT, project, [both[each]], {"of": each})
                for statement in ROWS:
                    values = {"name": name, "user": each, "id": uuid4(), "environment": DEVELOPMENT}
                    tx.run(text(statement), **values)
    assert merge(api).status_code == 200
    found = engine.rows("select object_id, recipient_id, properties from subscriptions order by 1")
    assert [tuple(row) for row in found] == [("only", "jane", {"of": "anon"}), ("shared", "jane", {"of": "jane"})]
    for table, count in (("audience_members", 2), ("entries", 2), ("guide_engagements", 2), ("schedules", 3)):
        assert [row.recipient_id for row in engine.rows(f"select recipient_id from {table}")] == ["jane"] * count, table
    engine.advance(minutes=11)
    assert engine.count("messages") == 2
    assert traces(engine, "anon") == {}


ROWS = (
    """insert into audience_members (environment_id, audience_key, collection, recipient_id, tenant, added_at)
       values (:environment, :name, '$users', :user, '', engine_now())""",
    """insert into entries (environment_id, workflow_key, collection, recipient_id, tenant, run_id)
       values (:environment, :name, '$users', :user, '', :id)""",
    """insert into guide_engagements (environment_id, collection, recipient_id, guide_key, step_ref, message_id, inserted_at)
       values (:environment, '$users', :user, :name, 'step_1', :user || :name, engine_now())""",
    """insert into messages (id, environment_id, source_type, version_id, workflow_key, step_ref, channel_id, channel_type,
            collection, recipient_id, content, status, inserted_at, updated_at)
       values (:user || :name, :environment, 'guide', :id, :name, 'step_1', :id, 'in_app_guide', '$users', :user, '{}', 'sent',
            engine_now(), engine_now())""",
    """insert into schedules (id, environment_id, workflow_key, collection, recipient_id, repeats, starts_at, inserted_at,
            updated_at)
       values (:id, :environment, :name, '$users', :user, '[]', engine_now(), engine_now(), engine_now())""",
)


def test_a_primary_whom_nobody_knows_is_made(api: CheckedClient) -> None:
    put(api, "anon", name="Anonymous")
    assert merge(api).json()["name"] == "Anonymous"
    assert [each["id"] for each in api.get("/v1/users").json()["entries"]] == ["jane"]


def test_what_cannot_be_merged_is_refused_and_changes_nothing(api: CheckedClient, change_settings: Any) -> None:
    put(api, "jane", a="x" * 600)
    assert code(merge(api)) == "resource_missing"
    put(api, "anon", b="x" * 600)
    assert fields(merge(api, "jane")) == ["from_user_id"]
    assert fields(merge(api, "a/b")) == ["from_user_id"]
    assert fields(api.post("/v1/users/jane/merge", json={})) == ["from_user_id"]
    assert api.post("/v1/users/jane/merge", json={"from_user_id": "anon"}, headers=PUBLIC).status_code == 403
    assert api.post("/v1/users/jane/merge", json={"from_user_id": "anon"}, headers=PRODUCTION).status_code == 404
    change_settings(max_properties=1000)
    assert fields(merge(api)) == ["body"]
    assert [each["id"] for each in api.get("/v1/users").json()["entries"]] == ["anon", "jane"]


def test_a_merge_that_breaks_off_changes_nothing(
    api: CheckedClient, sent: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(purges, "delete_recipient", break_off)
    assert merge(api).status_code == 500
    assert sorted(recipients_of(api)) == ["anon", "jane"]
    monkeypatch.undo()
    assert merge(api).status_code == 200
    assert recipients_of(api) == ["jane", "jane"]


def test_merging_each_into_the_other_at_once_leaves_one(api: CheckedClient, sent: Engine) -> None:
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda names: merge(api, *names), [("anon", "jane"), ("jane", "anon")]))
    assert 200 in {each.status_code for each in answers}
    left = [each["id"] for each in api.get("/v1/users").json()["entries"]]
    assert len(left) == 1
    sent.advance(minutes=11)
    assert recipients_of(api) == left * 2


def test_what_moves_to_somebody_who_was_deleted_before_stays(api: CheckedClient, sent: Engine) -> None:
    api.delete("/v1/users/jane")
    merge(api)
    assert recipients_of(api) == ["jane"]
    sent.drain()
    sent.advance(minutes=11)
    assert recipients_of(api) == ["jane"]
    assert (sent.count("purges"), sent.count("due")) == (0, 0)


def test_of_very_many_messages_the_newest_move_at_once_and_the_others_soon(
    api: CheckedClient, welcome: Engine, change_settings: Any
) -> None:
    change_settings(purge_chunk=2, merge_window=86_400.0)
    trigger(api, recipients=["anon"])
    welcome.advance(days=2)
    for _ in range(7):
        trigger(api, recipients=[{"id": "anon", "email": "anon@example.com"}])
        welcome.advance(minutes=1)
    assert merge(api).status_code == 200
    assert recipients_of(api) == ["jane", "jane", *["anon"] * 5]
    trigger(api, recipients=[{"id": "anon", "email": "another@example.com"}])
    welcome.drain()
    assert sorted(recipients_of(api)) == ["anon", *["jane"] * 7]
    welcome.advance(minutes=11)
    assert (sorted(recipients_of(api)), welcome.count("purges")) == (["anon", *["jane"] * 7], 0)


def test_what_is_queued_for_the_secondary_is_sent_and_is_the_primarys(
    api: CheckedClient, welcome: Engine, mail: MailServer
) -> None:
    trigger(api, recipients=[{"id": "anon", "email": "anon@example.com"}])
    deliveries = []
    while bells := list(welcome.bells()):
        for bell in bells:
            deliveries.append(bell) if bell.task == "deliver" else welcome.answer(bell)
    merge(api)
    for bell in deliveries:
        welcome.answer(bell)
    welcome.drain()
    (message,) = api.get("/v1/messages").json()["items"]
    assert (message["recipient"], message["status"]) == ("jane", "sent")
    assert len(mail.messages) == 1


def test_a_merge_back_takes_along_what_was_still_moving(api: CheckedClient, sent: Engine, change_settings: Any) -> None:
    change_settings(purge_chunk=1)
    for _ in range(3):
        trigger(api, recipients=["anon"])
    sent.drain()
    merge(api)
    merge(api, "jane", "anon")
    sent.advance(minutes=11)
    assert recipients_of(api) == ["anon"] * 5
    assert [each["id"] for each in api.get("/v1/users").json()["entries"]] == ["anon"]
    assert (sent.count("recipient_runs"), sent.count("purges")) == (5, 0)
