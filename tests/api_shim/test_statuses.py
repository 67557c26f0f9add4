"""Engagement with messages: one, several, all of a channel."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from notify_workers import statuses as door
from notify_workers.errors import StoreUnavailable
from notify_workers.ids import channel_id
from notify_workers.store.session import transaction
from tests import channels
from tests.answers import PRODUCTION, code, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine

FEED = channel_id("in-app-feed")
BULK = f"/v1/channels/{FEED}/messages/bulk"
TIMES = ("seen_at", "read_at", "interacted_at", "archived_at")


@pytest.fixture
def four(api: CheckedClient, engine: Engine) -> list[str]:
    """Ids, oldest first: Jane's of Acme, Jane's, Joe's, Jane's of the workflow `other`."""
    for key in ("welcome", "other"):
        engine.publish(key, [channels.step("in_app_feed")])
    for key, who, tenant, n in (
        ("welcome", "jane", "acme", 1),
        ("welcome", "jane", None, 2),
        ("welcome", "joe", None, 3),
    ):
        trigger(api, key, [who], tenant=tenant, data={"n": n})
        engine.drain()
    trigger(api, "other", ["jane"], data={"n": 4})
    engine.drain()
    return [row.id for row in engine.rows("select id from messages order by id")]


def events(engine: Engine, message: str) -> list[str]:
    rows = engine.rows("select type from message_events where message_id = :id order by number", id=message)
    return [row.type.removeprefix("message.") for row in rows][3:]


def engaged(api: CheckedClient, message: str) -> list[str]:
    found: list[str] = api.get(f"/v1/messages/{message}").json()["engagement_statuses"]
    return found


SINGLE = [
    ("PUT", "seen", ["seen"], ["seen"]),
    ("DELETE", "seen", [], ["unseen"]),
    ("PUT", "read", ["seen", "read"], ["seen", "read"]),
    ("DELETE", "read", ["seen"], ["unread"]),
    ("PUT", "archived", ["seen", "archived"], ["archived"]),
    ("DELETE", "archived", ["seen"], ["unarchived"]),
    ("PUT", "interacted", ["seen", "read", "interacted"], ["read", "interacted"]),
    ("DELETE", "unread", ["seen", "interacted"], ["unread"]),
    ("DELETE", "unseen", ["interacted"], ["unseen"]),
    ("PUT", "archived", ["interacted", "archived"], ["archived"]),
    ("DELETE", "unarchived", ["interacted"], ["unarchived"]),
]


def test_each_status_is_set_and_taken_back_and_told_of_once(
    api: CheckedClient, engine: Engine, four: list[str]
) -> None:
    told: list[str] = []
    for method, part, expected, new in SINGLE:
        first = api.request(method, f"/v1/messages/{four[0]}/{part}").json()
        assert (first["engagement_statuses"], (method, part)) == (expected, (method, part))
        assert {f"{each}_at" for each in expected} == {each for each in TIMES if first[each] is not None}
        assert api.request(method, f"/v1/messages/{four[0]}/{part}").json() == first
        told += new
        assert events(engine, four[0]) == told
    assert all(engaged(api, each) == [] for each in four[1:])


def test_an_interaction_with_other_metadata_is_another_one(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    for metadata in ({"button": "a"}, {"button": "a"}, {"button": "b"}):
        api.put(f"/v1/messages/{four[0]}/interacted", json={"metadata": metadata})
    rows = engine.rows("select data from message_events where type = 'message.interacted' order by number")
    assert [row.data for row in rows] == [{"button": "a"}, {"button": "b"}]
    items = api.get(f"/v1/messages/{four[0]}/events").json()["items"]
    assert [each["data"] for each in items if each["type"] == "message.interacted"] == [row.data for row in rows]


@pytest.mark.parametrize("metadata", [{str(n): n for n in range(6)}, {"a": {}}, {"a": []}, "text", {"a": "\0"}])
def test_metadata_is_at_most_five_flat_pairs(
    api: CheckedClient, engine: Engine, four: list[str], metadata: Any
) -> None:
    answers = [
        api.put(f"/v1/messages/{four[0]}/interacted", json={"metadata": metadata}),
        api.post("/v1/messages/batch/interacted", json={"message_ids": four, "metadata": metadata}),
    ]
    assert {fields(each)[0].split(".")[0] for each in answers} == {"metadata"}
    assert (events(engine, four[0]), engaged(api, four[0])) == ([], [])


def test_messages_that_are_not_there_are_missing(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    for method, part, _, _ in SINGLE:
        for name, headers in (("nothing", {}), ("x" * 3000, {}), (four[0], PRODUCTION)):
            answer = api.request(method, f"/v1/messages/{name}/{part}", headers=headers)
            assert (answer.status_code, code(answer)) == (404, "resource_missing")
    assert events(engine, four[0]) == []


BATCHES = ["seen", "unseen", "read", "unread", "archived", "unarchived", "interacted"]


def test_a_batch_marks_and_shows_messages_in_the_order_given(
    api: CheckedClient, engine: Engine, four: list[str]
) -> None:
    ids = [four[2], "nothing", four[0], four[2]]
    for status in BATCHES:
        shown = api.post(f"/v1/messages/batch/{status}", json={"message_ids": ids}).json()
        assert [each["id"] for each in shown] == [four[2], four[0]]
        there = shown[0][f"{status.removeprefix('un')}_at"] is not None
        assert there is not status.startswith("un")
        assert api.post(f"/v1/messages/batch/{status}", json={"message_ids": ids}).json() == shown
    expected = ["seen", "unseen", "seen", "read", "unread", "archived", "unarchived", "read", "interacted"]
    assert events(engine, four[2]) == expected
    assert events(engine, four[1]) == []
    other = api.post("/v1/messages/batch/seen", json={"message_ids": four}, headers=PRODUCTION)
    assert (other.json(), events(engine, four[1])) == ([], [])


def test_a_batch_has_at_most_as_many_messages_as_the_setting_says(
    api: CheckedClient, four: list[str], change_settings: Callable[..., None]
) -> None:
    change_settings(max_message_ids=2)
    assert fields(api.post("/v1/messages/batch/seen", json={"message_ids": four})) == ["message_ids"]
    assert fields(api.get("/v1/messages/batch/content", params={"message_ids[]": four})) == ["message_ids"]
    assert engaged(api, four[0]) == []
    for wrong in ({}, {"message_ids": "a"}, {"message_ids": [1]}, {"message_ids": None}):
        assert fields(api.post("/v1/messages/batch/read", json=wrong))[0].startswith("message_ids")


def test_a_message_is_updated_once_a_second_where_rates_are_limited(
    api: CheckedClient, engine: Engine, four: list[str], change_settings: Callable[..., None]
) -> None:
    change_settings(rate_limits=True)
    first = api.post("/v1/messages/batch/seen", json={"message_ids": four[:2]})
    engine.rows("update messages set seen_at = null returning id")
    second = api.post("/v1/messages/batch/seen", json={"message_ids": four[:3]})
    assert "x-ratelimited-message_ids" not in first.headers
    assert second.headers["x-ratelimited-message_ids"] == ",".join(four[:2])
    assert [each["seen_at"] is not None for each in second.json()] == [False, False, True]


def test_an_update_that_failed_may_be_tried_again_at_once(
    api: CheckedClient, four: list[str], change_settings: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The database does not answer")

    change_settings(rate_limits=True)
    with monkeypatch.context() as broken:
        broken.setattr("api_shim.routes.statuses.statuses.change", away)
        assert api.post("/v1/messages/batch/seen", json={"message_ids": four[:2]}).status_code == 503
    again = api.post("/v1/messages/batch/seen", json={"message_ids": four[:2]})
    assert "x-ratelimited-message_ids" not in again.headers
    assert [each["engagement_statuses"] for each in again.json()] == [["seen"], ["seen"]]


def test_contents_of_several_messages(api: CheckedClient, four: list[str]) -> None:
    ids = [four[1], "nothing", four[0]]
    shown = api.get("/v1/messages/batch/content", params={"message_ids[]": ids}).json()
    assert [each["message_id"] for each in shown] == [four[1], four[0]]
    assert shown[0] == api.get(f"/v1/messages/{four[1]}/content").json()
    assert api.get("/v1/messages/batch/content", params={"message_ids[]": ids}, headers=PRODUCTION).json() == []
    assert api.get("/v1/messages/batch/content", params={"message_ids[]": ids}, headers=PUBLIC).status_code == 403
    assert fields(api.get("/v1/messages/batch/content")) == ["message_ids"]


def numbers(engine: Engine, where: str) -> list[int]:
    rows = engine.rows(
        f"select (t.data ->> 'n')::int as n from messages m join triggers t on t.id = m.trigger_id where {where} order by 1"
    )
    return [row.n for row in rows]


FILTERS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4]),
    ({"recipient_ids": ["jane"]}, [1, 2, 4]),
    ({"user_ids": ["joe"]}, [3]),
    ({"user_ids": ["nobody"]}, []),
    ({"user_ids": ["jane"], "tenants": ["acme"]}, [1, 2, 4]),
    ({"user_ids": ["jane"], "tenants": ["acme"], "has_tenant": True}, [1]),
    ({"recipient_ids": ["jane"], "tenants": ["acme"]}, [1]),
    ({"has_tenant": False}, [2, 3, 4]),
    ({"workflows": ["other"]}, [4]),
    ({"trigger_data": '{"n": 2}'}, [2]),
    ({"delivery_status": "queued"}, []),
    ({"delivery_status": "delivered"}, [1, 2, 3, 4]),
    ({"engagement_status": "read"}, []),
    ({"archived": "only"}, []),
    ({"archived": "exclude"}, [1, 2, 3, 4]),
    ({"older_than": "2020-01-01T00:00:00Z"}, []),
    ({"newer_than": "2020-01-01T00:00:00Z"}, [1, 2, 3, 4]),
]


@pytest.mark.parametrize(("body", "expected"), FILTERS)
def test_a_channels_messages_are_marked_where_the_filter_finds_them(
    api: CheckedClient, engine: Engine, four: list[str], body: dict[str, Any], expected: list[int]
) -> None:
    done = api.post(f"{BULK}/seen", json=body).json()
    assert numbers(engine, "seen_at is not null") == expected
    assert (done["status"], done["name"], done["success_count"]) == ("completed", "messages.seen", len(expected))
    assert api.get(f"/v1/bulk_operations/{done['id']}").json()["processed_rows"] == len(expected)


def test_every_action_of_a_channel(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    for action in ("seen", "read", "archive", "unarchive", "archived", "unarchived", "unread", "unseen", "interacted"):
        assert api.post(f"{BULK}/{action}", json={"user_ids": ["joe"]}).json()["status"] == "completed"
    assert events(engine, four[2]) == [
        *("seen", "read", "archived", "unarchived", "archived", "unarchived", "unread", "unseen"),
        *("seen", "read", "interacted"),
    ]
    assert api.post(f"{BULK}/delete", json={"user_ids": ["joe"]}).json()["success_count"] == 1
    assert api.get(f"/v1/messages/{four[2]}").status_code == 404
    tables = ("message_events", "delivery_attempts")
    assert [engine.rows(f"select from {each} where message_id = :id", id=four[2]) for each in tables] == [[], []]
    assert numbers(engine, "true") == [1, 2, 4]


def test_what_is_too_much_for_the_request_is_done_by_workers(
    api: CheckedClient, engine: Engine, four: list[str], change_settings: Callable[..., None]
) -> None:
    change_settings(max_at_once=1)
    done = api.post(f"{BULK}/read", json={"trigger_data": "{}"}).json()
    assert (done["status"], numbers(engine, "read_at is not null")) == ("queued", [4])
    trigger(api, "welcome", ["jane"], data={"n": 5})
    engine.drain()
    assert numbers(engine, "read_at is not null") == [1, 2, 3, 4]
    assert api.get(f"/v1/bulk_operations/{done['id']}").json()["status"] == "completed"
    assert [events(engine, each) for each in four] == [["seen", "read"]] * 4


def test_wrong_bulk_requests_change_nothing(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    wrong: dict[str, Any] = {
        "archived": "maybe",
        "delivery_status": "lost",
        "engagement_status": "bored",
        "has_tenant": "perhaps",
        "older_than": "soon",
        "trigger_data": '{"a": {}}',
        "user_ids": "jane",
        "recipient_ids": [],
    }
    for field, value in wrong.items():
        assert fields(api.post(f"{BULK}/seen", json={field: value}))[0].split("[")[0] == field
    assert api.post(f"{BULK}/forget", json={}).status_code == 422
    assert api.post("/v1/channels/x/messages/bulk/seen", json={}).status_code == 422
    assert api.post(f"/v1/channels/{uuid4()}/messages/bulk/seen", json={}).status_code == 404
    assert numbers(engine, "seen_at is not null") == []


def test_a_public_key_says_whose_messages_it_marks(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    assert api.post(f"{BULK}/seen", json={}, headers=PUBLIC).status_code == 403
    assert numbers(engine, "seen_at is not null") == []
    assert api.post(f"{BULK}/seen", json={"user_ids": ["jane"]}, headers=PUBLIC).status_code == 200
    assert numbers(engine, "seen_at is not null") == [1, 2, 4]
    assert api.put(f"/v1/messages/{four[2]}/seen", headers=PUBLIC).json()["seen_at"] is not None


def test_many_at_once_tell_of_each_change_once(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    def change(number: int) -> None:
        ids = four if number % 2 else four[::-1]
        with transaction() as tx:
            door.change(tx, DEVELOPMENT, ids, "interacted", {"n": 1})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(24)))
    assert [events(engine, each) for each in four] == [["seen", "read", "interacted"]] * 4


def test_a_message_that_waits_for_its_time_is_deleted_with_what_is_owed(
    api: CheckedClient, engine: Engine, four: list[str]
) -> None:
    with transaction() as tx:
        tx.run(
            text(
                "insert into due (kind, environment_id, trigger_id, run_id, message_id, due_at, publish_at)"
                " select 'delivery', environment_id, trigger_id, run_id, id, engine_now(), engine_now() from messages"
            )
        )
    api.post(f"{BULK}/delete", json={"user_ids": ["jane"]})
    assert [row.message_id for row in engine.rows("select message_id from due where kind = 'delivery'")] == [four[2]]


def test_lists_of_users_and_objects(api: CheckedClient, engine: Engine, four: list[str]) -> None:
    found = api.get("/v1/users/jane/messages?page_size=2").json()
    assert [each["id"] for each in found["items"]] == [four[3], four[1]]
    after = api.get(f"/v1/users/jane/messages?page_size=2&after={found['page_info']['after']}").json()
    assert [each["id"] for each in after["items"]] == [four[0]]
    assert [each["id"] for each in api.get("/v1/users/jane/messages?tenant=acme").json()["items"]] == [four[0]]
    assert api.get("/v1/users/nobody/messages").json()["items"] == []
    with transaction() as tx:
        tx.run(text("update messages set collection = 'projects', recipient_id = 'p' where id = :id"), id=four[0])
    (mine,) = api.get("/v1/objects/projects/p/messages").json()["items"]
    assert (mine["id"], mine["recipient"]) == (four[0], {"id": "p", "collection": "projects"})
    assert api.get("/v1/objects/projects/q/messages?status[]=delivered").json()["items"] == []
    assert fields(api.get("/v1/users/jane/messages?status[]=lost")) == ["status[0]"]


@pytest.mark.parametrize("part", ["events", "activities"])
def test_cursors_of_other_lists_are_refused(api: CheckedClient, four: list[str], part: str) -> None:
    for key in ("cGFnZTphYmM", "cGFnZTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"):
        for field in ("after", "before"):
            assert fields(api.get(f"/v1/messages/{four[0]}/{part}?{field}={key}")) == [field]


def test_what_is_so_already_is_passed_over_by_actions_on_a_channel(api: CheckedClient, four: list[str]) -> None:
    for action in ("seen", "archive", "unarchive", "unseen"):
        path = f"/v1/channels/{channel_id('in-app-feed')}/messages/bulk/{action}"
        totals = [api.post(path, json={"user_ids": ["jane"]}).json()["estimated_total_rows"] for _ in range(2)]
        assert totals == [3, 0], action
