from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import text

from notify_workers import catalog as catalog_module
from notify_workers import resources
from notify_workers.catalog import Catalog, catalog
from notify_workers.ids import channel_id, environment_id
from notify_workers.providers import ProviderMisconfigured
from notify_workers.store.environments import set_channel
from notify_workers.store.resources import catalog_number
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer
from workflows.scope import ChannelView


def current() -> Catalog:
    with transaction() as tx:
        return catalog(catalog_number(tx))


def set_mail_channel(**settings: Any) -> None:
    with resources.configuration() as tx:
        set_channel(tx, DEVELOPMENT, "email", name="Mail", type="email", provider="smtp", settings=settings)


def test_what_was_compiled_is_kept_until_configuration_changes(engine: Engine) -> None:
    version = engine.publish("hello", [email_step()])
    assert version is not None
    compiled = current()
    with transaction() as tx:
        program = compiled.program(tx, DEVELOPMENT, version)
        assert compiled.program(tx, DEVELOPMENT, version) is program
        assert current() is compiled
    engine.publish("other", [email_step()])
    assert current() is not compiled


def test_an_older_number_gets_the_newest_catalog(engine: Engine) -> None:
    newest = current()
    assert catalog(newest.number - 1) is newest
    assert catalog(newest.number) is newest


def test_many_threads_that_see_a_new_number_share_one_catalog(engine: Engine) -> None:
    number, barrier = current().number + 1000, Barrier(8)

    def load(_: int) -> Catalog:
        barrier.wait()
        return catalog(number)

    try:
        with ThreadPoolExecutor(8) as threads:
            assert len({id(each) for each in threads.map(load, range(8))}) == 1
    finally:
        catalog_module._newest = Catalog(-1)


def test_a_channel_is_seen_without_its_credentials(engine: Engine) -> None:
    set_mail_channel(host="mail.test", from_address="a@b.test", username="u", password="hunter2")
    with transaction() as tx:
        seen = current().environment(tx, DEVELOPMENT).channels["email"]
    assert (seen.id, seen.key, seen.type, seen.provider) == (str(channel_id("email")), "email", "email", "smtp")
    assert isinstance(seen, ChannelView)
    assert "hunter2" not in repr(seen)


def test_a_provider_is_made_once_with_its_channels_settings(engine: Engine) -> None:
    set_mail_channel(host="mail.test", from_address="a@b.test")
    with transaction() as tx:
        environment = current().environment(tx, DEVELOPMENT)
        provider = environment.provider(channel_id("email"))
        assert environment.provider(channel_id("email")) is provider
    assert provider.host == "mail.test"  # type: ignore[attr-defined]


def test_a_channel_that_is_unknown_or_misconfigured_says_so(engine: Engine) -> None:
    set_mail_channel(host="mail.test")
    with transaction() as tx:
        environment = current().environment(tx, DEVELOPMENT)
        with pytest.raises(ProviderMisconfigured, match="`from_address` is missing"):
            environment.provider(channel_id("email"))
        with pytest.raises(KeyError):
            environment.provider(channel_id("pigeon-post"))


def test_environments_do_not_see_each_others_variables(engine: Engine, mail: MailServer) -> None:
    with resources.configuration() as tx:
        tx.run(text("update environments set variables = jsonb_build_object('site', slug)"))
    engine.publish("hello", [email_step(subject="{{ vars.site }}")])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    with resources.configuration() as tx:
        tx.run(text("update environments set variables = '{}'"))
    assert mail.subjects() == ["development"]
    assert environment_id("production") != DEVELOPMENT


def test_a_changed_sender_is_used_by_the_next_step(engine: Engine, mail: MailServer) -> None:
    engine.publish("hello", [email_step()])
    for sender in ("One <one@doorbell.test>", "Two <two@doorbell.test>"):
        set_mail_channel(host="127.0.0.1", port=mail.port, security="none", from_address=sender)
        engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
        engine.drain()
    assert [str(each["From"]) for each in mail.messages] == ["One <one@doorbell.test>", "Two <two@doorbell.test>"]
