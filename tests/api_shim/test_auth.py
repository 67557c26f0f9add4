"""Which key opens what."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from api_shim.app import make_app
from notify_workers import resources
from notify_workers.store.environments import add_key, revoke_key
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, eventually
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine

BODY = {"recipients": ["jane"], "name": "welcome", "cancellation_key": "key"}
SECRET_ONLY = [
    ("POST", "/v1/workflows/welcome/trigger"),
    ("POST", "/v1/workflows/welcome/cancel"),
    ("POST", "/v1/notify"),
    ("POST", "/v1/notify/cancel"),
    ("GET", "/v1/workflow_recipient_runs"),
    ("GET", "/v1/workflow_recipient_runs/6f0d7c1e-5a0b-5a55-9c39-0d00bbe11000"),
    ("GET", "/v1/users"),
    ("DELETE", "/v1/users/jane"),
    ("GET", "/v1/messages"),
    ("GET", "/v1/messages/m/content"),
    ("GET", "/v1/messages/m/events"),
    ("GET", "/v1/messages/m/activities"),
    ("GET", "/v1/messages/m/delivery_logs"),
]
PUBLIC_TOO = [("PUT", "/v1/users/jane"), ("GET", "/v1/users/jane"), ("GET", "/v1/messages/m")]


def asked(api: CheckedClient, authorization: str | bytes, endpoints: list[tuple[str, str]]) -> set[tuple[int, str]]:
    """Every status and code that the endpoints answer with."""
    headers: Any = {"Authorization": authorization}
    answers = [api.request(method, path, json=BODY, headers=headers) for method, path in endpoints]
    return {(answer.status_code, answer.json().get("code", "")) for answer in answers}


def test_without_a_key_nothing_is_answered(api: CheckedClient) -> None:
    for written in ("", "Bearer", "Bearer ", "sk_test_doorbell"):
        assert asked(api, written, SECRET_ONLY + PUBLIC_TOO) == {(401, "api_key_missing")}


def test_a_key_that_nobody_knows_is_refused(api: CheckedClient) -> None:
    for written in ("Bearer sk_test_nobody", "Basic c2s6", b"Bearer \xff", "Bearer a b"):
        assert asked(api, written, SECRET_ONLY + PUBLIC_TOO) == {(401, "authentication_required")}


def test_only_a_secret_key_opens_a_secret_endpoint(api: CheckedClient) -> None:
    for key in ("pk_test_doorbell", "knock_st_doorbell"):
        assert asked(api, f"Bearer {key}", SECRET_ONLY) == {(403, "incorrect_token_type")}


def test_a_public_key_opens_what_a_browser_needs(api: CheckedClient) -> None:
    assert asked(api, "Bearer pk_test_doorbell", PUBLIC_TOO) == {(200, ""), (404, "resource_missing")}


def test_a_service_token_opens_nothing_here(api: CheckedClient) -> None:
    assert asked(api, "Bearer knock_st_doorbell", PUBLIC_TOO) == {(403, "incorrect_token_type")}


def test_a_refused_key_is_an_authentication_error(api: CheckedClient) -> None:
    answer = api.get("/v1/users", headers=PUBLIC)
    assert answer.json() == {
        "code": "incorrect_token_type",
        "message": "This endpoint needs a secret key (sk_…), not a public one",
        "status": 403,
        "type": "authentication_error",
    }


def test_the_scheme_may_be_written_in_any_case(api: CheckedClient) -> None:
    assert api.get("/v1/users", headers={"Authorization": "bEARER sk_test_doorbell"}).status_code == 200


@pytest.mark.parametrize("address", ["203.0.113.9", "::ffff:203.0.113.9", "unknown"])
def test_a_development_key_works_on_this_machine_only(engine: Engine, address: str) -> None:
    with CheckedClient(make_app(), client=(address, 1)) as elsewhere:
        answer = elsewhere.get("/v1/users", headers=PUBLIC)
    assert (answer.status_code, code(answer)) == (401, "authentication_required")


def test_a_key_selects_its_environment(api: CheckedClient) -> None:
    assert api.put("/v1/users/jane", json={}, headers=PRODUCTION).status_code == 200
    assert api.get("/v1/users/jane").status_code == 404


def test_a_new_key_works_at_once_even_when_nobody_was_told_of_it(api: CheckedClient) -> None:
    with transaction() as tx:
        add_key(tx, "sk_new", kind="secret", environment=DEVELOPMENT, name="new")
        tx.run(text("update catalog set number = number + 1"))
    assert api.get("/v1/users", headers={"Authorization": "Bearer sk_new"}).status_code == 200


def test_a_revoked_key_is_refused_soon_after(api: CheckedClient) -> None:
    with resources.configuration() as tx:
        key_id = add_key(tx, "sk_old", kind="secret", environment=DEVELOPMENT, name="old")
    headers = {"Authorization": "Bearer sk_old"}
    assert api.get("/v1/users", headers=headers).status_code == 200
    with resources.configuration() as tx:
        revoke_key(tx, key_id)
    eventually(lambda: api.get("/v1/users", headers=headers).status_code == 401)
