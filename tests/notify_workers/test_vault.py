"""Credentials at rest: nothing readable is stored, keys can be changed, and what was moved or altered is not read."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from notify_workers import channels
from notify_workers.channels import place_of, provider_of, set_channel
from notify_workers.store import environments
from notify_workers.store.environments import Channel
from notify_workers.store.session import transaction
from notify_workers.vault import VaultLocked, is_sealed, new_key, seal, unseal
from tests.engine import DEVELOPMENT, Engine, email_step

ChangeSettings = Callable[..., None]
OLD, NEW = new_key(), new_key()
RESEND = {"api_key": "re_secret_123", "from_address": "a@b.test"}


@pytest.fixture(autouse=True)
def key(engine: Engine, change_settings: ChangeSettings) -> None:
    change_settings(encryption_keys=OLD)


def resend() -> Channel:
    with transaction() as tx:
        return next(each for each in environments.channels(tx, DEVELOPMENT) if each.key == "resend")


def stored(engine: Engine) -> str:
    return json.dumps([dict(row._mapping) for row in engine.rows("select settings from channels where key = 'resend'")])


def test_a_secret_is_stored_encrypted_and_used_as_it_was_written(engine: Engine) -> None:
    set_channel(DEVELOPMENT, "resend", provider="resend", name="Resend", settings=RESEND)
    assert "re_secret" not in stored(engine)
    assert "a@b.test" in stored(engine)
    assert provider_of(resend()).api_key == "re_secret_123"  # type: ignore[attr-defined]


def test_twice_the_same_secret_is_not_twice_the_same_text() -> None:
    assert seal(RESEND, {"api_key"}, "p") != seal(RESEND, {"api_key"}, "p")


def test_without_a_key_a_secret_is_not_stored_and_the_setting_named(
    engine: Engine, change_settings: ChangeSettings
) -> None:
    change_settings(encryption_keys=None)
    with pytest.raises(VaultLocked, match=r"`api_key` is a secret.*DOORBELL_ENCRYPTION_KEYS"):
        set_channel(DEVELOPMENT, "resend", provider="resend", name="Resend", settings=RESEND)
    assert stored(engine) == "[]"
    set_channel(DEVELOPMENT, "mail", provider="smtp", name="Mail", settings={"host": "h", "from_address": "a@b.test"})


def test_keys_are_changed_without_a_gap(engine: Engine, change_settings: ChangeSettings) -> None:
    set_channel(DEVELOPMENT, "resend", provider="resend", name="Resend", settings=RESEND)
    change_settings(encryption_keys=f"{NEW},{OLD}")
    assert provider_of(resend()).api_key == "re_secret_123"  # type: ignore[attr-defined]
    assert [channels.rotate(), channels.rotate()] == [1, 0]
    change_settings(encryption_keys=NEW)
    assert provider_of(resend()).api_key == "re_secret_123"  # type: ignore[attr-defined]
    change_settings(encryption_keys=OLD)
    with pytest.raises(VaultLocked, match="DOORBELL_ENCRYPTION_KEYS does not have"):
        provider_of(resend())


def test_what_was_stored_before_there_was_encryption_is_read_and_encrypted_by_rotation(engine: Engine) -> None:
    with transaction() as tx:
        environments.set_channel(tx, DEVELOPMENT, "resend", name="R", type="email", provider="resend", settings=RESEND)
    assert provider_of(resend()).api_key == "re_secret_123"  # type: ignore[attr-defined]
    assert channels.rotate() == 1
    assert is_sealed(resend().settings["api_key"])
    assert provider_of(resend()).api_key == "re_secret_123"  # type: ignore[attr-defined]


def test_a_secret_that_was_moved_or_altered_is_not_read() -> None:
    place = place_of(DEVELOPMENT, "resend")
    sealed = seal(RESEND, {"api_key"}, place)
    assert unseal(sealed, place) == RESEND
    with pytest.raises(VaultLocked, match="changed after it was encrypted"):
        unseal(sealed, place_of(DEVELOPMENT, "other"))
    identifier, _, text = sealed["api_key"]["sealed"].partition(".")
    altered = {"api_key": {"sealed": f"{identifier}.{text[:-8]}{'A' * 8}"}}
    with pytest.raises(VaultLocked, match="changed after it was encrypted"):
        unseal(altered, place)


def test_a_message_waits_for_a_key_that_is_missing(engine: Engine, change_settings: ChangeSettings) -> None:
    smtp = {"host": "h", "from_address": "a@b.test", "password": "x"}
    set_channel(DEVELOPMENT, "email", provider="smtp", name="Mail", settings=smtp)
    change_settings(encryption_keys=NEW)
    engine.publish("hello", [email_step()])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    (attempt,) = engine.rows("select outcome, reason from delivery_attempts")
    assert attempt.outcome == "retry"
    assert "`password` is encrypted with the key" in attempt.reason
    assert engine.one("select status from messages").status == "delivery_attempted"
