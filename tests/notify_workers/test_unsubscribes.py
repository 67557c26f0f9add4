"""Links by which people unsubscribe: whom they are for, and that nobody else can make one."""

from __future__ import annotations

import base64
import json
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from notify_workers import unsubscribes
from notify_workers.store import environments
from notify_workers.store.session import transaction
from notify_workers.unsubscribes import Subscriber
from tests.engine import DEVELOPMENT, Engine
from tests.notify_workers.language import JANE
from workflows.recipients import USERS, Reference

JANE_REFERENCE = Reference(USERS, JANE["id"])


def secret() -> str:
    with transaction() as tx:
        found = environments.signing_secret(tx, DEVELOPMENT)
    assert found
    return found


def token(reference: Reference = JANE_REFERENCE, environment: UUID = DEVELOPMENT) -> str:
    return unsubscribes.link(environment, secret(), reference).rpartition("/")[2]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("reference", [JANE_REFERENCE, Reference("projects", "p 1/é"), Reference(USERS, "j" * 256)])
def test_a_link_is_for_the_recipient_it_was_made_for(reference: Reference, engine: Engine) -> None:
    assert unsubscribes.read(token(reference)) == Subscriber(DEVELOPMENT, reference)


def test_a_link_leads_to_the_public_address(engine: Engine, change_settings: object) -> None:
    change_settings(public_url="https://notify.test")  # type: ignore[operator]
    link = unsubscribes.link(DEVELOPMENT, secret(), JANE_REFERENCE)
    assert link.startswith("https://notify.test/unsubscribe/")
    assert "jane" not in link


def test_a_link_of_another_environment_or_secret_is_none(engine: Engine) -> None:
    body, _, signature = token().partition(".")
    for environment in (uuid4(), UUID(int=0)):
        assert unsubscribes.read(token(environment=environment)) is None
    forged = unsubscribes.link(DEVELOPMENT, "another secret", JANE_REFERENCE).rpartition("/")[2]
    assert unsubscribes.read(forged) is None
    for other in ("", signature[:-1], signature + "A", signature.swapcase(), "é" * 43, "\ud800"):
        assert unsubscribes.read(f"{body}.{other}") is None


@pytest.mark.parametrize(
    "document",
    [
        [str(DEVELOPMENT), USERS, "joe"],
        [str(DEVELOPMENT), USERS],
        [5, USERS, "jane"],
        [None, None, None],
        [[], {}, 1],
        {"a": 1, "b": 2, "c": 3},
        5,
        None,
        "abc",
    ],
)
def test_a_document_that_nobody_signed_is_none(document: object, engine: Engine) -> None:
    signature = token().partition(".")[2]
    assert unsubscribes.read(f"{encoded(document)}.{signature}") is None


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(text=st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode() + ".x"))
def test_no_text_is_a_link(text: str, engine: Engine) -> None:
    assert unsubscribes.read(text) is None


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(place=st.integers(0, 400), other=st.sampled_from("ABab09-_.=+/ "))
def test_a_link_with_one_other_character_is_none(place: int, other: str, engine: Engine) -> None:
    whole = token()
    place %= len(whole)
    if whole[place] != other:
        assert unsubscribes.read(whole[:place] + other + whole[place + 1 :]) is None


def test_unsubscribing_twice_changes_nothing_more_and_keeps_the_rest(engine: Engine) -> None:
    engine.identify("jane", plan="pro")
    engine.rows(
        """update recipients set preferences = '{"default": {"categories": {"a": true}}, "acme": {}}' returning 1"""
    )
    for _ in range(2):
        unsubscribes.unsubscribe(Subscriber(DEVELOPMENT, JANE_REFERENCE))
    found = engine.one("select properties, preferences from recipients")
    assert found.properties == {"plan": "pro"}
    assert found.preferences == {"default": {"categories": {"a": True}, "commercial_subscribed": False}, "acme": {}}
