"""How triggers get into Redis: without PostgreSQL, together, and not at all when Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from api_shim.ingest import MOST_TOGETHER, Ingest
from doorbell.embedded import EmbeddedRedis
from notify_workers import pending, queue, redis_client
from notify_workers.pending import Entry
from notify_workers.redis_client import async_client
from tests.answers import code, local_api, trigger
from tests.conftest import CheckedClient
from tests.engine import Engine, email_step

Counting = Callable[[], AbstractContextManager[list[str]]]
MEGABYTE = 1024 * 1024


def entries(count: int) -> list[Entry]:
    return [Entry(uuid4(), b"{}") for _ in range(count)]


def test_a_trigger_asks_postgresql_nothing(api: CheckedClient, welcome: Engine, statements: Counting) -> None:
    schema = {"type": "object", "required": ["n"]}
    welcome.publish("checked", [email_step()], trigger_data_json_schema=schema)
    trigger(api, "checked", data={"n": 1})
    with statements() as seen:
        answers = [trigger(api, "checked", data={"n": 1}) for _ in range(20)]
        refused = [trigger(api, "checked"), trigger(api, recipients=[7]), api.post("/v1/notify", json={})]
        answers.append(api.post("/v1/notify", json={"name": "welcome", "recipients": ["jane"]}))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.status_code for answer in refused} == {422}
    assert set(seen) <= {"select number from catalog"}  # the directory asks it now and then, whoever triggers


def test_a_trigger_is_taken_while_postgresql_is_away(
    api: CheckedClient, welcome: Engine, no_database: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger(api)
    no_database()
    answer = trigger(api)
    monkeypatch.undo()
    welcome.drain()
    assert welcome.one("select id from triggers order by sequence desc limit 1").id == UUID(
        answer.json()["workflow_run_id"]
    )


def test_triggers_that_come_together_are_all_taken(api: CheckedClient, welcome: Engine) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: trigger(api, data={"n": n}), range(100)))
    welcome.drain()
    taken = {str(row.id): row.data["n"] for row in welcome.rows("select id, data from triggers")}
    assert taken == {answer.json()["workflow_run_id"]: n for n, answer in enumerate(answers)}


def test_what_waits_travels_in_one_round_trip_up_to_a_bound(engine: Engine) -> None:
    trips: list[int] = []

    class Counted(Ingest):
        async def _round_trip(self, triggers: list[Entry]) -> list[bytes | None]:
            trips.append(len(triggers))
            return await super()._round_trip(triggers)

    async def send() -> None:
        ingest = Counted(async_client())
        await asyncio.gather(*(ingest.enqueue(each) for each in entries(MOST_TOGETHER + 22)))
        await ingest.close()

    asyncio.run(send())
    assert trips == [MOST_TOGETHER, 22]
    assert pending.count() == MOST_TOGETHER + 22


def test_a_caller_that_leaves_takes_nobody_with_it(engine: Engine) -> None:
    async def send() -> bytes | None:
        ingest = Ingest(async_client())
        left, stayed = (asyncio.create_task(ingest.enqueue(each)) for each in entries(2))
        await asyncio.sleep(0)
        left.cancel()
        answer = await stayed
        await ingest.close()
        return answer

    assert asyncio.run(send()) is None


def test_a_flushed_script_is_sent_again(api: CheckedClient, welcome: Engine) -> None:
    trigger(api)
    redis_client.client().script_flush()
    assert trigger(api).status_code == 200
    welcome.drain()
    assert welcome.count("triggers") == 2


def test_an_error_of_any_kind_reaches_whoever_waits(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def send() -> None:
        ingest = Ingest(async_client())
        monkeypatch.setattr(Redis, "evalsha", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await ingest.enqueue(entries(1)[0])
        await ingest.close()

    asyncio.run(send())


def test_without_redis_a_trigger_is_refused_and_taken_again_when_it_is_back(
    welcome: Engine, own_redis: EmbeddedRedis
) -> None:
    with local_api() as api:
        own_redis.kill()
        answers = [trigger(api), api.post("/v1/notify", json={"name": "welcome", "recipients": ["jane"]})]
        own_redis.start()
        back = trigger(api)
    assert {(each.status_code, code(each), each.headers["retry-after"]) for each in answers} == {
        (503, "unavailable", "1")
    }
    assert back.status_code == 200
    assert pending.count() == 1
    assert queue.length(queue.ACCEPT) == 1


def test_without_redis_a_key_is_not_remembered(welcome: Engine, own_redis: EmbeddedRedis) -> None:
    headers = {"Idempotency-Key": "k"}
    body = {"recipients": ["jane"]}
    with local_api() as api:
        own_redis.stop()
        assert api.post("/v1/workflows/welcome/trigger", json=body, headers=headers).status_code == 503
        own_redis.start()
        answer = api.post("/v1/workflows/welcome/trigger", json=body, headers=headers)
    assert answer.status_code == 200
    assert "idempotent-replayed" not in answer.headers


def test_a_redis_that_hangs_is_given_up(welcome: Engine, own_redis: EmbeddedRedis, change_settings: Any) -> None:
    change_settings(redis_timeout=0.1)
    with local_api() as api:
        assert trigger(api).status_code == 200
        redis_client.client().client_pause(60_000)
        assert trigger(api).status_code == 503


def test_a_large_trigger_waits_in_postgresql_and_arrives_whole(
    api: CheckedClient, welcome: Engine, change_settings: Any
) -> None:
    change_settings(large_payload=1000)
    data = {"text": "ö\u2028" * 1000, "huge": 10**30, "nested": [[{"a": [None, True, 0.5]}]]}
    answer = trigger(api, data=data)
    (waiting,) = pending.load([UUID(answer.json()["workflow_run_id"])])
    assert waiting.payload == b""
    assert welcome.count("large_payloads") == 1
    welcome.drain()
    assert welcome.one("select data from triggers").data == data
    assert welcome.count("large_payloads") == 0


def test_ten_megabytes_of_data_are_taken(api: CheckedClient, welcome: Engine) -> None:
    data = {"lines": ["x" * 1023] * (10 * 1024)}
    assert trigger(api, data=data).status_code == 200
    assert trigger(api, data={"text": "x" * 11 * MEGABYTE}).status_code == 413
    welcome.drain()
    assert welcome.one("select data from triggers").data == data


def test_without_postgresql_a_large_trigger_is_refused_and_redis_knows_nothing(
    api: CheckedClient, welcome: Engine, no_database: Callable[[], None], change_settings: Any
) -> None:
    trigger(api)
    change_settings(large_payload=10)
    no_database()
    assert trigger(api).status_code == 503
    assert pending.count() == 1
