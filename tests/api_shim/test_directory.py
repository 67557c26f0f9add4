"""What a process knows of keys and workflows, and how soon it learns of a change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import text

from api_shim.app import _end
from api_shim.directory import Directory, load_snapshot
from doorbell.embedded import EmbeddedRedis
from notify_workers import redis_client, resources
from notify_workers.errors import StoreUnavailable
from notify_workers.resources import CHANGES
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, eventually, fields, local_api, trigger
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine, email_step

Counting = Callable[[], AbstractContextManager[list[str]]]


def publish_untold(engine: Engine, key: str, **document: Any) -> None:
    """As when Redis lost the message that tells of a change."""
    with transaction() as tx:
        resources.publish_workflow(tx, DEVELOPMENT, key, {"name": key, "steps": [email_step()], **document})
        tx.run(text("update catalog set number = number + 1"))


def test_a_new_workflow_can_be_triggered_at_once(api: CheckedClient, engine: Engine) -> None:
    answers = []
    for number in range(5):
        publish_untold(engine, f"new-{number}")
        answers.append(trigger(api, f"new-{number}").status_code)
    assert answers == [200] * 5


def test_a_workflow_that_was_stopped_is_refused_soon_after_and_runs_at_once_when_started(
    api: CheckedClient, welcome: Engine
) -> None:
    assert trigger(api).status_code == 200
    resources.set_workflow_active(DEVELOPMENT, "welcome", False)
    eventually(lambda: trigger(api).status_code == 422)
    assert code(trigger(api)) == "workflow_inactive"
    with transaction() as tx:
        tx.run(text("update resources set active = true"))
        tx.run(text("update catalog set number = number + 1"))
    assert trigger(api).status_code == 200


def test_a_changed_schema_is_heeded_soon_after(api: CheckedClient, welcome: Engine) -> None:
    assert trigger(api).status_code == 200
    welcome.publish("welcome", [email_step()], trigger_data_json_schema={"required": ["n"]})
    eventually(lambda: trigger(api).status_code == 422)
    assert trigger(api, data={"n": 1}).status_code == 200


def test_a_workflow_belongs_to_an_environment(api: CheckedClient, welcome: Engine) -> None:
    answer = api.post("/v1/workflows/welcome/trigger", json={"recipients": ["jane"]}, headers=PRODUCTION)
    assert (answer.status_code, code(answer)) == (404, "workflow_missing")


def test_many_unknown_keys_at_once_cost_few_statements(engine: Engine, statements: Counting) -> None:
    async def ask() -> list[object]:
        directory = Directory(load_snapshot())
        return await asyncio.gather(*(directory.find_key(f"sk_{number}") for number in range(100)))

    with statements() as seen:
        assert asyncio.run(ask()) == [None] * 100
    assert len(seen) <= 8


def test_a_look_that_finds_nothing_new_is_one_statement(engine: Engine, statements: Counting) -> None:
    directory = Directory(load_snapshot())
    known = directory.snapshot
    with statements() as seen:
        asyncio.run(directory.refresh())
    assert seen == ["select number from catalog"]
    assert directory.snapshot is known


def test_when_nobody_can_say_whether_a_key_exists_the_request_may_be_repeated(
    api: CheckedClient, no_database: Callable[[], None]
) -> None:
    no_database()
    answer = api.get("/v1/users", headers={"Authorization": "Bearer sk_perhaps"})
    assert (answer.status_code, code(answer)) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_look_that_failed_does_not_count_as_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_twice() -> None:
        directory = Directory(load_snapshot())
        monkeypatch.setattr("api_shim.directory.load_snapshot", _away)
        with pytest.raises(StoreUnavailable):
            await directory.refresh()
        monkeypatch.undo()
        publish_untold(engine, "new")
        assert await directory.find_workflow(DEVELOPMENT, "new") is not None

    asyncio.run(look_twice())


def _away(_: object) -> None:
    raise StoreUnavailable("away")


def test_all_who_wait_for_a_look_that_fails_are_told_by_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def slow_and_away(_: object) -> None:
        looks.append(1)
        raise StoreUnavailable("away")

    async def ask() -> list[Any]:
        directory = Directory(load_snapshot())
        monkeypatch.setattr("api_shim.directory.load_snapshot", slow_and_away)
        return await asyncio.gather(*(directory.find_key(f"sk_{n}") for n in range(50)), return_exceptions=True)

    assert {type(each) for each in asyncio.run(ask())} == {StoreUnavailable}
    assert len(looks) <= 2


def test_what_others_publish_on_its_channel_does_no_harm(api: CheckedClient, welcome: Engine) -> None:
    redis_client.client().publish(CHANGES, "garbage")
    welcome.publish("welcome", [email_step()], trigger_data_json_schema={"required": ["n"]})
    eventually(lambda: trigger(api).status_code == 422)


def test_changes_are_heard_again_after_redis_was_away(welcome: Engine, own_redis: EmbeddedRedis) -> None:
    with local_api() as api:
        own_redis.restart()
        resources.set_workflow_active(DEVELOPMENT, "welcome", False)
        eventually(lambda: trigger(api).status_code == 422)


def test_following_ends_whenever_it_is_told_to(engine: Engine) -> None:
    async def start_and_stop() -> None:
        for number in range(50):
            following = asyncio.create_task(Directory(load_snapshot()).follow())
            await asyncio.sleep(number / 20_000)
            await _end(following)

    asyncio.run(start_and_stop())


REMOTE = {"properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}}


def test_a_schemas_reference_to_elsewhere_is_never_fetched(
    api: CheckedClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_: pytest.fail("it was fetched"))
    publish_untold(engine, "remote", trigger_data_json_schema=REMOTE)
    answer = trigger(api, "remote", data={"a": 1})
    assert fields(answer) == ["data"]
    assert "refers to `http://127.0.0.1:1/schema.json`" in answer.json()["errors"][0]["message"]


def test_a_schema_may_refer_to_itself_and_to_the_language_it_is_written_in(api: CheckedClient, engine: Engine) -> None:
    schema = {
        "$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}},
        "properties": {
            "tree": {"$ref": "#/$defs/tree"},
            "schema": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
        },
    }
    publish_untold(engine, "self", trigger_data_json_schema=schema)
    assert trigger(api, "self", data={"tree": {"a": {"b": {}}}, "schema": {"type": "string"}}).status_code == 200
    assert fields(trigger(api, "self", data={"tree": {"a": {"b": 1}}})) == ["data.tree.a.b"]
    assert fields(trigger(api, "self", data={"schema": {"type": 1}})) == ["data.schema.type"]


def test_a_schema_is_read_in_the_draft_that_it_names(api: CheckedClient, engine: Engine) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"pair": {"items": [{"type": "string"}, {"type": "number"}]}},
    }
    publish_untold(engine, "old", trigger_data_json_schema=schema)
    assert trigger(api, "old", data={"pair": ["a", 1]}).status_code == 200
    assert fields(trigger(api, "old", data={"pair": [1, 1]})) == ["data.pair[0]"]


def test_neither_deep_data_nor_an_endless_schema_breaks_anything(api: CheckedClient, engine: Engine) -> None:
    publish_untold(engine, "deep", trigger_data_json_schema={"additionalProperties": {"$ref": "#"}})
    publish_untold(engine, "endless", trigger_data_json_schema={"$ref": "#"})
    data: dict[str, Any] = {}
    for _ in range(190):
        data = {"a": data}
    assert trigger(api, "deep", data=data).status_code == 200
    assert fields(trigger(api, "endless", data={})) == ["data"]
