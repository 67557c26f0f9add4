"""A user's in-app feed over REST."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from api_shim.pages import encode
from notify_workers.ids import channel_id
from notify_workers.store.session import transaction
from tests import channels
from tests.answers import PRODUCTION, fields, trigger
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine, delay_step

CHANNEL = channel_id("in-app-feed")
FEED = f"/v1/users/jane/feeds/{CHANNEL}"
BOB = {"id": "bob", "name": "Bob"}
FILE = {"name": "a.pdf", "content": "aGVsbG8=", "content_type": "application/pdf"}


@pytest.fixture
def feed(api: CheckedClient, engine: Engine) -> Engine:
    """Jane's items 1 (of Acme, seen), 2 (read and seen), 3 (archived), 4 (of the workflow `news`, category `weekly`)."""
    engine.publish("welcome", [channels.step("in_app_feed")])
    engine.publish("news", [channels.step("in_app_feed")], categories=["weekly"])
    for n, key, tenant in ((1, "welcome", "acme"), (2, "welcome", None), (3, "welcome", None), (4, "news", None)):
        data = {"n": n, "nested": {"a": 1}, "files": [FILE]}
        trigger(api, key, [{"id": "jane", "name": "Jane"}], tenant=tenant, data=data, actor=BOB)
        engine.drain()
    trigger(api, recipients=["joe"], data={"n": 9})
    engine.drain()
    ids = [row.id for row in engine.rows("select id from messages order by id")]
    api.put(f"/v1/messages/{ids[0]}/seen")
    api.put(f"/v1/messages/{ids[1]}/read")
    api.put(f"/v1/messages/{ids[2]}/archived")
    return engine


def found(api: CheckedClient, query: str = "") -> tuple[list[int], tuple[int, int, int]]:
    """The numbers of the items, and the counts: total, unread, unseen."""
    answer = api.get(f"{FEED}?{query}", headers=PUBLIC)
    assert answer.status_code == 200, answer.text
    meta = answer.json()["meta"]
    counts = (meta["total_count"], meta["unread_count"], meta["unseen_count"])
    return [each["data"]["n"] for each in answer.json()["entries"]], counts


FILTERS: dict[str, tuple[list[int], tuple[int, int, int]]] = {
    "": ([4, 2, 1], (3, 2, 1)),
    "status=all": ([4, 2, 1], (3, 2, 1)),
    "status=unread": ([4, 1], (3, 2, 1)),
    "status=read": ([2], (3, 2, 1)),
    "status=unseen": ([4], (3, 2, 1)),
    "status=seen": ([2, 1], (3, 2, 1)),
    "archived=include": ([4, 3, 2, 1], (4, 3, 2)),
    "archived=only": ([3], (1, 1, 1)),
    "source=news": ([4], (1, 1, 1)),
    "tenant=acme": ([4, 2, 1], (3, 2, 1)),
    "tenant=acme&has_tenant=true": ([1], (1, 1, 0)),
    "tenant=other": ([4, 2], (2, 1, 1)),
    "has_tenant=true": ([1], (1, 1, 0)),
    "has_tenant=false": ([4, 2], (2, 1, 1)),
    "tenant=acme&has_tenant=false": ([4, 2], (2, 1, 1)),
    "workflow_categories[]=weekly&workflow_categories[]=other": ([4], (1, 1, 1)),
    'trigger_data={"n":1}': ([1], (1, 1, 0)),
    "trigger_data[n]=2": ([2], (1, 0, 0)),
    "inserted_at.gte=2020-01-01T00:00:00Z": ([4, 2, 1], (3, 2, 1)),
    "inserted_at[lt]=2020-01-01": ([], (0, 0, 0)),
    "locale=de": ([4, 2, 1], (3, 2, 1)),
    "page_size=1": ([4], (3, 2, 1)),
    "mode=compact": ([4, 2, 1], (3, 2, 1)),
}


def test_each_filter_narrows_items_and_counts(api: CheckedClient, feed: Engine) -> None:
    assert {query: found(api, query) for query in FILTERS} == FILTERS


WRONG = {
    "status=archived": "status",
    "archived=maybe": "archived",
    "has_tenant=perhaps": "has_tenant",
    "mode=short": "mode",
    "exclude=a.b.c.d": "exclude",
    "exclude[]=a": "exclude",
    'trigger_data={"a":{}}': "trigger_data",
    "inserted_at.gt=soon": "inserted_at.gt",
    "page_size=51": "page_size",
    "after=nonsense": "after",
}


def test_each_wrong_parameter_is_named(api: CheckedClient, feed: Engine) -> None:
    assert {query: fields(api.get(f"{FEED}?{query}"))[0] for query in WRONG} == WRONG


def test_an_item_is_shown_whole(api: CheckedClient, feed: Engine) -> None:
    item = api.get(FEED).json()["entries"][0]
    row = feed.one("select id, version_id from messages where workflow_key = 'news'")
    assert (item["__typename"], item["id"], item["tenant"]) == ("FeedItem", row.id, None)
    assert item["blocks"] == [
        {
            "name": "body",
            "type": "markdown",
            "content": "**Hello** {{ recipient.name }}",
            "rendered": "<p><strong>Hello</strong> Jane</p>",
        },
        {"name": "action_url", "type": "text", "content": "/hello", "rendered": "/hello"},
    ]
    assert item["source"] == {
        "__typename": "Workflow",
        "key": "news",
        "version_id": str(row.version_id),
        "categories": ["weekly"],
        "step_ref": "in_app_feed_1",
    }
    assert [item[name] for name in ("read_at", "seen_at", "archived_at", "interacted_at", "link_clicked_at")] == [
        None
    ] * 5
    assert ([each["name"] for each in item["actors"]], item["total_actors"], item["total_activities"]) == (
        ["Bob"],
        1,
        1,
    )
    assert item["data"] == {"n": 4, "nested": {"a": 1}}
    (activity,) = item["activities"]
    assert (activity["data"], activity["actor"]["id"], activity["recipient"]["id"]) == (item["data"], "bob", "jane")


def test_compact_items_have_nothing_nested(api: CheckedClient, feed: Engine) -> None:
    item = api.get(f"{FEED}?mode=compact").json()["entries"][0]
    assert item["data"] == {"n": 4}
    assert {"activities", "total_activities"} & item.keys() == set()
    assert [each["id"] for each in item["actors"]] == ["bob"]


def test_an_item_of_a_batch_has_its_activities_and_their_totals(api: CheckedClient, engine: Engine) -> None:
    batch = {"ref": "b", "type": "batch", "settings": {"batch_window": {"unit": "minutes", "value": 5}}}
    engine.publish("digest", [batch, channels.step("in_app_feed")])
    for n in range(12):
        trigger(api, "digest", ["jane"], data={"n": n}, actor={"id": f"actor-{n % 3}", "name": "A"})
        engine.drain()
    engine.advance(minutes=6)
    (item,) = api.get(FEED).json()["entries"]
    assert (item["total_activities"], item["total_actors"]) == (12, 3)
    assert [each["data"]["n"] for each in item["activities"]] == list(range(10))
    assert len(item["actors"]) == 3
    assert len(api.get(f"{FEED}?mode=compact").json()["entries"][0]["actors"]) == 1
    path = f"/v1/messages/{item['id']}/activities?page_size=5"
    pages = [api.get(path).json()]
    while after := pages[-1]["page_info"]["after"]:
        pages.append(api.get(f"{path}&after={after}").json())
    assert [each["data"]["n"] for page in pages for each in page["items"]] == list(range(12))
    last = api.get(f"{path}&before={pages[-1]['page_info']['before']}").json()
    assert [each["data"]["n"] for each in last["items"]] == [5, 6, 7, 8, 9]


def test_fields_can_be_left_out(api: CheckedClient, feed: Engine) -> None:
    answer = api.get(f"{FEED}?exclude=entries.data.nested,entries.blocks,%20vars,nothing.at.all,meta.total_count")
    assert "vars" not in answer.json()
    assert "total_count" not in answer.json()["meta"]
    item = answer.json()["entries"][0]
    assert ("blocks" in item, item["data"]) == (False, {"n": 4})


@pytest.fixture(autouse=True)
def _unchecked_where_fields_are_left_out(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "left_out" in request.node.name:
        monkeypatch.setattr("tests.conftest.check_answer", lambda *_: None)


def test_pages_and_what_is_newer_than_an_item(api: CheckedClient, feed: Engine) -> None:
    first = api.get(f"{FEED}?page_size=2").json()
    second = api.get(f"{FEED}?page_size=2&after={first['page_info']['after']}").json()
    assert [[each["data"]["n"] for each in page["entries"]] for page in (first, second)] == [[4, 2], [1]]
    assert second["page_info"]["after"] is None
    head = first["entries"][0]["__cursor"]
    assert api.get(f"{FEED}?before={head}").json()["entries"] == []
    trigger(api, recipients=["jane"], data={"n": 5})
    feed.drain()
    assert found(api, f"before={head}")[0] == [5]
    assert found(api, f"before={second['entries'][0]['__cursor']}")[0] == [5, 4, 2]


def test_unknown_users_and_channels(api: CheckedClient, feed: Engine) -> None:
    empty = api.get(f"/v1/users/nobody/feeds/{CHANNEL}").json()
    assert (empty["entries"], empty["meta"]["total_count"]) == ([], 0)
    assert api.get(FEED, headers=PRODUCTION).json()["entries"] == []
    for part in ("", "/settings"):
        assert api.get(f"/v1/users/jane/feeds/{uuid4()}{part}").status_code == 404
        assert fields(api.get(f"/v1/users/jane/feeds/{channel_id('email')}{part}")) == ["id"]
        assert api.get(f"/v1/users/jane/feeds/feed{part}").status_code == 422


def test_settings_ask_for_no_branding(api: CheckedClient, engine: Engine) -> None:
    assert api.get(f"{FEED}/settings", headers=PUBLIC).json() == {"features": {"branding_required": False}}


def test_what_has_not_arrived_is_in_no_feed(api: CheckedClient, feed: Engine) -> None:
    with transaction() as tx:
        tx.run(text("update messages set status = 'queued' where workflow_key = 'news'"))
    assert found(api) == ([2, 1], (2, 1, 0))


def test_marking_all_empties_the_badge_at_once(api: CheckedClient, feed: Engine) -> None:
    body: dict[str, Any] = {"user_ids": ["jane"], "archived": "exclude", "engagement_status": "unseen"}
    api.post(f"/v1/channels/{CHANNEL}/messages/bulk/seen", json=body, headers=PUBLIC)
    assert found(api)[1] == (3, 2, 0)
    api.post(f"/v1/channels/{CHANNEL}/messages/bulk/archive", json={"user_ids": ["jane"]}, headers=PUBLIC)
    assert found(api) == ([], (0, 0, 0))


def test_marking_all_leaves_what_has_not_arrived_yet(api: CheckedClient, feed: Engine) -> None:
    with transaction() as tx:
        tx.run(text("update messages set status = 'queued' where workflow_key = 'news'"))
    api.post(f"/v1/channels/{CHANNEL}/messages/bulk/seen", json={"user_ids": ["jane"]}, headers=PUBLIC)
    with transaction() as tx:
        tx.run(text("update messages set status = 'delivered' where workflow_key = 'news'"))
    assert found(api) == ([4, 2, 1], (3, 2, 1))


def test_messages_of_other_channels_are_in_no_feed(api: CheckedClient, engine: Engine) -> None:
    engine.publish("welcome", [delay_step(unit="minutes", value=1), channels.step("sms"), channels.step("in_app_feed")])
    trigger(api, recipients=[channels.REACHABLE], data={"n": 1})
    engine.drain()
    assert found(api) == ([], (0, 0, 0))
    engine.advance(minutes=2)
    assert (engine.count("messages"), found(api)) == (2, ([1], (1, 1, 1)))


def test_a_cursor_from_before_feeds_were_numbered_still_tells_what_is_newer(api: CheckedClient, feed: Engine) -> None:
    _, middle, _ = (each["id"] for each in api.get(FEED).json()["entries"])
    assert found(api, f"before={encode(middle)}")[0] == [4]
    assert found(api, f"after={encode(middle)}")[0] == [1]
    assert fields(api.get(f"{FEED}?before={encode('3' * 27)}")) == ["before"]
