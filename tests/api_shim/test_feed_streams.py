"""What changes in a feed, as Server-Sent Events from a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from notify_workers import feeds
from notify_workers.ids import channel_id
from tests import channels
from tests.answers import eventually, fields, trigger
from tests.api_shim.test_realtime import ChangeSettings
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine
from tests.user_tokens import bearing, secure, signed

CHANNEL = channel_id("in-app-feed")
FEED = f"/v1/users/jane/feeds/{CHANNEL}"
STREAM = f"{FEED}/stream"

Event = tuple[int, str, dict[str, Any]]


@pytest.fixture(autouse=True)
def workflows(engine: Engine, change_settings: ChangeSettings) -> None:
    change_settings(feed_interval=0.05)
    engine.publish("welcome", [channels.step("in_app_feed")])


def item(engine: Engine, api: CheckedClient, **data: Any) -> None:
    trigger(api, data=data)
    engine.drain()


@contextmanager
def stream(address: str, query: str = "", **headers: str) -> Iterator[Iterator[str]]:
    """The blocks of a stream as they come."""
    with httpx2.stream("GET", f"{address}{STREAM}{query}", headers={**PUBLIC, **headers}, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _blocks(answer.iter_lines())


def _blocks(lines: Iterator[str]) -> Iterator[str]:
    block: list[str] = []
    for line in lines:
        if line:
            block.append(line)
        else:
            yield "\n".join(block)
            block = []


def event(blocks: Iterator[str]) -> Event:
    found = dict(line.split(": ", 1) for line in next(blocks).splitlines())
    return int(found["id"]), found["event"], json.loads(found["data"])


def test_changes_come_as_events_with_numbers(api: CheckedClient, engine: Engine, address: str) -> None:
    with stream(address, "?mode=compact") as blocks:
        assert next(blocks) == "retry: 2000\nid: 0\nevent: ready\ndata: {}"
        item(engine, api, n=1)
        number, kind, data = event(blocks)
        answer = api.get(f"{FEED}?mode=compact").json()
        assert (kind, data) == ("created", {"id": data["id"], "item": answer["entries"][0], "meta": answer["meta"]})
        api.put(f"/v1/messages/{data['id']}/seen")
        feeds.settle_noted()
        seen, kind, data = event(blocks)
        assert (kind, seen, data["meta"]["unseen_count"]) == ("updated", number + 1, 0)
        api.put(f"/v1/messages/{data['id']}/archived")
        feeds.settle_noted()
        assert event(blocks)[:2] == (seen + 1, "removed")


@pytest.mark.parametrize("how", ["after", "header", "both"])
def test_a_stream_goes_on_after_any_number(api: CheckedClient, engine: Engine, address: str, how: str) -> None:
    item(engine, api, n=1)
    with stream(address) as blocks:
        number = event(blocks)[0]
    item(engine, api, n=2)
    item(engine, api, n=3)
    query = {"after": f"?after={number}", "header": "", "both": "?after=0"}[how]
    headers = {} if how == "after" else {"Last-Event-ID": str(number)}
    with stream(address, query, **headers) as blocks:
        assert event(blocks)[:2] == (number, "ready")
        assert [event(blocks)[2]["item"]["data"]["n"] for _ in range(2)] == [2, 3]


def test_a_silent_stream_beats(api: CheckedClient, address: str, change_settings: ChangeSettings) -> None:
    change_settings(feed_stream_beat=0.05)
    with stream(address) as blocks:
        assert event(blocks)[1] == "ready"
        assert next(blocks) == ": beat"


def test_only_what_the_filter_finds_is_streamed(api: CheckedClient, engine: Engine, address: str) -> None:
    with stream(address, '?trigger_data={"n":2}&tenant=acme') as blocks:
        next(blocks)
        item(engine, api, n=1)
        item(engine, api, n=2)
        assert event(blocks)[2]["item"]["data"]["n"] == 2


def test_what_is_wrong_is_refused_before_there_is_a_stream(api: CheckedClient) -> None:
    assert fields(api.get(f"{STREAM}?after=x")) == ["after"]
    assert fields(api.get(f"{STREAM}?archived=maybe")) == ["archived"]
    assert fields(api.get(STREAM, headers={"Last-Event-ID": "x"})) == ["Last-Event-ID"]
    assert api.get(STREAM.replace(str(CHANNEL), "00000000-0000-0000-0000-000000000000")).status_code == 404
    assert fields(api.get(STREAM.replace(str(CHANNEL), str(channel_id("email"))))) == ["id"]
    secure()
    eventually(lambda: api.get(FEED, headers=PUBLIC).status_code != 200)
    assert api.get(STREAM, headers=PUBLIC).status_code == 401
    assert api.get(STREAM, headers=bearing(signed("joe"))).status_code == 403


def test_a_program_that_goes_away_is_forgotten(api: CheckedClient, engine: Engine, address: str) -> None:
    with stream(address) as blocks:
        next(blocks)
    item(engine, api, n=1)
    with stream(address, "?after=0") as blocks:
        next(blocks)
        assert event(blocks)[1] == "created"
