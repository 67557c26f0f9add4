"""Tokens that are tokens no more, from the vendor's answer to the recipient's channel data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from notify_workers import http_client, resources
from notify_workers.ids import channel_id
from notify_workers.providers.push import expo
from notify_workers.queue import Bell
from notify_workers.store import channel_data, deliveries
from notify_workers.store.environments import set_channel
from notify_workers.store.session import transaction
from tests.channels import step
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.http_server import HttpServer, answer
from workflows.recipients import USERS, Reference

PUSH = channel_id("push")
JANE = Reference(USERS, "jane")
DEVICES = {
    "devices": [{"token": "dead", "locale": "de"}, {"token": "alive", "locale": "en", "timezone": "Europe/Paris"}]
}
GONE = {"status": "error", "message": "no", "details": {"error": "DeviceNotRegistered"}}


def say(script: HttpServer, connection: Any) -> None:
    """As Expo does of a token whose name says what it is."""
    token = json.loads(script.heard[-1].body)["to"]
    ticket = GONE if token.startswith("dead") else {"status": "ok", "id": f"ticket of {token}"}
    connection.sendall(answer(200, json.dumps({"data": ticket}).encode(), connection="close"))


@pytest.fixture
def vendor(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """Expo; the channel `push` sends by it."""
    with HttpServer() as running:
        running.will_say(*[say] * 20)
        monkeypatch.setattr(expo, "URL", running.url())
        configure()
        yield running
        http_client.close()


def configure(**settings: Any) -> None:
    with resources.configuration() as tx:
        set_channel(tx, DEVELOPMENT, "push", name="Push", type="push", provider="expo", settings=settings)


def notify(engine: Engine, data: Mapping[str, Any] | None = None, **fields: Any) -> None:
    engine.publish("hello", [{**step("push", settings={"delivery_type": "content"}), **fields}])
    known = {} if data is None else {"channel_data": {str(PUSH): data}}
    engine.trigger("hello", [{"id": "jane", "name": "Jane", **known}])


def known(channel: Any = PUSH) -> Any:
    with transaction() as tx:
        return channel_data.get(tx, DEVELOPMENT, JANE, channel)


def put(data: Mapping[str, Any]) -> None:
    with transaction() as tx:
        channel_data.put(tx, DEVELOPMENT, JANE, PUSH, data)


def remove(token: str) -> bool:
    with transaction() as tx:
        return channel_data.remove_token(tx, DEVELOPMENT, JANE, PUSH, token)


def bounces(engine: Engine) -> list[Any]:
    return [
        row.data
        for row in engine.rows("select data from message_events where type = 'message.bounced' order by number")
    ]


def asked(vendor: HttpServer) -> list[str]:
    return [json.loads(each.body)["to"] for each in vendor.heard]


# From the vendor to the channel data


def test_of_two_devices_the_dead_one_is_removed(engine: Engine, vendor: HttpServer) -> None:
    notify(engine, DEVICES)
    engine.drain()
    assert sorted(asked(vendor)) == ["alive", "dead"]
    assert known() == {"devices": DEVICES["devices"][1:]}
    found = engine.rows("select content ->> 'token' as token, status from messages order by 1")
    assert [tuple(row) for row in found] == [("alive", "sent"), ("dead", "bounced")]


def test_the_event_names_the_token_and_tells_that_it_was_removed(engine: Engine, vendor: HttpServer) -> None:
    notify(engine, DEVICES)
    engine.drain()
    assert bounces(engine) == [
        {
            "failure_reason": "bounced",
            "failure_details": "the vendor answered 200: DeviceNotRegistered",
            "token": "dead",
            "token_deregistered": True,
        }
    ]


def test_the_next_message_goes_to_the_other_devices_only(engine: Engine, vendor: HttpServer) -> None:
    notify(engine, DEVICES)
    engine.drain()
    notify(engine)
    engine.drain()
    assert sorted(asked(vendor)) == ["alive", "alive", "dead"]


def test_a_token_that_two_messages_find_dead_is_removed_once(engine: Engine, vendor: HttpServer) -> None:
    notify(engine, {"tokens": ["dead"]})
    notify(engine)
    engine.drain()
    assert [each["token_deregistered"] for each in bounces(engine)] == [True, False]
    assert known() == {"tokens": []}


@pytest.mark.parametrize(
    ("of_channel", "of_step", "is_kept"),
    [(False, None, True), (True, False, True), (False, True, False), (True, None, False)],
)
def test_the_step_and_else_the_channel_may_have_tokens_kept(
    of_channel: bool, of_step: bool | None, is_kept: bool, engine: Engine, vendor: HttpServer
) -> None:
    configure(token_deregistration=of_channel)
    overrides = {} if of_step is None else {"channel_overrides": {"token_deregistration": of_step}}
    notify(engine, {"tokens": ["dead"]}, **overrides)
    engine.drain()
    assert known() == {"tokens": ["dead"] if is_kept else []}
    assert [("token_deregistered" in each, each["token"]) for each in bounces(engine)] == [(not is_kept, "dead")]


# Deliveries that are made again


def delivery_bell(engine: Engine) -> Bell:
    while bells := list(engine.bells()):
        for bell in bells:
            if bell.task == "deliver":
                return bell
            engine.answer(bell)
    raise AssertionError("nothing is to be delivered")


def test_a_delivery_that_is_rung_twice_is_made_once(engine: Engine, vendor: HttpServer) -> None:
    notify(engine, {"tokens": ["dead"]})
    bell = delivery_bell(engine)
    engine.answer(bell)
    put({"tokens": ["dead"]})  # the application registers it again
    engine.answer(bell)
    assert (known(), len(vendor.heard), len(bounces(engine))) == ({"tokens": ["dead"]}, 1, 1)


def test_an_outcome_that_is_lost_loses_nothing_else(
    engine: Engine, vendor: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify(engine, {"tokens": ["dead"]})
    bell = delivery_bell(engine)
    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "settle_delivery", gone)
        with pytest.raises(ConnectionError):
            engine.answer(bell)
    assert known() == {"tokens": ["dead"]}
    engine.expire_leases()
    engine.tick()
    engine.release()
    assert (known(), len(vendor.heard)) == ({"tokens": []}, 2)
    assert [each["token_deregistered"] for each in bounces(engine)] == [True]


def gone(*asked: Any, **options: Any) -> Any:
    raise ConnectionError("the worker is gone")


# In the channel data


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"tokens": ["a", "dead", "b"]}, {"tokens": ["a", "b"]}),
        ({"player_ids": ["dead"], "mode": "test"}, {"player_ids": [], "mode": "test"}),
        (
            {"devices": [{"target_arn": "dead"}, {"target_arn": "a", "locale": "en"}], "target_arns": ["dead", "a"]},
            {"devices": [{"target_arn": "a", "locale": "en"}], "target_arns": ["a"]},
        ),
        (
            {
                "devices": [{"token": "dead", "locale": "en"}, "x", None, 3, {"locale": "de"}],
                "tokens": ["dead", "dead"],
            },
            {"devices": ["x", None, 3, {"locale": "de"}], "tokens": []},
        ),
        ({"tokens": ["dead"], "devices": None}, {"tokens": [], "devices": None}),
    ],
)
def test_a_token_is_removed_wherever_it_stands(before: Any, after: Any, engine: Engine) -> None:
    put(before)
    assert (remove("dead"), known(), remove("dead"), known()) == (True, after, False, after)


@pytest.mark.parametrize("data", [{}, {"tokens": ["Dead", "dead "]}, {"tokens": "dead"}, {"other": ["dead"]}])
def test_where_the_token_is_not_nothing_changes(data: Any, engine: Engine) -> None:
    put(data)
    stamp = "select updated_at from recipients"
    before = engine.one(stamp)
    assert (remove("dead"), known(), engine.one(stamp)) == (False, data, before)


def test_of_somebody_who_is_not_known_there_is_nothing_to_remove(engine: Engine) -> None:
    assert remove("dead") is False


def test_other_channels_and_other_recipients_keep_theirs(engine: Engine) -> None:
    put({"tokens": ["dead"]})
    joe, other = Reference(USERS, "joe"), channel_id("chat")
    with transaction() as tx:
        channel_data.put(tx, DEVELOPMENT, joe, PUSH, {"tokens": ["dead"]})
        channel_data.put(tx, DEVELOPMENT, JANE, other, {"tokens": ["dead"]})
    remove("dead")
    with transaction() as tx:
        assert channel_data.get(tx, DEVELOPMENT, joe, PUSH) == {"tokens": ["dead"]}
    assert (known(), known(other)) == ({"tokens": []}, {"tokens": ["dead"]})


def meanwhile(work: Callable[[], Any]) -> Thread:
    thread = Thread(target=work)
    thread.start()
    while True:  # until it waits for the row
        with transaction() as tx:
            if tx.scalar(text("select count(*) from pg_locks where not granted")):
                return thread


def test_two_at_the_same_time_remove_both(engine: Engine) -> None:
    put({"tokens": ["dead-1", "dead-2", "alive"]})
    with transaction() as tx:
        assert channel_data.remove_token(tx, DEVELOPMENT, JANE, PUSH, "dead-1")
        other = meanwhile(lambda: remove("dead-2"))
    other.join()
    assert known() == {"tokens": ["alive"]}


def test_a_device_that_is_registered_meanwhile_stays(engine: Engine) -> None:
    put({"tokens": ["dead"]})
    with transaction() as tx:
        channel_data.put(tx, DEVELOPMENT, JANE, PUSH, {"tokens": ["dead", "new"]})
        other = meanwhile(lambda: remove("dead"))
    other.join()
    assert known() == {"tokens": ["new"]}
