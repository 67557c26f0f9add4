"""The resources that come with Doorbell."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

import workflows
from workflows.content import Email
from workflows.email.text_part import html_to_text
from workflows.files import read_library
from workflows.model import AnyStep, ChannelStep, ChannelType, DelayStep, Duration
from workflows.parse import parse_layout, parse_partial, parse_workflow
from workflows.program import Program
from workflows.scope import ChannelView, Scope, StepContext
from workflows.templates import Resources

ROOT = Path(workflows.__file__).parent / "library"
GUEST = {"id": "guest@example.com", "email": "guest@example.com", "name": "Unknown"}
LINK = "http://127.0.0.1:3000/invites/tok_1"


CHANNEL = ChannelView("ch_1", "email", "email", "smtp")


@cache
def resources() -> Resources:
    library = read_library(ROOT)
    return Resources(
        layouts={key: parse_layout(key, document) for key, document in library.layouts.items()},
        partials={key: parse_partial(key, document) for key, document in library.partials.items()},
    )


@pytest.fixture
def program() -> Program:
    return Program(parse_workflow("account-invite", read_library(ROOT).workflows["account-invite"]), resources())


def render(program: Program, ref: str, now: datetime, **scope: Any) -> Email:
    step = program.workflow.step(ref)
    assert isinstance(step, ChannelStep)
    fields = {"data": {"inviteToken": "tok_1"}, "recipient": GUEST, **scope}
    context = StepContext(Scope(**fields), now, {"email": CHANNEL}, program)
    content = program.content(step).render(context, CHANNEL, GUEST["email"])
    assert isinstance(content, Email)
    return content


def test_no_python_lies_in_the_library() -> None:
    assert list(ROOT.rglob("*.py")) == []


@pytest.mark.parametrize("key", sorted(read_library(ROOT).workflows))
def test_every_workflow_parses_and_every_template_compiles(key: str) -> None:
    program = Program(parse_workflow(key, read_library(ROOT).workflows[key]), resources())
    compiled = [program.content(step) for step in program.workflow if isinstance(step, ChannelStep)]
    assert compiled


def test_every_type_of_step_and_channel_is_shown_in_the_library() -> None:
    steps = [step for key, source in read_library(ROOT).workflows.items() for step in parse_workflow(key, source)]
    assert {type(step) for step in steps} == set(get_args(AnyStep))
    channels = {step.channel_type for step in steps if isinstance(step, ChannelStep)}
    assert channels == set(get_args(ChannelType)) - {"in_app_guide"}


def test_an_invitation_is_followed_by_a_reminder_after_three_days(program: Program) -> None:
    assert [step.ref for step in program.workflow] == ["email_1", "delay_1", "email_2"]
    assert program.workflow.step("delay_1") == DelayStep(
        ref="delay_1", type="delay", name="Three days", delay_for=Duration(3, "days")
    )


def test_the_invitation_greets_names_the_inviter_and_links_to_the_invite(program: Program, now: datetime) -> None:
    email = render(program, "email_1", now, actor={"name": "Ann Lee"})
    assert email.subject == "Ann Lee has invited you"
    assert email.text == (
        "Hi Unknown,\n\nAnn Lee has invited you to join them. It only takes a minute to set up your account.\n\n"
        f"Accept the invitation ({LINK})\n\nIf the button does not work, open this address: {LINK}\n\n"
        "If you were not expecting this e-mail, you can ignore it."
    )
    assert email.html.count(f'href="{LINK}"') == 2


def test_the_invitation_reads_well_without_an_inviter(program: Program, now: datetime) -> None:
    email = render(program, "email_1", now)
    assert email.subject == "You have been invited"
    assert "You have been invited to join. It only takes" in email.text


def test_the_reminder_links_to_the_application_of_the_environment(program: Program, now: datetime) -> None:
    email = render(program, "email_2", now, vars={"app_url": "https://app.example.com"})
    assert email.subject == "Reminder: your invitation is waiting"
    assert "Accept the invitation (https://app.example.com/invites/tok_1)" in email.text
    assert ">Your invitation is still waiting for you.</div>" in email.html


@pytest.mark.parametrize("ref", ["email_1", "email_2"])
def test_names_are_escaped_in_html(ref: str, program: Program, now: datetime) -> None:
    email = render(program, ref, now, actor={"name": "<script>x</script>"}, recipient={**GUEST, "name": "<b>"})
    assert "<script>" not in email.html
    assert "Hi &lt;b&gt;," in email.html


def test_the_default_layout_is_a_whole_document_with_its_footer(program: Program, now: datetime) -> None:
    source = {
        **read_library(ROOT).layouts["default"],
        "footer_links": [{"text": "Help", "url": "https://example.com/h"}],
    }
    own = Program(program.workflow, Resources(layouts={"default": parse_layout("default", source)}))
    rendered = render(own, "email_1", now)
    assert rendered.html.startswith("<!doctype html>")
    assert rendered.html.endswith("</html>\n")
    assert rendered.text.endswith("\n\n--\nHelp: https://example.com/h")
    assert html_to_text(rendered.html).rstrip().endswith("Help (https://example.com/h)")
