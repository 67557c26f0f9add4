"""What the API log keeps of a request, and what it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from redis import RedisError
from sqlalchemy import text

from api_shim.api_log import is_logged
from doorbell.cli import main
from notify_workers import api_log, clock, lifeline
from notify_workers.api_log import WAITING, Exchange, Writer
from notify_workers.api_log_masks import masked
from notify_workers.errors import StoreUnavailable
from notify_workers.redis_client import client
from notify_workers.store.api_log import Filter, Logged
from notify_workers.store.session import transaction
from tests.answers import eventually, local_api, trigger
from tests.conftest import CheckedClient
from tests.engine import DEVELOPMENT, Engine
from tests.user_tokens import bearing, secure, signed

MARK = "hunter2"


def logged(**wanted: Any) -> list[Logged]:
    """What the timer process has written by now."""
    while api_log.drain():
        pass
    return api_log.find(Filter(**wanted), 100)


def one(**wanted: Any) -> Logged:
    """The one request that was made, once it is written."""
    eventually(lambda: bool(logged(**wanted)))
    (found,) = logged(**wanted)
    return found


def test_a_request_is_logged_with_who_asked_and_what_was_answered(engine: Engine) -> None:
    secure(on=False)
    headers = {**bearing(signed("alice")), "User-Agent": "Knock/JS 1.35.0"}
    with local_api() as api:
        answer = api.put("/v1/users/alice?x=1", json={"name": "Alice"}, headers=headers)
    found = one()
    assert str(found.id) == answer.headers["x-request-id"]
    assert (found.method, found.path, found.query, found.status) == ("PUT", "/v1/users/alice", "x=1", 200)
    assert (found.operation, found.user_id, found.user_agent) == ("identifyUser", "alice", "Knock/JS 1.35.0")
    assert found.environment_id == DEVELOPMENT
    assert found.key_id is not None
    assert found.request == {"name": "Alice"}
    assert found.response == answer.json()
    assert 0 < found.duration_ms < 60_000
    assert timedelta() <= clock.now() - found.at < timedelta(minutes=1)


def test_a_trigger_is_found_by_the_run_that_it_made(api: CheckedClient, engine: Engine) -> None:
    engine.publish("welcome", [])
    run = UUID(trigger(api).json()["workflow_run_id"])
    trigger(api)
    found = one(workflow_run_id=run)
    assert (found.operation, found.path) == ("triggerWorkflow", "/v1/workflows/welcome/trigger")
    assert found.request == {"recipients": ["jane"]}


def test_what_was_refused_is_logged_too(api: CheckedClient) -> None:
    api.get("/v1/users", headers={"Authorization": f"Bearer {MARK}"})
    assert (one(statuses=(401, 401)).key_id, one().response["code"]) == (None, "authentication_required")
    api.post("/v1/workflows/nothing/trigger", content=b"{not json")
    assert one(statuses=(400, 400)).request == "[NOT JSON]"
    api.get("/v1/nothing/of/that/kind")
    assert one(path="/of/that/").operation is None


def test_health_documentation_and_pages_are_not_logged() -> None:
    for path in ("/health", "/health/live", "/docs", "/v1/openapi", "/dev/mail", "/unsubscribe/x", "/ws/v1/websocket"):
        assert not is_logged({"path": path})
    assert is_logged({"path": "/v1/users"})


def everything() -> str:
    """All rows as PostgreSQL writes them."""
    with transaction() as tx:
        return "\n".join(str(row) for row in tx.rows(text("select api_log::text from api_log")))


def test_no_secret_is_ever_written(api: CheckedClient) -> None:
    token = signed("alice")
    secure(on=False)
    body = {
        "name": "Alice",
        "password": MARK,
        "settings": [{"api_key": MARK, "Access-Token": {"of": MARK}}],
        "note": f"Bearer {MARK}",
        "jwt": token,
    }
    api.put(f"/v1/users/alice?user_token={MARK}&%61pi_key={MARK}&k={token}", json=body, headers=bearing(token))
    assert one().request["name"] == "Alice"
    written = everything()
    assert MARK not in written
    assert "pk_test_doorbell" not in written
    assert not any(part in written for part in token.split("."))


def test_a_link_that_opens_a_page_is_not_written(api: CheckedClient) -> None:
    answer = api.post("/v1/users/alice/preference_center/signed_url").json()
    api.get(f"/v1/users?k={answer['url']}")
    eventually(lambda: len(logged()) == 2)
    assert "/p/WyI" in answer["url"]
    assert answer["token"].partition(".")[0] not in everything()


def test_masking_keeps_everything_else() -> None:
    value = {"token_count": 0, "tokens": ["x"], "secret": None, "name": "sketch", "list": ["sk_1", 5, {"Cookie": "x"}]}
    assert masked(value) == {
        "token_count": 0,
        "tokens": "[MASKED]",
        "secret": None,
        "name": "sketch",
        "list": ["[MASKED]", 5, {"Cookie": "[MASKED]"}],
    }


def test_a_text_that_nearly_looks_like_secrets_costs_little() -> None:
    began = time.thread_time()
    for text_ in ("eyJ-" * 50_000, "eyJ" * 50_000, "/p/" * 50_000, "bearer" * 50_000):
        assert masked(text_) == text_
    assert time.thread_time() - began < 1


def test_an_id_that_looks_like_a_huge_number_is_kept(api: CheckedClient) -> None:
    said = {"of": "0e123456-e999", "many": "7" * 400}
    api.put("/v1/users/alice", json=said)
    assert one().request == said


def test_a_large_body_is_left_out(engine: Engine, change_settings: Callable[..., None]) -> None:
    change_settings(api_log_body=100)
    with local_api() as api:
        api.put("/v1/users/alice", json={"about": "x" * 1000})
    assert (one().request, one().response) == ("[TRUNCATED]", "[TRUNCATED]")


def test_what_a_feed_answers_is_not_kept(api: CheckedClient) -> None:
    api.get("/v1/users/alice/feeds/6f0d7c1e-5a0b-5a55-9c39-0d00bbe11000")
    assert one().response == "[TRUNCATED]"


@pytest.mark.parametrize("body", [b'{"a": "\\u0000"}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"\xff\xfe", b"[" * 5000])
def test_what_cannot_be_stored_does_not_keep_others_from_it(api: CheckedClient, body: bytes) -> None:
    api.put("/v1/users/alice", content=body)
    api.get("/v1/users/al%00ice")
    api.get("/v1/users/" + "x" * 3000)
    api.get("/v1/users", headers=[(b"User-Agent", b"\xff")])
    eventually(lambda: len(logged()) == 4)


def exchange(number: int = 0, path: str = "/v1/users", **given: Any) -> Exchange:
    values: dict[str, Any] = {
        "request_id": str(UUID(int=number + 1)),
        "came": time.time(),
        "method": "GET",
        "path": path,
        "query": "",
        "operation": "listUsers",
        "status": 200,
        "duration_ms": 1.0,
        "request": b"",
        "response": b"{}",
        "user_agent": "",
    }
    return Exchange(**{**values, **given})


def test_one_that_cannot_be_written_costs_only_itself(engine: Engine) -> None:
    writer = Writer()
    for number in range(5):
        writer.put(exchange(number, request_id="nonsense" if number == 2 else str(UUID(int=number + 1))))
    writer.close()
    assert (len(logged()), writer.lost) == (4, 0)


def test_what_does_not_fit_the_queue_is_dropped_and_counted(
    engine: Engine, change_settings: Callable[..., None]
) -> None:
    writer = Writer()
    change_settings(api_log_queue=3 * exchange().size)
    for number in range(10):
        writer.put(exchange(number))
    writer.close()
    assert len(logged()) + writer.lost == 10
    assert writer.lost >= 7 or len(logged()) > 3


def test_a_database_that_is_away_is_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    for number in range(3):
        writer.put(exchange(number))
    writer.close()
    write = api_log._write

    def away(records: list[dict[str, Any]]) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(api_log, "_write", away)
    before = client().lrange(WAITING, 0, -1)
    with pytest.raises(StoreUnavailable):
        api_log.drain()
    assert client().lrange(WAITING, 0, -1) == before
    monkeypatch.setattr(api_log, "_write", write)
    assert (api_log.drain(), client().llen(WAITING), len(logged())) == (3, 0, 3)


def test_redis_being_away_is_waited_for(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, tries = api_log._queue, []

    def away_once(chunk: Sequence[Exchange]) -> int:
        tries.append(len(chunk))
        if len(tries) == 1:
            raise RedisError("away")
        return queue(chunk)

    monkeypatch.setattr(api_log, "_queue", away_once)
    writer = Writer()
    writer.put(exchange())
    eventually(lambda: len(logged()) == 1)
    writer.close()
    assert (tries, writer.lost) == ([1, 1], 0)


def test_what_waits_in_redis_is_bounded(engine: Engine, change_settings: Callable[..., None]) -> None:
    change_settings(api_log_waiting=4)
    writer = Writer()
    for number in range(10):
        writer.put(exchange(number))
    writer.close()
    assert {each.id.int for each in logged()} == {7, 8, 9, 10}
    assert writer.lost == 6


def test_a_process_that_ends_writes_what_waits(engine: Engine) -> None:
    with local_api() as api:
        for _ in range(20):
            api.get("/v1/users")
    assert len(logged()) == 20


def test_it_can_be_turned_off(engine: Engine, change_settings: Callable[..., None]) -> None:
    change_settings(api_log=False)
    with local_api() as api:
        api.get("/v1/users")
    assert logged() == []


def test_what_is_old_is_forgotten(api: CheckedClient, engine: Engine) -> None:
    api.get("/v1/users")
    one()
    engine.advance(days=29)
    lifeline.look()
    assert len(logged()) == 1
    engine.advance(days=2)
    lifeline.look()
    assert logged() == []


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["api-log", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_lists_filters_and_shows(api: CheckedClient) -> None:
    api.get("/v1/users")
    missing = api.get("/v1/users/nobody")
    eventually(lambda: len(logged()) == 2)
    assert shown().count("\n") == 2
    assert shown().index("/v1/users/nobody") < shown().index("GET /v1/users\n")
    for arguments in (["--status", "404"], ["--status", "4xx"], ["--path", "nobody"]):
        assert shown(*arguments).count("\n") == 1
    assert "resource_missing" in shown(missing.headers["x-request-id"])
    assert shown("--json").count('"operation":"getUser"') == 1
    assert shown("--environment", "production") == ""
    assert CliRunner().invoke(main, ["api-log", "--status", "4x"]).exit_code == 2
    assert CliRunner().invoke(main, ["api-log", str(UUID(int=1))]).exit_code == 1
