from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import text

from notify_workers import installation
from notify_workers.ids import channel_id, environment_id
from notify_workers.store import environments
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine


@pytest.fixture
def key(engine: Engine) -> Iterator[UUID]:
    """An API key of its own, `sk_live_wonderful`."""
    with transaction() as tx:
        made = environments.add_key(tx, "sk_live_wonderful", kind="secret", environment=DEVELOPMENT, name="Mine")
    yield made
    with transaction() as tx:
        tx.run(text("delete from api_keys where id = :id"), id=made)


def hints() -> list[str]:
    with transaction() as tx:
        return [each.hint for each in environments.api_keys(tx)]


def test_of_a_key_only_its_digest_and_a_hint_are_kept(key: UUID, engine: Engine) -> None:
    row = engine.one("select * from api_keys where id = :id", id=key)
    assert bytes(row.digest) == environments.digest("sk_live_wonderful")
    assert row.hint == "sk_live_…rful"
    assert "sk_live_wonderful" not in repr(tuple(row))


def test_a_revoked_key_is_listed_no_more_and_revoking_again_says_so(key: UUID) -> None:
    assert "sk_live_…rful" in hints()
    with transaction() as tx:
        assert environments.revoke_key(tx, key)
        assert not environments.revoke_key(tx, key)
    assert "sk_live_…rful" not in hints()


def test_installing_again_changes_nothing(engine: Engine) -> None:
    before = (engine.count("environments"), engine.count("api_keys"), engine.count("channels"))
    installation.install()
    installation.install_development(smtp_port=1)
    assert (engine.count("environments"), engine.count("api_keys"), engine.count("channels")) == before


def test_the_development_stacks_keys_are_taken_from_loopback_only(engine: Engine) -> None:
    assert all(row.loopback_only for row in engine.rows("select loopback_only from api_keys"))


def test_environments_come_in_their_order(engine: Engine) -> None:
    with transaction() as tx:
        found = [(each.slug, each.id) for each in environments.environments(tx)]
    assert found == [(slug, environment_id(slug)) for slug in ("development", "production")]


def test_a_channel_keeps_its_id_when_it_is_set_again(engine: Engine) -> None:
    with transaction() as tx:
        environments.set_channel(tx, DEVELOPMENT, "email", name="New", type="email", provider="smtp", settings={"a": 1})
        (channel,) = [each for each in environments.channels(tx, DEVELOPMENT) if each.key == "email"]
        everywhere = [each for each in environments.channels(tx) if each.key == "email"]
    assert (channel.id, channel.name, channel.settings) == (channel_id("email"), "New", {"a": 1})
    assert channel.updated_at >= channel.created_at
    assert {each.id for each in everywhere} == {channel.id}
