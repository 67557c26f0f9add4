"""Channel data of users and objects, and the messages that go where it leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from api_shim.app import make_app
from notify_workers.ids import channel_id
from notify_workers.store.environments import set_channel
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.answers import code, fields
from tests.channels import TEMPLATES
from tests.conftest import PUBLIC, SECRET, CheckedClient
from tests.engine import DEVELOPMENT, Engine
from workflows.recipients import USERS, Identity, Reference

PUSH, CHAT, WEBHOOK, EMAIL = (channel_id(key) for key in ("push", "chat", "webhook", "email"))
OF = {"user": "/v1/users/jane/channel_data", "object": "/v1/objects/projects/1/channel_data"}
EVERYBODY = pytest.mark.parametrize("of", list(OF.values()), ids=list(OF))


def put(api: CheckedClient, path: str, **data: Any) -> dict[str, Any]:
    answer = api.put(path, json={"data": data})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def device(token: str, **said: str) -> dict[str, Any]:
    return {"locale": None, "timezone": None, "token": token, **said}


@EVERYBODY
def test_tokens_and_devices_are_both_shown_each_once(api: CheckedClient, of: str) -> None:
    shown = put(api, f"{of}/{PUSH}", tokens=["a", "b", "a"])
    assert shown == {
        "__typename": "ChannelData",
        "channel_id": str(PUSH),
        "data": {"tokens": ["a", "b"], "devices": [device("a"), device("b")]},
    }
    assert api.get(f"{of}/{PUSH}").json() == shown
    shown = put(api, f"{of}/{PUSH}", devices=[{"token": "c", "locale": "de"}, {"token": "c", "locale": "en"}])
    assert shown["data"] == {"tokens": ["c"], "devices": [device("c", locale="en")]}
    shown = put(api, f"{of}/{PUSH}", tokens=["d", "e"], devices=[{"token": "e", "timezone": "Europe/Berlin"}])
    expected = [device("d"), device("e", timezone="Europe/Berlin")]
    assert api.get(f"{of}/{PUSH}").json()["data"] == {"tokens": ["d", "e"], "devices": expected}


@EVERYBODY
def test_data_is_removed_and_then_missing(api: CheckedClient, of: str) -> None:
    assert code(api.get(f"{of}/{PUSH}")) == "resource_missing"
    put(api, f"{of}/{PUSH}", tokens=["a"])
    put(api, f"{of}/{CHAT}", connections=[{"channel_id": "C1"}])
    assert [api.delete(f"{of}/{PUSH}").status_code for _ in range(2)] == [204, 204]
    assert api.get(f"{of}/{PUSH}").status_code == 404
    assert api.get(f"{of}/{CHAT}").json()["data"] == {"connections": [{"channel_id": "C1"}]}


def test_a_write_makes_the_user_and_keeps_what_is_known_of_one(api: CheckedClient) -> None:
    put(api, f"{OF['user']}/{PUSH}", tokens=["a"])
    assert api.get("/v1/users/jane").json()["name"] is None
    api.put("/v1/users/joe", json={"name": "Joe", "preferences": {"default": {"categories": {"a": False}}}})
    put(api, f"/v1/users/joe/channel_data/{PUSH}", tokens=["a"])
    assert api.get("/v1/users/joe").json()["name"] == "Joe"
    assert api.get("/v1/users/joe/preferences/default").json()["categories"] == {"a": False}


def channel(type: str, provider: str, key: str = "real") -> str:
    """Makes a channel of a vendor's."""
    with transaction() as tx:
        set_channel(tx, DEVELOPMENT, key, name=key, type=type, provider=provider, settings={})
    return f"{OF['user']}/{channel_id(key)}"


SOME_UUID = "123e4567-e89b-12d3-a456-426614174000"
HOOK = {"incoming_webhook": {"url": "https://hooks.example.com/T/B/x"}}
VENDORS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("push", "fcm", "push_fcm", {"tokens": ["a"], "devices": [device("a")]}),
    ("push", "apns", "push_apns", {"tokens": ["a"], "devices": [device("a")]}),
    ("push", "expo", "push_expo", {"tokens": ["a"], "devices": [device("a")]}),
    (
        "push",
        "aws_sns",
        "push_aws_sns",
        {"target_arns": ["arn:1"], "devices": [{"locale": None, "timezone": None, "target_arn": "arn:1"}]},
    ),
    ("push", "one_signal", "push_one_signal", {"player_ids": [SOME_UUID]}),
    ("chat", "slack", "chat_slack", {"connections": [{"access_token": "x", "channel_id": "C1"}, HOOK]}),
    ("chat", "slack", "chat_slack", {"connections": [{"user_id": "U1"}], "token": {"access_token": "xoxb"}}),
    ("chat", "ms_teams", "chat_ms_teams", {"connections": [{"ms_teams_channel_id": SOME_UUID}, HOOK]}),
    ("chat", "discord", "chat_discord", {"connections": [{"channel_id": "1"}, HOOK]}),
]


@pytest.mark.parametrize(("type", "provider", "name", "data"), VENDORS)
def test_each_vendor_has_its_own_form(
    api: CheckedClient, type: str, provider: str, name: str, data: dict[str, Any]
) -> None:
    path = channel(type, provider)
    assert put(api, path, **data)["provider"] == name
    shown = api.get(path).json()
    assert (shown["data"], shown["provider"]) == (data, name)


def test_a_sandbox_takes_what_its_relatives_do(api: CheckedClient) -> None:
    for type, _, _, data in VENDORS:
        path = f"{OF['user']}/{PUSH if type == 'push' else CHAT}"
        shown = put(api, path, **data)
        assert (shown["data"], "provider" in shown) == (data, False)


def test_a_webhook_takes_any_object(engine: Engine) -> None:
    with TestClient(make_app(), client=("127.0.0.1", 1), headers=SECRET) as api:
        answer = api.put(f"{OF['user']}/{WEBHOOK}", json={"data": {"queue": {"n": [1]}, "devices": 1}})
    assert answer.json()["data"] == {"queue": {"n": [1]}, "devices": 1}
    stored = engine.one("select channel_data from recipients").channel_data
    assert stored == {str(WEBHOOK): {"queue": {"n": [1]}, "devices": 1}}


REFUSED: list[tuple[str, Any, str]] = [
    ("push", {}, "data"),
    ("push", {"token": "a"}, "data"),
    ("push", {"tokens": "a"}, "data.tokens"),
    ("push", {"tokens": [1]}, "data.tokens[0]"),
    ("push", {"tokens": [""]}, "data.tokens[0]"),
    ("push", {"tokens": ["x" * 5000]}, "data.tokens[0]"),
    ("push", {"devices": [{"locale": "de"}]}, "data.devices[0].token"),
    ("push", {"player_ids": ["a"]}, "data.player_ids[0]"),
    ("chat", {}, "data.connections"),
    ("chat", {"connections": {}}, "data.connections"),
    ("chat", {"connections": [{"incoming_webhook": {}}]}, "data.connections[0].incoming_webhook.url"),
    (
        "chat",
        {"connections": [{"incoming_webhook": {"url": "ftp://x"}}]},
        "data.connections[0].incoming_webhook.url",
    ),
    ("chat", {"connections": [{"channel_id": 1}]}, "data.connections[0].channel_id"),
    ("chat", [], "data"),
]


@pytest.mark.parametrize(("key", "data", "field"), REFUSED)
def test_what_does_not_fit_the_channel_is_refused_with_its_place(
    api: CheckedClient, engine: Engine, key: str, data: Any, field: str
) -> None:
    assert fields(api.put(f"{OF['user']}/{channel_id(key)}", json={"data": data})) == [field]
    assert engine.count("recipients") == 0


def test_a_channel_nobody_has_data_for_is_refused(api: CheckedClient, engine: Engine) -> None:
    for unknown in (uuid4(), EMAIL):
        answer = api.put(f"{OF['user']}/{unknown}", json={"data": {"tokens": ["a"]}})
        assert (fields(answer), code(answer)) == (["channel_id"], "channel_invalid")
    assert fields(api.put(f"{OF['user']}/push", json={"data": {}})) == ["channel_id"]
    assert fields(api.put(f"{OF['user']}/{PUSH}", json={})) == ["data"]
    assert engine.count("recipients") == 0


def test_data_has_an_end(api: CheckedClient, change_settings: Callable[..., None]) -> None:
    change_settings(max_properties=1000)
    answer = api.put(f"{OF['user']}/{PUSH}", json={"data": {"tokens": [f"{n:0400}" for n in range(3)]}})
    assert fields(answer) == ["data"]


@EVERYBODY
def test_a_public_key_reads_writes_and_removes(api: CheckedClient, of: str) -> None:
    api.put(f"{of}/{PUSH}", json={"data": {"tokens": ["a"]}}, headers=PUBLIC)
    assert api.get(f"{of}/{PUSH}", headers=PUBLIC).json()["data"]["tokens"] == ["a"]
    assert api.delete(f"{of}/{PUSH}", headers=PUBLIC).status_code == 204


def test_what_was_said_elsewhere_is_shown_whatever_it_is(api: CheckedClient) -> None:
    data = {str(PUSH): {"tokens": ["a", 1], "devices": ["b", {"token": "c"}, {"locale": "de"}]}}
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference(USERS, "jane"), channel_data=data))])
    shown = api.get(f"{OF['user']}/{PUSH}").json()["data"]
    assert shown == {"tokens": ["a", "c"], "devices": [device("a"), device("c")]}


# Where messages go


def step(key: str, type: str) -> dict[str, Any]:
    return {"ref": key, "type": "channel", "channel_type": type, "channel_key": key, "template": TEMPLATES[type]}


def sent(engine: Engine) -> list[Any]:
    engine.trigger("hello", ["jane"])
    engine.drain()
    return [row.payload for row in engine.rows("select payload from outbox")]


def test_each_token_gets_a_message(api: CheckedClient, engine: Engine) -> None:
    engine.publish("hello", [step("push", "push")])
    put(api, f"{OF['user']}/{PUSH}", tokens=["a", "b", "a"], devices=[{"token": "b"}, {"token": "c", "locale": "de"}])
    assert sorted(each["token"] for each in sent(engine)) == ["a", "b", "c"]
    assert engine.count("messages") == 3
    api.delete(f"{OF['user']}/{PUSH}")
    assert len(sent(engine)) == 3


def test_each_connection_gets_a_message(api: CheckedClient, engine: Engine) -> None:
    engine.publish("hello", [step("chat", "chat")])
    put(api, f"{OF['user']}/{CHAT}", connections=[{"channel_id": "C1", "access_token": "x"}, {"user_id": "U1"}])
    assert sorted(str(each["connection"]) for each in sent(engine)) == ["{'channel_id': 'C1'}", "{'user_id': 'U1'}"]
