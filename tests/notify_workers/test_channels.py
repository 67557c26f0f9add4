from __future__ import annotations

import pytest

from notify_workers.channels import set_channel
from notify_workers.providers import ProviderMisconfigured
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer


def set_mail_channel(**settings: str) -> None:
    set_channel(DEVELOPMENT, "email", provider="smtp", name="Mail", settings=settings)


def test_a_channel_is_configured_with_what_people_write(engine: Engine, mail: MailServer) -> None:
    set_mail_channel(host="127.0.0.1", port=str(mail.port), security="none", from_address="New <new@doorbell.test>")
    engine.publish("hello", [email_step()])
    engine.trigger("hello", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert [str(each["From"]) for each in mail.messages] == ["New <new@doorbell.test>"]
    row = engine.one(
        "select type, provider, settings -> 'port' as port from channels where environment_id = :env and key = 'email'",
        env=DEVELOPMENT,
    )
    assert tuple(row) == ("email", "smtp", mail.port)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "`host` is missing; `from_address` is missing"),
        ({"host": "h", "from_address": "a@b.test", "colour": "red"}, "`colour` is not a setting of smtp"),
        ({"host": "h", "from_address": "a@b.test", "port": "http"}, "`port`: "),
        (
            {"host": "h", "from_address": "a@b.test", "security": "ssl"},
            "`security` of smtp must be none, starttls or tls",
        ),
    ],
)
def test_settings_that_are_wrong_are_named_and_change_nothing(wrong: dict[str, str], told: str, engine: Engine) -> None:
    before = engine.rows("select settings from channels order by environment_id")
    with pytest.raises(ProviderMisconfigured, match=told):
        set_mail_channel(**wrong)
    assert engine.rows("select settings from channels order by environment_id") == before


def test_an_unknown_provider_is_told(engine: Engine) -> None:
    with pytest.raises(ProviderMisconfigured, match="no provider `pigeon`"):
        set_channel(DEVELOPMENT, "loft", provider="pigeon", name="Loft", settings={})
