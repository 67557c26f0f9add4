"""What a browser asks before it asks, and what a page may read."""

from __future__ import annotations

from collections.abc import Callable

import httpx2
import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from api_shim.app import make_app
from api_shim.cors import is_allowed
from notify_workers.store.session import transaction
from tests.answers import local_api
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import Engine

PAGE = {"Origin": "https://app.example.com"}
SENT = "authorization,content-type,x-knock-branch,x-knock-client,x-knock-user-token,x-stainless-lang"


def preflight(path: str = "/v1/users/alice", method: str = "PUT", headers: str = SENT) -> httpx2.Response:
    """From a client that has no key: browsers send none with a preflight."""
    with TestClient(make_app()) as browser:
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
        return browser.options(path, headers={**PAGE, **asked})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_preflight_is_answered_before_anybody_asks_for_a_key(engine: Engine, method: str) -> None:
    answer = preflight(method=method)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert method in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "7200"


def test_a_preflight_names_every_header_that_it_was_asked_for(engine: Engine) -> None:
    allowed = preflight().headers["access-control-allow-headers"].lower()
    assert {each.strip() for each in allowed.split(",")} >= set(SENT.split(","))


def test_a_preflight_is_not_logged(engine: Engine) -> None:
    preflight()
    with transaction() as tx:
        assert tx.scalar(text("select count(*) from api_log")) == 0


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/users/alice", PUBLIC, 404),
        ("/v1/users/alice", {"Authorization": ""}, 401),
        ("/v1/users", PUBLIC, 403),
        ("/v1/users?page_size=0", {}, 422),
        ("/v1/users/a%00b", {}, 422),
        ("/v1/nothing", {}, 404),
        ("/health/live", {}, 200),
    ],
)
def test_a_page_can_read_refusals_too(api: CheckedClient, path: str, headers: dict[str, str], status: int) -> None:
    answer = api.get(path, headers={**PAGE, **headers})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert {"retry-after", "x-request-id"} <= {each.strip() for each in exposed.split(",")}


def test_a_page_can_read_that_we_failed(api: CheckedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_shim.routes.health.clock.now", lambda: 1 / 0)
    answer = api.get("/health", headers=PAGE)
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_page_can_trigger_nothing_but_can_read_why(api: CheckedClient) -> None:
    answer = api.post("/v1/workflows/welcome/trigger", json={"recipients": ["alice"]}, headers={**PAGE, **PUBLIC})
    assert answer.status_code == 403
    assert answer.headers["access-control-allow-origin"] == "*"


def test_who_is_no_page_gets_no_such_headers(api: CheckedClient) -> None:
    assert not any(name.startswith("access-control") for name in api.get("/health/live").headers)


def test_only_the_origins_that_are_set_may_read(engine: Engine, change_settings: Callable[..., None]) -> None:
    change_settings(allowed_origins="https://app.example.com,http://localhost:3000")
    with local_api() as api:
        ours, foreign = (
            api.get("/v1/users", headers={"Origin": each}) for each in (PAGE["Origin"], "https://evil.example")
        )
    assert ours.headers["access-control-allow-origin"] == PAGE["Origin"]
    assert "Origin" in ours.headers["vary"]
    assert "access-control-allow-origin" not in foreign.headers
    assert preflight().status_code == 200
    assert [is_allowed(each) for each in (None, "http://localhost:3000", "https://evil.example")] == [True, True, False]
