"""The feed's topics on the socket: who is told what, when, and once."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers import feeds
from notify_workers.ids import channel_id
from notify_workers.redis_client import client as redis
from tests import channels
from tests.answers import eventually, trigger
from tests.api_shim.test_realtime import ChangeSettings, refused
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine
from tests.sockets import KEY, OK, Client, connected
from tests.user_tokens import secure, signed, tenant

CHANNEL = channel_id("in-app-feed")
TOPIC = f"feeds:{CHANNEL}:jane"
FEED = f"/v1/users/jane/feeds/{CHANNEL}"
EVENTS = f"{KEY}&doorbell_events=1"


@pytest.fixture(autouse=True)
def workflows(engine: Engine, change_settings: ChangeSettings) -> None:
    change_settings(feed_interval=0.05)
    engine.publish("welcome", [channels.step("in_app_feed")])
    engine.publish("news", [channels.step("in_app_feed")], categories=["weekly"])


def item(engine: Engine, api: CheckedClient, workflow: str = "welcome", user: str = "jane", **request: Any) -> None:
    """Puts one into somebody's feed."""
    trigger(api, workflow, [user], **request)
    engine.drain()


def pushed(client: Client, event: str = "new-message") -> dict[str, Any]:
    _, ref, topic, of, payload = client.hear()
    assert (ref, topic, of, payload["event"]) == (None, TOPIC, event, event)
    return dict(payload)


def counts(total: int, unread: int | None = None, unseen: int | None = None) -> dict[str, Any]:
    rest = {"unread_count": total if unread is None else unread, "unseen_count": total if unseen is None else unseen}
    return {"__typename": "FeedMetadata", "total_count": total, **rest}


def test_a_new_item_is_told_to_each_instance_with_its_counts(api: CheckedClient, engine: Engine) -> None:
    with connected(api) as client:
        assert client.join(TOPIC, payload={"client_a": {}, "client_b": {"archived": "include"}}) == OK
        item(engine, api)
        assert pushed(client) == {
            "event": "new-message",
            "attn": ["client_a", "client_b"],
            "data": {"client_a": {"metadata": counts(1)}, "client_b": {"metadata": counts(1)}},
            "metadata": counts(1),
        }
        client.beats()


FILTERS: dict[str, tuple[dict[str, Any], bool]] = {
    "everything": ({"archived": "exclude", "mode": "compact", "page_size": 20, "__other": [1]}, True),
    "archived": ({"archived": "only"}, False),
    "tenant": ({"tenant": "acme"}, True),
    "other_tenant": ({"tenant": "other"}, False),
    "no_tenant": ({"has_tenant": False}, False),
    "source": ({"source": "news"}, True),
    "other_source": ({"source": "welcome"}, False),
    "category": ({"workflow_categories": ["weekly", "x"]}, True),
    "other_category": ({"workflow_categories": ["daily"]}, False),
    "data": ({"trigger_data": {"n": 1}}, True),
    "other_data": ({"trigger_data": {"n": 2}}, False),
    "after": ({"inserted_at.gte": "2020-01-01T00:00:00Z"}, True),
    "before": ({"inserted_at.lt": "2020-01-01T00:00:00Z"}, False),
}


def test_only_instances_whose_filters_match_are_told(api: CheckedClient, engine: Engine) -> None:
    with connected(api) as client:
        assert client.join(TOPIC, payload={f"client_{name}": given for name, (given, _) in FILTERS.items()}) == OK
        item(engine, api, "news", tenant="acme", data={"n": 1})
        told = pushed(client)
        assert told["attn"] == [f"client_{name}" for name, (_, matches) in FILTERS.items() if matches]
        assert told["data"] == {each: {"metadata": counts(1)} for each in told["attn"]}
        client.beats()


def test_an_old_client_is_told_its_counts_and_once_after_it_has_joined(api: CheckedClient, engine: Engine) -> None:
    item(engine, api, "news")
    with connected(api) as client:
        assert client.join(TOPIC, payload={"source": "welcome"}) == OK
        assert pushed(client) == {"event": "new-message", "attn": [], "data": {}, "metadata": counts(0)}
        item(engine, api)
        assert pushed(client)["metadata"] == counts(1)


def test_statuses_are_not_pushed_to_browsers_but_counted(api: CheckedClient, engine: Engine) -> None:
    item(engine, api)
    (entry,) = api.get(FEED).json()["entries"]
    with connected(api) as client:
        client.join(TOPIC, payload={"client_a": {"inserted_at.lt": "2030-01-01T00:00:00Z"}})
        assert pushed(client)["attn"] == ["client_a"]  # it came just before the page joined
        api.put(f"/v1/messages/{entry['id']}/read")
        feeds.settle_noted()
        item(engine, api)
        assert pushed(client)["metadata"] == counts(2, 1, 1)


def test_what_comes_together_is_told_together(
    api: CheckedClient, engine: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(feed_interval=0.5)
    with connected(api) as client:
        client.join(TOPIC, payload={"client_a": {}})
        item(engine, api)
        assert pushed(client)["metadata"] == counts(1)
        for _ in range(4):
            item(engine, api)
        assert pushed(client)["metadata"] == counts(5)
        for _ in range(2):  # the browser may have been fetching, and slowly
            assert pushed(client)["metadata"] == counts(5)
        client.beats()


def test_a_page_is_told_as_often_as_it_must_fetch(api: CheckedClient, engine: Engine) -> None:
    with connected(api) as client:
        client.join(TOPIC, payload={"client_a": {"page_size": 2}})
        item(engine, api)
        pushed(client)
        cursor, fetched = api.get(FEED).json()["entries"][0]["__cursor"], 0
        for _ in range(5):
            trigger(api, "welcome", ["jane"])
        engine.drain()
        while fetched < 5:
            pushed(client)
            entries = api.get(f"{FEED}?page_size=2&before={cursor}").json()["entries"]
            if entries:
                fetched, cursor = fetched + len(entries), entries[0]["__cursor"]
        assert fetched == 5
        for _ in range(2):  # those who slept through one
            assert pushed(client)["metadata"]["total_count"] == 6


def test_a_page_that_comes_back_is_told_what_it_missed(api: CheckedClient, engine: Engine) -> None:
    item(engine, api)
    engine.advance(minutes=1)
    with connected(api) as client:
        client.join(TOPIC, payload={"client_a": {}})
        client.beats()
    item(engine, api)
    with connected(api) as client:
        client.join(TOPIC, ref="3", payload={"client_a": {}})
        assert pushed(client)["data"] == {"client_a": {"metadata": counts(2)}}
        client.beats()
    engine.advance(minutes=1)
    with connected(api) as client:
        client.join(TOPIC, payload={"client_new": {}})
        client.beats()


def test_what_was_not_pushed_before_the_link_died_is_pushed_at_the_next(api: CheckedClient, engine: Engine) -> None:
    item(engine, api)
    engine.advance(minutes=1)
    feeds.settle_noted()
    engine.rows("update feed_entries set arrived_at = arrived_at - interval '1 minute' returning 1")
    for _ in range(2):
        with connected(api) as client:
            client.join(TOPIC, payload={"client_a": {}})
        item(engine, api)
    with connected(api) as client:
        client.join(TOPIC, payload={"client_a": {}})
        assert pushed(client)["metadata"] == counts(3)


def test_another_process_hears_of_an_item_when_the_worker_died_before_it_told(
    api: CheckedClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(api) as client:
        client.join(TOPIC, payload={"client_a": {}})
        client.beats()
        with monkeypatch.context() as broken:
            broken.setattr("notify_workers.delivery.feeds.tell", lambda _: None)
            item(engine, api)
        assert feeds.settle_noted() == 1
        assert pushed(client)["metadata"] == counts(1)


def test_feeds_are_subscribed_to_as_long_as_somebody_listens(
    api: CheckedClient, change_settings: ChangeSettings
) -> None:
    def subscribed() -> int:
        return len(redis().pubsub_channels("doorbell:feed:*:jane"))

    with connected(api) as one, connected(api) as two:
        one.join(TOPIC, payload={"client_a": {}})
        two.join(TOPIC, payload={"client_b": {}})
        eventually(lambda: subscribed() == 1)
        one.say("1", "2", TOPIC, "phx_leave", {})
        one.hear()
        two.beats()
        assert subscribed() == 1
    eventually(lambda: subscribed() == 0)


@pytest.mark.parametrize(
    ("topic", "payload", "reason", "field"),
    [
        ("feeds", {}, "resource_missing", ""),
        ("feeds:nope:jane", {}, "resource_missing", ""),
        ("feeds:00000000-0000-0000-0000-000000000000:jane", {}, "resource_missing", ""),
        (f"feeds:{channel_id('email')}:jane", {}, "invalid_params", "id"),
        (TOPIC, {"client_a": 1}, "invalid_params", "client_a"),
        (TOPIC, {f"client_{n}": {} for n in range(21)}, "invalid_params", "at most 20 instances"),
        (TOPIC, {"client_" + "a" * 60: {}}, "invalid_params", "64 characters"),
        (f"{TOPIC}\0", {}, "invalid_params", "NUL"),
        (TOPIC, {"client_a": {"archived": "maybe"}}, "invalid_params", "archived"),
        (TOPIC, {"client_a": {"page_size": 51}}, "invalid_params", "page_size"),
        (TOPIC, {"trigger_data": {"a": {}}}, "invalid_params", "trigger_data"),
        (TOPIC, {"tenant": "a\0"}, "invalid_params", "tenant"),
    ],
)
def test_a_join_that_cannot_be_is_answered_with_the_reason(
    api: CheckedClient, topic: str, payload: dict[str, Any], reason: str, field: str
) -> None:
    with connected(api) as client:
        answer = client.join(topic, payload=payload)
        assert (answer["status"], answer["response"]["reason"]) == ("error", reason)
        assert field in answer["response"]["message"]
        client.beats()


def test_a_users_token_opens_that_users_feed_only(api: CheckedClient) -> None:
    secure()
    eventually(lambda: refused(api, KEY))
    with connected(api, f"{KEY}&user_token={signed('jane')}") as client:
        assert client.join(TOPIC) == OK
        for other in ("joe", "jane2", "jane:1", ""):
            answer = client.join(f"feeds:{CHANNEL}:{other}", ref="2")
            assert (answer["status"], answer["response"]["reason"]) == ("error", "authorization")


def test_a_users_id_may_hold_colons(api: CheckedClient, engine: Engine) -> None:
    with connected(api) as client:
        assert client.join(f"feeds:{CHANNEL}:a:b:c", payload={"client_a": {}}) == OK
        item(engine, api, user="a:b:c")
        assert client.hear()[4]["metadata"] == counts(1)


# Changes, with numbers


def changes(client: Client, event: str = "new-message") -> list[tuple[str, str | int]]:
    """What a frame tells: of each change its type and the item's number in its data, or its id."""
    told = pushed(client, event)
    assert told["sequence"] == told["changes"][-1]["sequence"]
    assert [each["sequence"] for each in told["changes"]] == sorted({each["sequence"] for each in told["changes"]})
    return [(each["type"], each["item"]["data"]["n"] if "item" in each else each["id"]) for each in told["changes"]]


def test_a_client_that_wants_changes_is_sent_the_items_themselves(api: CheckedClient, engine: Engine) -> None:
    with connected(api, EVENTS) as client:
        assert client.join(TOPIC, payload={"client_a": {"mode": "compact"}})["response"] == {"sequence": 0}
        item(engine, api, data={"n": 1})
        told = pushed(client)
        (entry,) = api.get(f"{FEED}?mode=compact", headers=PUBLIC).json()["entries"]
        number = told["sequence"]
        assert told == {
            "event": "new-message",
            "attn": ["client_a"],
            "data": {"client_a": {"metadata": counts(1)}},
            "metadata": counts(1),
            "sequence": number,
            "changes": [{"sequence": number, "type": "created", "id": entry["id"], "item": entry}],
        }
        api.put(f"/v1/messages/{entry['id']}/read")
        feeds.settle_noted()
        told = pushed(client, "feed-changed")
        assert (told["metadata"], told["changes"][0]["type"]) == (counts(1, 0, 0), "updated")
        assert told["changes"][0]["item"]["read_at"] is not None
        api.put(f"/v1/messages/{entry['id']}/archived")
        feeds.settle_noted()
        told = pushed(client, "feed-changed")
        assert told["changes"] == [{"sequence": told["sequence"], "type": "removed", "id": entry["id"]}]
        client.beats()


def test_of_another_tenants_items_nothing_is_told_not_even_that_they_changed(
    api: CheckedClient, engine: Engine
) -> None:
    secure()
    eventually(lambda: refused(api, KEY))
    grants: dict[str, Any] = {tenant("acme"): {"user/feed_read": [{}]}}
    token = signed("jane", explicit_grants=True, grants=grants)
    item(engine, api, tenant="globex", data={"n": 1})
    (entry,) = api.get(f"{FEED}?tenant=globex").json()["entries"]
    with connected(api, f"{EVENTS}&user_token={token}") as client:
        assert client.join(TOPIC, payload={"tenant": "acme"})["status"] == "ok"
        api.put(f"/v1/messages/{entry['id']}/seen")
        feeds.settle_noted()
        item(engine, api, tenant="acme", data={"n": 2})
        assert changes(client) == [("created", 2)]
        client.beats()


def test_whoever_may_not_stay_is_told_nothing_more(
    api: CheckedClient, engine: Engine, change_settings: ChangeSettings
) -> None:
    secure()
    eventually(lambda: refused(api, KEY))
    with connected(api, f"{KEY}&user_token={signed('jane')}") as client:
        assert client.join(TOPIC, payload={"client_a": {}}) == OK
        change_settings(user_token_leeway=-7200.0, feed_interval=0.05)
        item(engine, api)
        assert client.closed_with() == 1008


def test_everything_after_a_number_is_told_also_what_was_deleted(api: CheckedClient, engine: Engine) -> None:
    for n in (1, 2, 3):
        item(engine, api, data={"n": n})
    _, second, first = api.get(FEED).json()["entries"]
    with connected(api, EVENTS) as client:
        client.join(TOPIC, payload={"after": 0})
        assert changes(client) == [("created", 1), ("created", 2), ("created", 3)]
        number = client.join(TOPIC, ref="2")["response"]["sequence"]
    api.put(f"/v1/messages/{first['id']}/seen")
    api.post(
        f"/v1/channels/{CHANNEL}/messages/bulk/delete", json={"recipient_ids": ["jane"], "trigger_data": '{"n":2}'}
    )
    item(engine, api, data={"n": 4})
    with connected(api, EVENTS) as client:
        assert client.join(TOPIC, payload={"after": number})["response"] == {"sequence": number}
        seen = changes(client)
        assert [("updated", 1), ("removed", second["id"])] == sorted(seen[:2], reverse=True)
        assert seen[2:] == [("created", 4)]
        client.beats()


def test_a_long_gap_is_told_in_frames_without_a_hole(api: CheckedClient, engine: Engine) -> None:
    trigger(api, "welcome", ["jane"], data={"n": 0})
    for n in range(1, 120):
        trigger(api, "welcome", ["jane"], data={"n": n})
    engine.drain()
    with connected(api, EVENTS) as client:
        client.join(TOPIC, payload={"after": 0, "mode": "compact"})
        told: list[tuple[str, str | int]] = []
        while len(told) < 120:
            frame = changes(client)
            assert len(frame) <= 50
            told += frame
        assert sorted(told) == sorted(("created", n) for n in range(120))
        client.beats()
