"""What users do with guides."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.answers import code, fields
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine
from tests.guides import (
    CHANNEL,
    EMPTY_MESSAGE,
    events,
    fetch,
    guide_step,
    keys,
    mark,
    message_of,
    publish,
    put,
    reasons,
)
from tests.notify_workers.language import send
from tests.notify_workers.waiting import EVENTS, happen, wait_step
from workflows.recipients import USERS, Reference

JANE = Reference(USERS, "jane")


def test_the_first_mark_makes_the_message(api: CheckedClient, engine: Engine) -> None:
    engine.identify("jane", name="Jane", email="jane@example.com", plan="pro")
    version = publish("tour")
    put(api, "seen", mark("tour", content={"title": "Hello Jane"}, data={"seats": 3}, tenant="acme"))
    row = engine.one("select * from messages")
    assert (row.source_type, row.workflow_key, row.step_ref, row.version_id) == ("guide", "tour", "step_1", version)
    assert (row.run_id, row.trigger_id, row.channel_id, row.channel_type) == (None, None, CHANNEL, "in_app_guide")
    assert (row.collection, row.recipient_id, row.tenant, row.status) == ("$users", "jane", "acme", "delivered")
    assert row.content == {"kind": "in_app_guide", "values": {"title": "Hello Jane"}}
    assert row.data == {"seats": 3}
    assert row.recipient_snapshot == {"email": "jane@example.com", "name": "Jane"}
    assert row.seen_at
    assert events(engine) == ["created", "delivered", "seen"]


def test_a_guides_message_is_one_of_the_messages(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    put(api, "seen", mark("tour", content={"title": "Hello", "count": 3}, data={"seats": 3}))
    identifier = message_of(api)["id"]
    shown = api.get(f"/v1/messages/{identifier}").json()
    assert (shown["source"]["type"], shown["source"]["key"], shown["status"]) == ("guide", "tour", "delivered")
    assert (shown["data"], shown["engagement_statuses"]) == ({"seats": 3}, ["seen"])
    content = api.get(f"/v1/messages/{identifier}/content").json()
    assert {each["name"]: each["content"] for each in content["data"]["blocks"]} == {"title": "Hello", "count": "3"}


def test_marks_are_told_once_and_keep_their_first_time(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    seen = mark("tour", content={"title": "Hello"})
    put(api, "seen", seen)
    first = message_of(api)
    for _ in range(2):
        put(api, "seen", {**seen, "content": {"title": "Other"}})
        put(api, "interacted", mark("tour", metadata={"button": "primary"}))
        put(api, "archived", mark("tour"))
    assert message_of(api)["seen_at"] == first["seen_at"]
    assert events(engine) == ["created", "delivered", "seen", "interacted", "read", "archived"]
    assert engine.one("select content from messages").content["values"] == {"title": "Hello"}


def test_another_interaction_is_told_with_what_it_was(api: CheckedClient, engine: Engine) -> None:
    publish("survey")
    for score in (7, 7, 9):
        put(api, "interacted", mark("survey", metadata={"score": score}))
    told = engine.rows("select data from message_events where type = 'message.interacted' order by number")
    assert [row.data for row in told] == [{"score": 7}, {"score": 9}]
    shown = message_of(api, "survey")
    assert shown["read_at"]
    assert shown["interacted_at"]
    assert shown["seen_at"] is None


def test_what_was_seen_is_kept_when_another_mark_came_first(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    put(api, "archived", mark("tour"))
    put(api, "seen", mark("tour", content={"title": "Hello"}, data={"a": 1}))
    row = engine.one("select content, data from messages")
    assert (row.content["values"], row.data) == ({"title": "Hello"}, {"a": 1})


def test_first_marks_at_the_same_time_make_one_message(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    bodies = [("seen", mark("tour", content={})), ("interacted", mark("tour")), ("archived", mark("tour"))] * 4
    with ThreadPoolExecutor(len(bodies)) as threads:
        answers = list(threads.map(lambda each: put(api, *each).status_code, bodies))
    assert set(answers) == {200}
    assert engine.count("messages") == engine.count("guide_engagements") == 1
    assert sorted(events(engine)) == ["archived", "created", "delivered", "interacted", "read", "seen"]


def test_a_guide_is_archived_when_all_of_its_steps_are_or_one_that_is_final(api: CheckedClient) -> None:
    publish("tour", guide_step("one"), guide_step("two"))
    put(api, "archived", mark("tour", "one"))
    assert keys(api) == ["tour"]
    put(api, "archived", mark("tour", "two"))
    assert reasons(api) == {"tour": "marked_as_archived"}
    put(api, "archived", mark("tour", "one", is_final=True), "joe")
    assert keys(api, "joe") == []


def test_archiving_makes_others_wait_unless_it_says_not_to(api: CheckedClient) -> None:
    publish("loud", bypass_global_group_limit=True)
    publish("calm")
    put(api, "archived", mark("loud"))
    put(api, "archived", mark("calm", unthrottled=True), "joe")
    assert fetch(api)["guide_group_display_logs"] == fetch(api, "joe")["guide_group_display_logs"] == {}
    put(api, "archived", mark("calm"))
    logs = fetch(api)["guide_group_display_logs"]
    assert list(logs) == ["default"]
    put(api, "archived", mark("calm"))
    assert fetch(api)["guide_group_display_logs"] == logs


def test_archiving_can_be_taken_back(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    put(api, "archived", mark("tour"))
    for _ in range(2):
        answer = api.request("DELETE", "/v1/users/jane/guides/messages/archived", json={"guide_key": "tour"})
        assert answer.json() == {"status": "ok"}
    assert keys(api) == ["tour"]
    assert fetch(api)["guide_group_display_logs"] == {}
    assert events(engine) == ["created", "delivered", "archived", "unarchived"]


def test_a_reset_lets_a_guide_show_again_and_keeps_the_message(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    put(api, "archived", mark("tour"))
    put(api, "archived", mark("tour"), "joe")
    assert api.put("/v1/users/jane/guides/engagements/reset", json={"guide_key": "tour"}).json() == {"status": "ok"}
    assert keys(api) == ["tour"]
    assert message_of(api) == EMPTY_MESSAGE
    assert keys(api, "joe") == []
    put(api, "seen", mark("tour", content={}))
    assert engine.count("messages") == 3


def test_a_guide_per_tenant_is_closed_in_one_tenant_only(api: CheckedClient) -> None:
    publish("each", scope="tenant")
    publish("once")
    for key in ("each", "once"):
        put(api, "archived", mark(key, tenant="acme"))
    assert reasons(api, tenant="acme") == dict.fromkeys(("each", "once"), "marked_as_archived")
    assert keys(api, tenant="other") == keys(api) == ["each"]
    api.put("/v1/users/jane/guides/engagements/reset", json={"guide_key": "each", "tenant": "other"})
    assert keys(api, tenant="acme") == []


def test_a_new_version_keeps_what_users_did(api: CheckedClient) -> None:
    publish("tour")
    put(api, "archived", mark("tour"))
    publish("tour", guide_step(title="New"))
    assert reasons(api) == {"tour": "marked_as_archived"}
    assert fetch(api, force_all_guides="true")["entries"][0]["semver"] == "0.0.2"


def test_marking_the_message_marks_the_guide(api: CheckedClient) -> None:
    publish("tour")
    put(api, "seen", mark("tour", content={}))
    answer = api.put(f"/v1/messages/{message_of(api)['id']}/archived")
    assert answer.status_code == 200, answer.text
    assert reasons(api) == {"tour": "marked_as_archived"}


def test_the_older_paths_mark_the_step_that_the_body_names(api: CheckedClient, engine: Engine) -> None:
    publish("tour")
    marks: dict[str, dict[str, Any]] = {"seen": {"content": {}}, "interacted": {}, "archived": {}}
    for status, more in marks.items():
        answer = api.put(
            f"/v1/users/jane/guides/messages/3MQs49RN5zB4aVoOsSpLViWRwmW/{status}", json=mark("tour", **more)
        )
        assert answer.json() == {"status": "ok"}
    assert events(engine) == ["created", "delivered", "seen", "interacted", "read", "archived"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"guide_step_ref": "other"}, "guide_step_ref"),
        ({"channel_id": "00000000-0000-0000-0000-000000000000"}, "channel_id"),
        ({"guide_id": "00000000-0000-0000-0000-000000000000"}, "guide_id"),
        ({"guide_id": 7}, "guide_id"),
        ({"guide_key": None}, "guide_key"),
        ({"guide_key": "x" * 300}, "guide_key"),
        ({"tenant": ""}, "tenant"),
        ({"content": []}, "content"),
        ({"content": {"a": "x" * 70_000}}, "content"),
        ({"content": {"a": "\0"}}, "content.a"),
        ({"data": "{}"}, "data"),
    ],
)
def test_a_mark_that_names_something_else_changes_nothing(
    api: CheckedClient, engine: Engine, wrong: dict[str, Any], field: str
) -> None:
    publish("tour")
    body = {**mark("tour", content={}), **wrong}
    answer = api.put("/v1/users/jane/guides/messages/seen", json=body)
    assert fields(answer) == [field]
    assert engine.count("messages") == engine.count("guide_engagements") == 0


def test_a_guide_that_nobody_knows_is_missing(api: CheckedClient) -> None:
    assert code(put(api, "archived", mark("nope"))) == "resource_missing"
    assert code(api.put("/v1/users/jane/guides/engagements/reset", json={"guide_key": "nope"})) == "resource_missing"
    unarchived = api.request("DELETE", "/v1/users/jane/guides/messages/archived", json={"guide_key": "nope"})
    assert code(unarchived) == "resource_missing"


def test_public_keys_may_mark(api: CheckedClient) -> None:
    publish("tour")
    answer = api.put("/v1/users/jane/guides/messages/archived", json=mark("tour"), headers=PUBLIC)
    assert answer.status_code == 200
    assert keys(api) == []


def test_a_guides_message_is_found_by_its_own_data(api: CheckedClient) -> None:
    publish("tour")
    put(api, "seen", mark("tour", content={}, data={"seats": 3}))
    found = {seats: api.get(f"/v1/messages?trigger_data[seats]={seats}").json()["items"] for seats in (3, 4)}
    assert {seats: len(items) for seats, items in found.items()} == {3: 1, 4: 0}


def test_a_run_can_wait_for_a_guide_and_takes_no_workflow_for_it(api: CheckedClient, engine: Engine) -> None:
    publish("news")
    of_workflow, of_guide = wait_step("seen"), wait_step("seen")
    of_guide["settings"]["event"] = {**EVENTS["seen"], "source_type": "guide"}
    engine.publish("waiting-for-workflow", [of_workflow])
    engine.publish("waiting-for-guide", [of_guide])
    for key in ("waiting-for-workflow", "waiting-for-guide"):
        send(engine, key)
    put(api, "seen", mark("news", content={}))
    happen(engine)
    outputs = {row.workflow_key: row.outputs for row in engine.rows("select workflow_key, outputs from recipient_runs")}
    assert not outputs["waiting-for-workflow"]
    told = outputs["waiting-for-guide"]["wait_1"]["signal_variables"]
    assert told["source"] == {"type": "guide", "key": "news"}
