"""Nothing is handed to a provider that a sandbox or an allow-list forbids, whenever it was forbidden."""

from __future__ import annotations

from typing import Any

import pytest

from notify_workers import channels, environments
from notify_workers.errors import NotFound
from tests.channels import step
from tests.engine import DEVELOPMENT, Engine, email_step
from tests.mail_server import MailServer

JANE = {"id": "jane", "email": "jane@acme.com", "name": "Jane"}
SANDBOXED = "the channel is in sandbox mode"


def send(engine: Engine, **recipient: Any) -> None:
    engine.publish("hello", [email_step()])
    engine.trigger("hello", [{**JANE, **recipient}])
    engine.drain()


def told(engine: Engine) -> list[tuple[str, Any]]:
    return [tuple(row) for row in engine.rows("select type, data from message_events order by number")]


def reasons(engine: Engine) -> list[str]:
    found = [each for row in engine.rows("select entries from run_log order by number") for each in row.entries]
    return [each["data"]["reason"] for each in found if each["event"] == "message_withheld"]


def test_a_channel_in_the_sandbox_makes_messages_and_sends_none(engine: Engine, mail: MailServer) -> None:
    channels.switch(DEVELOPMENT, "email", {"sandbox": True})
    send(engine)
    assert (mail.connections, engine.count("delivery_attempts"), engine.count("due")) == (0, 0, 0)
    assert told(engine) == [("message.created", None), ("message.not_sent", {"reason": SANDBOXED})]
    assert reasons(engine) == [SANDBOXED]
    assert engine.one("select status, content ->> 'to' as went from messages") == ("not_sent", "jane@acme.com")
    assert engine.statuses() == {"completed": 1}


def test_other_channels_and_environments_are_not_in_it(engine: Engine, mail: MailServer) -> None:
    channels.switch(DEVELOPMENT, "sms", {"sandbox": True})
    send(engine)
    assert len(mail.messages) == 1
    rows = engine.rows("select key from channels where sandbox")
    assert [row.key for row in rows] == ["sms"]


def test_out_of_the_sandbox_a_channel_sends_what_comes_next_and_nothing_of_before(
    engine: Engine, mail: MailServer
) -> None:
    channels.switch(DEVELOPMENT, "email", {"sandbox": True})
    send(engine)
    channels.switch(DEVELOPMENT, "email", {"sandbox": False})
    send(engine)
    engine.advance(hours=1)
    assert len(mail.messages) == 1


def test_a_message_that_waits_when_the_channel_goes_into_the_sandbox_is_not_sent(
    engine: Engine, mail: MailServer
) -> None:
    mail.answer_to_data = lambda _: "451 4.3.0 later"
    send(engine)
    mail.reset()
    channels.switch(DEVELOPMENT, "email", {"sandbox": True})
    engine.advance(hours=1)
    assert mail.connections == 0
    assert told(engine)[-1] == ("message.not_sent", {"reason": SANDBOXED})
    assert engine.one("select outcome from delivery_attempts order by attempt desc limit 1").outcome == "withheld"
    assert engine.count("due") == 0


def test_configuring_a_channel_anew_leaves_it_in_the_sandbox(engine: Engine, mail: MailServer) -> None:
    channels.switch(DEVELOPMENT, "email", {"sandbox": True})
    settings = {"host": "127.0.0.1", "port": str(mail.port), "security": "none", "from_address": "a@b.test"}
    channels.set_channel(DEVELOPMENT, "email", provider="smtp", name="Mail", settings=settings)
    assert engine.one("select sandbox from channels where environment_id = :e and key = 'email'", e=DEVELOPMENT).sandbox
    channels.set_channel(
        DEVELOPMENT, "email", provider="smtp", name="Mail", settings=settings, switches={"sandbox": False}
    )
    send(engine)
    assert len(mail.messages) == 1


def test_there_is_no_sandbox_for_a_channel_that_is_none(engine: Engine) -> None:
    with pytest.raises(NotFound, match="no channel `pigeon`"):
        channels.switch(DEVELOPMENT, "pigeon", {"sandbox": True})


def test_a_feed_in_the_sandbox_shows_nothing(engine: Engine) -> None:
    channels.switch(DEVELOPMENT, "in-app-feed", {"sandbox": True})
    engine.publish("hello", [step("in_app_feed")])
    engine.trigger("hello", [JANE])
    engine.drain()
    assert (engine.count("feed_entries"), engine.one("select status from messages").status) == (0, "not_sent")


def test_an_allow_list_lets_its_own_through_and_nobody_else(engine: Engine, mail: MailServer) -> None:
    environments.set_recipient_allow_list(DEVELOPMENT, ["*@example.com", "user:jane"])
    send(engine)
    send(engine, id="bob", email="bob@acme.com")
    assert [each["To"] for each in mail.messages] == ["jane@acme.com"]
    reason = "bob@acme.com is not on this environment's allow-list"
    assert reasons(engine) == [reason]
    assert told(engine)[-1] == ("message.not_sent", {"reason": reason})


def test_without_a_list_everybody_is_sent_to_and_with_an_empty_one_nobody(engine: Engine, mail: MailServer) -> None:
    environments.set_recipient_allow_list(DEVELOPMENT, [])
    send(engine)
    environments.set_recipient_allow_list(DEVELOPMENT, None)
    send(engine)
    assert len(mail.messages) == 1


def test_the_list_is_asked_again_before_each_attempt(engine: Engine, mail: MailServer) -> None:
    mail.answer_to_data = lambda _: "451 4.3.0 later"
    send(engine)
    mail.reset()
    environments.set_recipient_allow_list(DEVELOPMENT, ["*@example.com"])
    engine.advance(hours=1)
    assert mail.connections == 0
    assert told(engine)[-1][1] == {"reason": "jane@acme.com is not on this environment's allow-list"}


def test_a_recipient_whose_address_has_changed_meanwhile_is_somebody_else(engine: Engine, mail: MailServer) -> None:
    environments.set_recipient_allow_list(DEVELOPMENT, ["user:jane"])
    mail.answer_to_data = lambda _: "451 4.3.0 later"
    send(engine)
    mail.reset()
    engine.identify("jane", email="jane@elsewhere.test")
    engine.advance(hours=1)
    assert mail.messages == []


def test_feeds_show_theirs_to_everybody(engine: Engine) -> None:
    environments.set_recipient_allow_list(DEVELOPMENT, [])
    engine.publish("hello", [step("in_app_feed")])
    engine.trigger("hello", [JANE])
    engine.drain()
    assert engine.one("select status from messages").status == "delivered"
