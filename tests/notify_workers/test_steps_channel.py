"""Channel steps from the trigger to the mail server: preferences, send windows, groups, overrides, lookups."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from notify_workers import resources
from notify_workers.ids import channel_id
from notify_workers.store import environments
from notify_workers.store import resources as rows
from notify_workers.store.environments import set_channel
from notify_workers.store.recipients import identify
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine, delay_step, email_step
from tests.mail_server import MailServer
from tests.notify_workers.language import JANE, details, equals, function_step, send
from workflows.recipients import TENANTS, Identity, Reference

EMAIL = str(channel_id("email"))
OFF = {"channel_types": {"email": False}}


def prefer(engine: Engine, user: str = "jane", **sets: Any) -> None:
    """The recipient's own sets, by id."""
    with transaction() as tx:
        identify(tx, [(DEVELOPMENT, Identity(Reference("$users", user), preferences=sets))])


@pytest.fixture
def invite(engine: Engine) -> Engine:
    engine.publish("invite", [email_step()], categories=["social", "team"])
    return engine


# Preferences


@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        ({"channel_types": {"email": False}}, "channel_types.email"),
        ({"channels": {EMAIL: False}, "channel_types": {"email": True}}, f"channels.{EMAIL}"),
        ({"workflows": {"invite": False}}, "workflows.invite"),
        ({"workflows": {"invite": {"channel_types": {"email": False}}}}, "workflows.invite.channel_types.email"),
        ({"categories": {"team": False, "social": True}}, "categories.team"),
    ],
)
def test_who_has_opted_out_gets_nothing_and_the_log_says_why(
    chosen: dict[str, Any], rule: str, invite: Engine, mail: MailServer
) -> None:
    prefer(invite, default=chosen)
    send(invite, "invite")
    assert (mail.messages, invite.statuses()) == ([], {"completed": 1})
    (decision,) = details(invite, "preferences_evaluated")
    assert (decision["allowed"], decision["rule"], decision["layer"]) == (False, rule, "recipient")


def test_preferences_that_come_with_the_trigger_count_at_once(invite: Engine, mail: MailServer) -> None:
    send(invite, "invite", {**JANE, "preferences": {"default": OFF}})
    send(invite, "invite")
    assert mail.messages == []


def test_conditions_of_a_preference_see_the_run(invite: Engine, mail: MailServer) -> None:
    loud = {"conditions": [{"variable": "data.loud", "operator": "equal_to", "argument": "true"}]}
    prefer(invite, default={"workflows": {"invite": loud}})
    send(invite, "invite", data={"loud": False})
    assert mail.messages == []
    send(invite, "invite", data={"loud": True})
    assert len(mail.messages) == 1


def test_a_tenants_sets_go_before_the_recipients_default(invite: Engine, mail: MailServer) -> None:
    prefer(invite, default=OFF, acme={"channel_types": {"email": True}})
    send(invite, "invite")
    send(invite, "invite", tenant="umbrella")
    assert mail.messages == []
    send(invite, "invite", tenant="acme")
    assert len(mail.messages) == 1


def test_a_tenants_default_counts_for_its_recipients(invite: Engine, mail: MailServer) -> None:
    with transaction() as tx:
        tenant = Identity(Reference(TENANTS, "acme"), {"settings": {"preference_set": OFF}})
        identify(tx, [(DEVELOPMENT, tenant)])
    send(invite, "invite", tenant="acme")
    assert mail.messages == []
    send(invite, "invite")
    assert len(mail.messages) == 1


def test_the_environments_default_counts_for_everybody(invite: Engine, mail: MailServer) -> None:
    with resources.configuration() as tx:
        environments.set_default_preferences(tx, DEVELOPMENT, OFF)
    try:
        send(invite, "invite")
        assert mail.messages == []
        send(invite, "invite", {**JANE, "preferences": {"default": {"channel_types": {"email": True}}}})
        assert len(mail.messages) == 1
    finally:
        with resources.configuration() as tx:
            environments.set_default_preferences(tx, DEVELOPMENT, {})


def test_a_workflow_may_override_preferences(engine: Engine, mail: MailServer) -> None:
    engine.publish("invite", [email_step()], settings={"override_preferences": True})
    prefer(engine, default=OFF)
    send(engine, "invite")
    assert len(mail.messages) == 1


def test_who_has_unsubscribed_gets_no_commercial_messages_in_any_tenant(engine: Engine, mail: MailServer) -> None:
    engine.publish("news", [email_step()], settings={"is_commercial": True})
    engine.publish("receipt", [email_step(subject="Receipt")])
    prefer(engine, default={"commercial_subscribed": False}, acme={"commercial_subscribed": True})
    for workflow in ("news", "receipt"):
        send(engine, workflow, tenant="acme")
    assert mail.subjects() == ["Receipt"]


def test_preferences_are_read_when_the_step_is_executed(engine: Engine, mail: MailServer) -> None:
    engine.publish("invite", [delay_step(), email_step()])
    send(engine, "invite")
    prefer(engine, default=OFF)
    engine.advance(days=3)
    assert mail.messages == []


def test_templates_see_the_preferences_that_apply(engine: Engine, mail: MailServer) -> None:
    engine.publish("invite", [email_step(subject="{{ recipient.preferences.categories.a }}")])
    prefer(engine, default={"categories": {"a": True}}, acme={"categories": {"a": False}})
    send(engine, "invite")
    send(engine, "invite", tenant="acme")
    assert mail.subjects() == ["true", "false"]


def test_after_a_batch_a_preferences_conditions_see_its_first_activity(engine: Engine, mail: MailServer) -> None:
    batch = function_step("batch", batch_window={"unit": "minutes", "value": 5})
    loud = {"conditions": [{"variable": "data.loud", "operator": "equal_to", "argument": "true"}]}
    engine.publish("invite", [batch, email_step(subject="{{ total_activities }}")])
    prefer(engine, default={"workflows": {"invite": loud}})
    for is_loud in (True, False):
        send(engine, "invite", data={"loud": is_loud})
    engine.advance(minutes=5)
    assert mail.subjects() == ["2"]


# Send windows

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def opening_in(engine: Engine, hours: int) -> tuple[list[dict[str, Any]], datetime]:
    """Windows of one hour each day, of which the next one opens in about so many hours; and that moment."""
    now = engine.one("select engine_now() as now").now
    opens = (now + timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
    until = opens + timedelta(minutes=59)
    hour = {"type": "send", "from": f"{opens:%H:%M:%S}", "until": f"{until:%H:%M:%S}"}
    return [{"day": day, **hour} for day in DAYS], opens


def test_outside_of_its_window_a_message_waits_and_the_run_does_not(engine: Engine, mail: MailServer) -> None:
    windows, opens = opening_in(engine, 5)
    engine.publish("invite", [{**email_step("a"), "send_windows": windows}, email_step("b")])
    send(engine, "invite")
    assert (mail.subjects(), engine.statuses()) == (["Subject of b"], {"completed": 1})
    message = engine.one("select status, scheduled_at from messages where step_ref = 'a'")
    assert message == ("queued", opens)
    left = (opens - engine.one("select engine_now() as now").now).total_seconds()
    engine.advance(seconds=left - 60)
    assert len(mail.messages) == 1
    engine.advance(seconds=61)
    assert mail.subjects() == ["Subject of b", "Subject of a"]


def test_a_message_that_waits_for_its_window_can_be_cancelled(engine: Engine, mail: MailServer) -> None:
    windows, _ = opening_in(engine, 5)
    engine.publish("invite", [{**email_step(), "send_windows": windows}])
    send(engine, "invite", cancellation_key="k")
    assert engine.cancel("invite", "k") == 1
    engine.advance(hours=6)
    assert (mail.messages, engine.one("select status from messages").status) == ([], "not_sent")
    assert engine.count("due") == 0


def test_the_recipients_zone_decides(engine: Engine) -> None:
    windows, opens = opening_in(engine, 5)
    engine.publish("invite", [{**email_step(), "send_windows": windows}])
    send(engine, "invite", {**JANE, "timezone": "Etc/GMT-1"})
    assert engine.one("select scheduled_at from messages").scheduled_at == opens - timedelta(hours=1)


def test_a_sandboxed_message_waits_for_no_window(engine: Engine) -> None:
    windows, _ = opening_in(engine, 5)
    engine.publish("invite", [{**email_step(), "send_windows": windows}])
    send(engine, "invite", settings={"sandbox_mode": True})
    assert (engine.one("select status from messages").status, engine.count("due")) == ("not_sent", 0)


# Groups and overrides


def publish_group(engine: Engine, mail: MailServer, operator: str, *rules: dict[str, Any]) -> None:
    settings = {"host": "127.0.0.1", "port": mail.port, "security": "none"}
    document = {
        "key": "mails",
        "name": "Mails",
        "channel_type": "email",
        "operator": operator,
        "channel_rules": list(rules),
    }
    with resources.configuration() as tx:
        for key in ("first", "second"):
            sender = {"from_address": f"{key}@doorbell.test"}
            set_channel(tx, DEVELOPMENT, key, name=key, type="email", provider="smtp", settings={**settings, **sender})
        rows.publish(tx, DEVELOPMENT, rows.CHANNEL_GROUP, "mails", document, "sha")
    step = {**email_step(), "channel_group_key": "mails"}
    del step["channel_key"]
    engine.publish("invite", [step])


PRO = {"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"}


@pytest.mark.parametrize(
    ("operator", "plan", "senders"),
    [
        ("any", "pro", ["first"]),
        ("any", "free", ["second"]),
        ("all", "pro", ["first", "second"]),
        ("all", "free", ["second"]),
    ],
)
def test_a_group_chooses_the_channels(
    operator: str, plan: str, senders: list[str], engine: Engine, mail: MailServer
) -> None:
    rules = ({"channel_key": "first", "rule_type": "if", **PRO}, {"channel_key": "second", "rule_type": "always"})
    publish_group(engine, mail, operator, *rules)
    send(engine, "invite", {**JANE, "plan": plan})
    assert [str(each["From"]).partition("@")[0] for each in mail.messages] == senders
    assert engine.count("messages") == len(senders)


def test_a_step_writes_its_own_addresses(engine: Engine, mail: MailServer) -> None:
    overrides = {
        "to_address": "{{ data.to }}",
        "cc_address": "cc@example.com",
        "reply_to_address": "{{ actor.email }}",
        "from_address": "team@doorbell.test",
        "from_name": "The team of {{ tenant.id }}",
    }
    engine.publish("invite", [{**email_step(), "channel_overrides": overrides}])
    actor = {"id": "ann", "email": "ann@example.com"}
    send(engine, "invite", {"id": "jane"}, actor=actor, tenant="acme", data={"to": "to@example.com"})
    (message,) = mail.messages
    assert (message["To"], message["Cc"], message["Reply-To"]) == (
        "to@example.com",
        "cc@example.com",
        "ann@example.com",
    )
    assert "team@doorbell.test" in message["From"]
    assert "The team of acme" in message["From"]


# What templates look up


def test_templates_look_up_users_objects_and_tenants(engine: Engine, mail: MailServer) -> None:
    subject = (
        '{% assign u = data.user | user %}{% assign o = "p1" | object: "projects" %}{% assign t = "acme" | tenant %}'
        '{% assign nobody = "nobody" | user %}{{ u.name }}|{{ o.name }}|{{ t.name }}|{{ nobody.name }}|'
    )
    known = (("$users", "ann", "Ann"), ("projects", "p1", "Project"), (TENANTS, "acme", "Acme"))
    with transaction() as tx:
        for collection, identifier, name in known:
            identify(tx, [(DEVELOPMENT, Identity(Reference(collection, identifier), {"name": name}))])
    engine.publish("invite", [email_step(subject=subject)])
    send(engine, "invite", data={"user": "ann"})
    assert mail.subjects() == ["Ann|Project|Acme||"]


def test_conditions_and_function_steps_look_entities_up_too(engine: Engine, mail: MailServer) -> None:
    engine.identify("ann", plan="pro")
    update = function_step("update_data", data='{% assign a = "ann" | user %}{"plan": {{ a.plan | json }}}')
    argument = '{% assign a = "ann" | user %}{{ a.plan }}'
    engine.publish(
        "invite", [update, {**email_step(subject="{{ plan }}"), "conditions": equals("data.plan", argument)}]
    )
    send(engine, "invite")
    assert mail.subjects() == ["pro"]


# Versions


def test_a_changed_workflow_never_changes_what_a_paused_run_sends(engine: Engine, mail: MailServer) -> None:
    engine.publish(
        "invite", [delay_step(), email_step(subject="old"), delay_step("delay_2"), email_step("b", subject="old b")]
    )
    send(engine, "invite")
    engine.publish("invite", [email_step(subject="new")])
    engine.advance(days=3)
    engine.publish("invite", [delay_step(), email_step(subject="newest")], conditions=equals("data.n", "1"))
    engine.advance(days=3)
    assert mail.subjects() == ["old", "old b"]
    send(engine, "invite", data={"n": 1})
    engine.advance(days=3)
    assert mail.subjects() == ["old", "old b", "newest"]


def test_a_failing_template_leaves_no_message_of_the_same_step(engine: Engine, mail: MailServer) -> None:
    rules = ({"channel_key": "first", "rule_type": "always"}, {"channel_key": "second", "rule_type": "always"})
    publish_group(engine, mail, "all", *rules)
    step = {**email_step(subject="{{ 1 | divided_by: recipient.n }}"), "channel_group_key": "mails"}
    del step["channel_key"]
    engine.publish("invite", [step])
    send(engine, "invite", {**JANE, "n": 0})
    assert (engine.count("messages"), mail.messages) == (0, [])
    engine.identify("jane", n=1)
    engine.advance(seconds=2)
    engine.release()
    assert mail.subjects() == ["1", "1"]


def test_a_template_knows_the_message_that_it_is_rendered_for(engine: Engine, mail: MailServer) -> None:
    engine.publish("named", [email_step(subject="{{ current_message.id }}")])
    engine.trigger("named", [{"id": "jane", "email": "jane@example.com"}])
    engine.drain()
    assert mail.subjects() == [engine.one("select id from messages").id]
