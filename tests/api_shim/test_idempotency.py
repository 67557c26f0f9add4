"""A repeated trigger: one run, and the first answer again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis

from notify_workers import redis_client
from tests.answers import PRODUCTION, code
from tests.conftest import SECRET, CheckedClient
from tests.engine import Engine, email_step

TRIGGER = "/v1/workflows/welcome/trigger"
BODY = {"recipients": ["jane"], "data": {"n": 1}}


def keyed(api: CheckedClient, key: str = "k", path: str = TRIGGER, body: Any = BODY, **headers: str) -> httpx2.Response:
    return api.post(path, json=body, headers={"Idempotency-Key": key, **headers})


def test_the_same_request_again_gets_the_first_answer_and_makes_no_second_run(
    api: CheckedClient, welcome: Engine
) -> None:
    first, again = keyed(api), keyed(api)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-x-request-id"] == first.headers["x-request-id"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert "idempotent-replayed" not in first.headers
    welcome.drain()
    assert welcome.count("recipient_runs") == 1


def test_a_different_request_with_the_same_key_is_refused(api: CheckedClient, welcome: Engine) -> None:
    welcome.publish("other", [email_step()])
    keyed(api)
    different = [
        keyed(api, body={**BODY, "data": {"n": 2}}),
        keyed(api, path=f"{TRIGGER}?a=1"),
        keyed(api, path="/v1/workflows/other/trigger"),
        keyed(api, Host="other.example.com"),
    ]
    assert {(each.status_code, code(each)) for each in different} == {(400, "idempotency_key_reused")}
    assert all(each.json()["error"] == code(each) and each.json()["message"] for each in different)
    welcome.drain()
    assert welcome.count("triggers") == 1


def test_a_key_has_255_characters_at_most(api: CheckedClient, welcome: Engine) -> None:
    assert keyed(api, "k" * 255).status_code == 200
    answer = keyed(api, "k" * 256)
    assert answer.status_code == 400
    assert answer.json()["error"] == "idempotency_key_too_long"


def test_requests_with_one_key_at_the_same_time_make_one_run(api: CheckedClient, welcome: Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: keyed(api), range(8)))
    assert len({answer.json()["workflow_run_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 7
    welcome.drain()
    assert welcome.count("triggers") == 1


def test_a_key_belongs_to_an_environment(api: CheckedClient, welcome: Engine) -> None:
    first = keyed(api)
    assert keyed(api, **PRODUCTION).status_code == 404
    assert keyed(api, **SECRET).json() == first.json()


def test_what_was_refused_is_not_remembered(api: CheckedClient, engine: Engine) -> None:
    assert keyed(api).status_code == 404
    engine.publish("welcome", [email_step()])
    assert keyed(api, body={"recipients": 7}).status_code == 422
    answer = keyed(api)
    assert answer.status_code == 200
    assert "idempotent-replayed" not in answer.headers


def test_an_empty_key_is_none(api: CheckedClient, welcome: Engine) -> None:
    assert keyed(api, "").json() != keyed(api, "").json()


def test_only_a_trigger_heeds_the_key(api: CheckedClient, welcome: Engine) -> None:
    notify = {"name": "welcome", **BODY}
    assert keyed(api, path="/v1/notify", body=notify).json() != keyed(api, path="/v1/notify", body=notify).json()
    cancel = "/v1/workflows/welcome/cancel"
    assert keyed(api, path=cancel, body={"cancellation_key": "a"}).status_code == 204
    assert keyed(api, path=cancel, body={"cancellation_key": "b"}).status_code == 204
    headers = {"Idempotency-Key": "k"}
    assert [api.put(f"/v1/users/{name}", json={}, headers=headers).json()["id"] for name in "ab"] == ["a", "b"]


def test_a_trigger_that_redis_was_sent_twice_is_no_replay_of_itself(
    api: CheckedClient, welcome: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed(api, "another")
    once = Redis.evalsha

    async def with_a_lost_answer(self: Redis, *args: Any) -> Any:
        await once(self, *args)
        return await once(self, *args)

    monkeypatch.setattr(Redis, "evalsha", with_a_lost_answer)
    assert "idempotent-replayed" not in keyed(api).headers
    assert keyed(api).headers["idempotent-replayed"] == "true"


def test_a_key_is_kept_for_a_day(api: CheckedClient, welcome: Engine) -> None:
    keyed(api)
    (name,) = redis_client.client().keys("doorbell:idempotency:*")
    kept: Any = redis_client.client().pttl(name)
    assert 86_300_000 < kept <= 86_400_000


def test_a_large_trigger_is_replayed_like_a_small_one(
    api: CheckedClient, welcome: Engine, change_settings: Any
) -> None:
    change_settings(large_payload=10)
    first, again = keyed(api), keyed(api)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    welcome.drain()
    assert welcome.count("triggers") == 1
