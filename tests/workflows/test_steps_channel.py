from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.conditions import Condition, Group
from workflows.effects import Enqueue, LookUp, MessageStatuses
from workflows.errors import StepFailed, TemplateError
from workflows.model import ChannelStep, Overrides, SendWindow, Workflow
from workflows.outcomes import Continue, Halt, Skip
from workflows.program import Program
from workflows.scope import ChannelView, Preferences, Scope, StepContext
from workflows.templates import PushTemplate

MakeStep = Callable[..., ChannelStep]
MakeScope = Callable[..., Scope]
MakeContext = Callable[..., StepContext]

NEVER = Group("all", (Condition("data.missing", "equal_to", "1"),))


def test_a_channel_step_enqueues_one_message_and_goes_on(make_email_step: MakeStep, make_context: MakeContext) -> None:
    played = play(make_email_step(html_body="<p>é</p>"), make_context())
    assert played.outcome == Continue("1 message was created: message_1")
    message = played.only(Enqueue)
    assert (message.channel_key, message.scheduled_at) == ("email", None)
    assert message.recipient_snapshot == {"email": "jane@example.com", "name": "Jane"}
    assert played.events == ["address_resolved", "rendered"]


def test_nothing_that_was_rendered_reaches_the_run_log(
    make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = make_email_step(subject="{{ secret }}", html_body="{{ secret }}", text_body="{{ secret }}")
    played = play(step, make_context(scope=make_scope(data={"secret": "s3cret"})))
    assert "s3cret" not in repr([effect for effect in played.effects if not isinstance(effect, Enqueue)])


def test_a_channel_that_is_not_configured_skips_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    played = play(make_email_step(html_body="{{ never compiled"), make_context(channels={}))
    assert played.outcome == Skip("channel `email` is not configured in this environment")
    assert played.effects == []


def test_a_channel_of_another_type_skips_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    context = make_context(channels={"email": ChannelView("ch_1", "email", "sms", "twilio")})
    assert play(make_email_step(), context).outcome == Skip("channel `email` is of type sms, the step needs email")


@pytest.mark.parametrize("email", [None, "", "a@example.com, b@example.com", 7])
def test_a_recipient_without_one_address_skips_the_step(
    email: Any, make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    played = play(make_email_step(), make_context(scope=make_scope(recipient={"id": "jane", "email": email})))
    assert isinstance(played.outcome, Skip)
    assert played.effects == []


def test_a_to_address_stands_in_for_the_recipients_own(
    make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = make_email_step(Overrides(to_address="{{ data.to }}"))
    scope = make_scope(recipient={"id": "jane"}, data={"to": "a@example.com"})
    message = play(step, make_context(scope=scope)).only(Enqueue)
    assert "a@example.com" in repr(message.content.as_json()["to"])
    assert message.recipient_snapshot == {"email": None, "name": None}


def test_a_template_that_does_not_render_fails_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    with pytest.raises(TemplateError, match=r"email_1/html_body\.html, line 2, column 10: divided_by"):
        play(make_email_step(html_body="<p>\n  {{ 1 | divided_by: 0 }}\n</p>"), make_context())


def test_a_missing_layout_fails_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    with pytest.raises(StepFailed, match="`gone`, which does not exist"):
        play(make_email_step(layout_key="gone"), make_context())


def test_each_address_gets_a_message_of_its_own(make_context: MakeContext) -> None:
    step = ChannelStep(
        ref="push_1", type="channel", channel_type="push", channel_key="push", template=PushTemplate("T", "B")
    )
    context = make_context(
        channels={"push": ChannelView("ch_2", "push", "push", "sandbox")},
        channel_data={"ch_2": {"tokens": ["token-1", "token-2"]}},
    )
    played = play(step, context)
    assert played.outcome == Continue("2 messages were created: message_1, message_2")
    tokens = {message.content.as_json()["token"] for message in played.asked(Enqueue)}
    assert tokens == {"token-1", "token-2"}


# In the contract's order: conditions, the recipient's data, preferences, send windows, templates


def test_what_is_not_sent_is_not_rendered(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = make_email_step(html_body="{{ 1 | divided_by: 0 }}")
    opted_out = Preferences(recipient={"channel_types": {"email": False}})
    played = play(step, make_context(preferences=opted_out))
    assert isinstance(played.outcome, Skip)
    assert played.events == ["address_resolved", "preferences_evaluated"]


def test_conditions_that_are_not_met_skip_the_step_before_all_else(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    played = play(replace(make_email_step(), conditions=NEVER), make_context(channels={}))
    assert played.outcome == Skip("the step's conditions are not met")
    assert played.detail("conditions_evaluated")["evaluations"][0]["value"] is None


def test_in_the_sandbox_a_channel_steps_conditions_are_not_looked_at(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    played = play(replace(make_email_step(), conditions=NEVER), make_context(sandbox_mode=True))
    assert isinstance(played.outcome, Continue)
    assert "conditions_evaluated" not in played.events


def test_outside_of_its_windows_a_message_is_scheduled(
    make_email_step: MakeStep, make_context: MakeContext, now: datetime
) -> None:
    windows = tuple(SendWindow(day, sends=True, opens=time(9)) for day in range(7))
    step = replace(make_email_step(), send_windows=windows)
    played = play(step, make_context(timezone="America/New_York"))
    assert played.only(Enqueue).scheduled_at == datetime.fromisoformat("2026-03-02T14:00:00+00:00")
    assert played.detail("outside_send_window")["timezone"] == "America/New_York"
    assert play(step, make_context(timezone="Europe/Berlin")).only(Enqueue).scheduled_at is None


def test_windows_that_never_open_skip_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = replace(make_email_step(), send_windows=tuple(SendWindow(day, sends=False) for day in range(7)))
    assert play(step, make_context()).outcome == Skip("no day of the week has a send window")


# Channel groups

MAILS = {key: ChannelView(f"ch_{key}", key, "email", "smtp") for key in ("one", "two", "three")}


def grouped(step: ChannelStep) -> ChannelStep:
    return replace(step, channel_key=None, channel_group_key="mails")


def group(operator: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {
        "mails": {
            "key": "mails",
            "name": "Mails",
            "channel_type": "email",
            "operator": operator,
            "channel_rules": list(rules),
        }
    }


def rule(key: str, plan: str | None = None, rule_type: str = "if") -> dict[str, Any]:
    if plan is None:
        return {"channel_key": key, "rule_type": "always"}
    condition = {"variable": "data.plan", "operator": "equal_to", "argument": plan}
    return {"channel_key": key, "rule_type": rule_type, **condition}


@pytest.mark.parametrize(("operator", "keys"), [("any", ["two"]), ("all", ["two", "three"])])
def test_a_group_sends_through_the_first_or_through_every_channel_whose_rule_applies(
    operator: str, keys: list[str], make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    groups = group(operator, rule("one", "free"), rule("two", "pro"), rule("three", "free", "unless"))
    context = make_context(channels=MAILS, groups=groups, scope=make_scope(data={"plan": "pro"}))
    played = play(grouped(make_email_step()), context)
    assert [message.channel_key for message in played.asked(Enqueue)] == keys
    assert played.detail("channel_group_resolved")["channels"] == keys


def test_a_group_without_a_rule_that_applies_skips_the_step(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    context = make_context(channels=MAILS, groups=group("any", rule("one", "free")))
    assert play(grouped(make_email_step()), context).outcome == Skip("no rule of channel group `mails` applies")


def test_a_group_that_does_not_exist_skips_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    outcome = play(grouped(make_email_step()), make_context()).outcome
    assert outcome == Skip("channel group `mails` does not exist in this environment")


def test_of_a_groups_channels_only_those_configured_send(make_email_step: MakeStep, make_context: MakeContext) -> None:
    context = make_context(channels={"two": MAILS["two"]}, groups=group("all", rule("one"), rule("two")))
    played = play(grouped(make_email_step()), context)
    assert [message.channel_key for message in played.asked(Enqueue)] == ["two"]


def test_a_preference_for_one_channel_of_a_group_leaves_the_others(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    opted_out = Preferences(recipient={"channels": {"ch_one": False}})
    context = make_context(channels=MAILS, groups=group("all", rule("one"), rule("two")), preferences=opted_out)
    played = play(grouped(make_email_step()), context)
    assert [message.channel_key for message in played.asked(Enqueue)] == ["two"]


# Before the first step, and while rendering


@pytest.mark.parametrize(("is_first", "outcome"), [(True, Halt), (False, Continue)])
def test_the_workflows_conditions_are_looked_at_before_its_first_step_alone(
    is_first: bool, outcome: type, make_email_step: MakeStep, make_context: MakeContext
) -> None:
    step = make_email_step()
    program = Program(Workflow("welcome", "Welcome", (step,), conditions=NEVER))
    assert type(play(step, make_context(program=program, is_first=is_first)).outcome) is outcome


def test_entities_are_looked_up_once_for_all_templates_of_a_step(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    step = make_email_step(
        subject='{% assign a = "ann" | user %}{{ a.name }}',
        html_body='{% assign a = "ann" | user %}{% assign b = "bob" | user %}<p>{{ a.name }} {{ b.name }}</p>',
    )
    played = play(step, make_context(), {LookUp: lambda asked: {"id": asked.id, "name": asked.id.title()}})
    assert [asked.id for asked in played.asked(LookUp)] == ["ann", "bob"]
    content = played.only(Enqueue).content.as_json()
    assert content["subject"] == "Ann"
    assert "Ann Bob" in content["html"]


def test_statuses_are_asked_for_only_where_conditions_read_them(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    unread = Group("all", (Condition("refs.feed_1.engagement_status", "not_contains", "$message.read"),))
    played = play(replace(make_email_step(), conditions=unread), make_context(), {MessageStatuses: {"feed_1": ()}})
    assert played.only(MessageStatuses).refs == {"feed_1"}
    assert isinstance(played.outcome, Continue)
    assert play(make_email_step(), make_context()).asked(MessageStatuses) == []
