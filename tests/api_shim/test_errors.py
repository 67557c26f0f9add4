"""Every error in the contract's shape, and what it must not tell."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from api_shim.app import make_app
from api_shim.errors import MOST_PROBLEMS
from api_shim.routes import users
from notify_workers.errors import StoreUnavailable
from tests.answers import code, fields, trigger
from tests.conftest import CheckedClient
from tests.engine import Engine


def test_an_unknown_address_is_a_404(api: CheckedClient) -> None:
    unknown = ["/", "/v1", "/v1/nothing", "/v1/users/", "/v1/users/a/b", "/v1/workflows//trigger", "/v2/users"]
    expected = {"code": "not_found", "message": "Not Found", "status": 404, "type": "invalid_request_error"}
    assert [api.get(path).json() for path in unknown] == [expected] * len(unknown)
    assert api.post("/v1/workflows//trigger", json={}).json() == expected


def test_a_slash_in_a_users_id_leads_nowhere(api: CheckedClient) -> None:
    assert code(api.put("/v1/users/a%2Fb", json={})) == "not_found"


WRONG_METHODS = {
    ("GET", "/v1/workflows/welcome/trigger"): "POST",
    ("PATCH", "/v1/messages"): "GET",
    ("POST", "/v1/workflow_recipient_runs"): "GET",
    ("DELETE", "/v1/notify"): "POST",
    ("POST", "/health/live"): "GET",
}


def test_a_wrong_method_is_a_405_that_names_the_right_one(api: CheckedClient) -> None:
    answers = {wrong: api.request(*wrong) for wrong in WRONG_METHODS}
    assert {(answer.status_code, code(answer)) for answer in answers.values()} == {(405, "method_not_allowed")}
    assert {wrong: answer.headers["allow"] for wrong, answer in answers.items()} == WRONG_METHODS


def test_nothing_is_named_by_a_nul_character(api: CheckedClient) -> None:
    paths = ["/v1/users/a%00b", "/v1/messages/%00", "/v1/messages?tenant=%00", "/v1/users?after=%00", "/v1/users?%00=1"]
    assert [fields(api.get(path)) for path in paths] == [["url"]] * len(paths)
    assert fields(api.post("/v1/workflows/wel%00come/trigger", json={})) == ["url"]


def test_what_goes_wrong_here_is_a_500_that_says_nothing_and_is_logged_with_the_requests_id(
    api: CheckedClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(users, "check", lambda *_: 1 / 0)
    answer = api.get("/v1/users")
    assert (answer.status_code, code(answer)) == (500, "internal_error")
    assert "division" not in answer.text
    assert f"GET /v1/users failed (request {answer.headers['x-request-id']})" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_trigger_that_goes_wrong_here_is_answered_and_logged_in_the_same_way(
    api: CheckedClient, welcome: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api_shim.routes.workflows._check_runnable", lambda *_: 1 / 0)
    answer = trigger(api)
    assert (answer.status_code, code(answer)) == (500, "internal_error")
    assert f"failed (request {answer.headers['x-request-id']})" in caplog.text


def test_what_an_error_says_and_what_was_asked_for_are_not_logged(
    api: CheckedClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    said = f"{'jane'}@example.com is not what it should be"  # not as a traceback would show this line

    def quotes(*_: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr("api_shim.routes.sources.rows.find", quotes)
    with TestClient(make_app(), raise_server_exceptions=True) as server:  # raises what the server would log
        assert server.post("/v1/sources/very-secret", json={}).status_code == 500
    assert "POST /v1/sources/{token} failed" in caplog.text
    assert "RuntimeError" in caplog.text
    assert not any(secret in caplog.text for secret in ("very-secret", "jane@example.com"))


def test_each_request_has_an_id_of_its_own(api: CheckedClient) -> None:
    assert len({api.get("/health/live").headers["x-request-id"] for _ in range(10)}) == 10


def test_where_a_store_lives_is_logged_and_not_shown(
    api: CheckedClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The database does not answer: 10.1.2.3 refused user `doorbell`")

    monkeypatch.setattr(users, "check", away)
    with caplog.at_level(logging.WARNING):
        answer = api.get("/v1/users")
    assert answer.json()["message"] == "The database does not answer"
    assert answer.headers["retry-after"] == "1"
    assert "10.1.2.3" in caplog.text


def test_an_answer_names_a_hundred_problems_at_most(api: CheckedClient, welcome: Engine) -> None:
    assert fields(trigger(api, recipients=[7] * 500)) == [f"recipients[{index}]" for index in range(MOST_PROBLEMS)]


def test_a_client_that_leaves_in_the_middle_is_no_fault_of_ours(
    api: CheckedClient, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def leave() -> Any:
        return {"type": "http.disconnect"}

    for path in ("/v1/workflows/welcome/trigger", "/v1/notify"):
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": None}
        headers = [(b"authorization", b"Bearer sk_test_doorbell")]
        asyncio.run(api.app({**scope, "headers": headers, "root_path": ""}, leave, send))  # type: ignore[arg-type]
    assert [message["status"] for message in sent if "status" in message] == [400, 400]
    assert caplog.text == ""


def test_outside_the_development_stack_there_are_no_development_pages(engine: Engine, change_settings: Any) -> None:
    change_settings(development=False)
    with CheckedClient(make_app()) as production:
        assert production.get("/dev/clock").status_code == 404
