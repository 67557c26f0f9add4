"""Which key opens what."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from api_shim.app import make_app
from api_shim.auth import caller_of
from api_shim.directory import Directory, load_snapshot
from api_shim.errors import AuthenticationFailed
from notify_workers import resources, signing_keys
from notify_workers.ids import environment_id
from notify_workers.store.environments import add_key, revoke_key
from notify_workers.store.session import transaction
from tests.answers import PRODUCTION, code, eventually
from tests.conftest import PUBLIC, CheckedClient
from tests.engine import DEVELOPMENT, Engine
from tests.user_tokens import FOREIGN, bearing, secure, signed

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


OF_ALICE = ("GET", "/v1/users/alice")


def answers_to(api: CheckedClient, token: str | None) -> tuple[int, str]:
    answer = api.request(*OF_ALICE, headers=bearing(token))
    return answer.status_code, answer.json().get("code", "")


@pytest.fixture
def alice(api: CheckedClient) -> CheckedClient:
    assert api.put("/v1/users/alice", json={}).status_code == 200
    return api


def test_enhanced_security_needs_a_user_token(alice: CheckedClient) -> None:
    secure()
    eventually(lambda: answers_to(alice, None) == (401, "missing_user_token"))
    assert answers_to(alice, "") == (401, "missing_user_token")
    assert answers_to(alice, "nonsense") == (401, "invalid_user_token")
    assert answers_to(alice, signed(key=FOREIGN)) == (401, "invalid_user_token")
    assert answers_to(alice, signed("bob")) == (403, "authorization")
    assert answers_to(alice, signed("alice")) == (200, "")


def test_a_secret_key_needs_no_user_token_and_heeds_none(alice: CheckedClient) -> None:
    secure()
    eventually(lambda: answers_to(alice, None) == (401, "missing_user_token"))
    for token in ({}, {"X-Knock-User-Token": signed("bob")}, {"X-Knock-User-Token": "nonsense"}):
        assert alice.get("/v1/users/alice", headers=token).status_code == 200


def test_a_secret_only_endpoint_is_closed_to_a_public_key_with_the_best_of_tokens(alice: CheckedClient) -> None:
    secure()
    answer = alice.delete("/v1/users/alice", headers=bearing(signed("alice")))
    assert (answer.status_code, code(answer)) == (403, "incorrect_token_type")


def test_enhanced_security_without_a_signing_key_lets_nobody_in(alice: CheckedClient) -> None:
    secure(None)
    eventually(lambda: answers_to(alice, signed()) == (403, "missing_jwt_signing_key"))
    assert answers_to(alice, None) == (401, "missing_user_token")


def test_without_enhanced_security_a_token_is_heeded_when_it_can_be_verified(alice: CheckedClient) -> None:
    assert answers_to(alice, "nonsense") == (200, ""), "nobody could say whether it is one"
    secure(on=False)
    eventually(lambda: answers_to(alice, "nonsense") == (401, "invalid_user_token"))
    assert answers_to(alice, signed("bob")) == (403, "authorization")
    assert answers_to(alice, signed("alice")) == (200, "")
    assert answers_to(alice, None) == (200, "")


def test_a_removed_signing_key_ends_its_tokens_and_a_second_one_takes_over(alice: CheckedClient) -> None:
    secure()
    secure(FOREIGN)
    eventually(lambda: answers_to(alice, signed(key=FOREIGN)) == (200, ""))
    assert answers_to(alice, signed()) == (200, "")
    (first, _) = signing_keys.every()
    assert signing_keys.remove(first.id)
    eventually(lambda: answers_to(alice, signed()) == (401, "invalid_user_token"))
    assert answers_to(alice, signed(key=FOREIGN)) == (200, "")


def test_each_environment_has_a_security_of_its_own(alice: CheckedClient) -> None:
    secure(environment=environment_id("production"))
    live = {"Authorization": "Bearer pk_live_doorbell"}
    eventually(lambda: alice.get("/v1/users/alice", headers=live).status_code == 401)
    assert code(alice.get("/v1/users/alice", headers=live)) == "missing_user_token"
    assert answers_to(alice, None) == (200, "")


def test_a_socket_knows_its_caller_by_the_same_rules(engine: Engine) -> None:
    secure()
    directory = Directory(load_snapshot())

    def met(api_key: str, user_token: str, *, loopback: bool = True) -> str:
        try:
            caller = asyncio.run(caller_of(directory, api_key, user_token, loopback=loopback))
        except AuthenticationFailed as error:
            return error.code
        return caller.user_id or "anybody"

    assert met("pk_test_doorbell", signed("alice")) == "alice"
    assert met("sk_test_doorbell", "") == "anybody"
    assert met("pk_test_doorbell", "") == "missing_user_token"
    assert met("pk_test_doorbell", signed(key=FOREIGN)) == "invalid_user_token"
    assert met("", "") == "api_key_missing"
    assert met("pk_test_doorbell", signed("alice"), loopback=False) == "authentication_required"
    assert met("knock_st_doorbell", "") == "incorrect_token_type"
