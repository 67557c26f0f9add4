from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from workflows.content import Email
from workflows.email.render import compile_email
from workflows.errors import TemplateError
from workflows.model import EmailOverrides, EmailStep, HtmlBlock, Layout, MarkdownBlock
from workflows.scope import Scope

MakeStep = Callable[..., EmailStep]
MakeScope = Callable[..., Scope]
LAYOUT = Layout(
    "default", "Default", "<html>{{ preview_text }}|{{ content }}</html>", "{{ preview_text }}|{{ content }}"
)


def test_a_plain_step_becomes_an_email(make_email_step: MakeStep, make_scope: MakeScope, now: datetime) -> None:
    step = make_email_step(subject="Hi {{ recipient.name }}", html_body="<p>{{ page_name }}</p>")
    email = compile_email(step, None).render(make_scope(data={"page_name": "Tom & Jerry"}), now)
    assert email == Email(to="jane@example.com", subject="Hi Jane", html="<p>Tom &amp; Jerry</p>", text="Tom & Jerry")


def test_every_override_is_rendered(make_email_step: MakeStep, make_scope: MakeScope, now: datetime) -> None:
    overrides = EmailOverrides(
        to_address="{{ data.to }}",
        from_address="{{ tenant.id }}@example.com",
        from_name="{{ tenant.name }}",
        cc_address="cc@example.com, {{ data.to }}",
        bcc_address="bcc@example.com",
        reply_to_address="{{ nothing }}",
    )
    scope = make_scope(data={"to": "ann@example.com"}, tenant={"id": "acme", "name": "Acme, Inc."})
    email = compile_email(make_email_step(overrides), None).render(scope, now)
    assert email.to == "ann@example.com"
    assert email.sender == '"Acme, Inc." <acme@example.com>'
    assert (email.cc, email.bcc, email.reply_to) == ("cc@example.com, ann@example.com", "bcc@example.com", "")


@pytest.mark.parametrize(
    ("overrides", "sender"),
    [
        (EmailOverrides(), "Doorbell <hello@doorbell.test>"),
        (EmailOverrides(from_name="Ann"), "Ann <hello@doorbell.test>"),
        (EmailOverrides(from_address="ann@example.com"), "Doorbell <ann@example.com>"),
    ],
)
def test_the_channels_sender_fills_what_the_step_leaves_open(
    overrides: EmailOverrides, sender: str, make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    email = compile_email(make_email_step(overrides), None).render(make_scope(), now, "Doorbell <hello@doorbell.test>")
    assert email.sender == sender


def test_no_variable_can_add_a_header(make_email_step: MakeStep, make_scope: MakeScope, now: datetime) -> None:
    names = ("to_address", "from_address", "from_name", "cc_address", "bcc_address", "reply_to_address")
    overrides = EmailOverrides(**dict.fromkeys(names, "{{ evil }}"))
    scope = make_scope(data={"evil": "a@example.com\r\nBcc: eve@example.com"})
    email = compile_email(make_email_step(overrides, subject="{{ evil }}"), None).render(scope, now)
    headers = [email.to, email.sender, email.cc, email.bcc, email.reply_to, email.subject]
    assert all("\n" not in value and "\r" not in value for value in headers)
    assert email.subject == "a@example.com Bcc: eve@example.com"


def test_the_recipients_own_address_cannot_add_a_header(
    make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    scope = make_scope(recipient={"email": "a@example.com\nBcc: eve@example.com"})
    assert compile_email(make_email_step(), None).render(scope, now).to == "a@example.com Bcc: eve@example.com"


@pytest.mark.parametrize("recipient", [{}, {"email": None}, {"email": ""}, {"email": 5}, {"email": " \n"}])
def test_a_recipient_without_an_address_has_an_empty_one(
    recipient: dict[str, Any], make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    assert compile_email(make_email_step(), None).address(make_scope(recipient=recipient), now) == ""


def test_subject_and_text_are_not_escaped(make_email_step: MakeStep, make_scope: MakeScope, now: datetime) -> None:
    step = make_email_step(subject="{{ x }}", text_body="{{ x }}", html_body="{{ x }}")
    email = compile_email(step, None).render(make_scope(data={"x": "Tom & 'Jerry'"}), now)
    assert (email.subject, email.text) == ("Tom & 'Jerry'", "Tom & 'Jerry'")
    assert email.html == "Tom &amp; &#39;Jerry&#39;"


def test_blocks_stand_below_each_other(make_email_step: MakeStep, make_scope: MakeScope, now: datetime) -> None:
    step = make_email_step(blocks=(MarkdownBlock("*Hi* {{ recipient.name }}"), HtmlBlock("<hr>")))
    email = compile_email(step, None).render(make_scope(), now)
    assert email.html == "<p><em>Hi</em> Jane</p>\n\n<hr>"
    assert email.text == "Hi Jane"


def test_the_layout_surrounds_both_parts(make_email_step: MakeStep, make_scope: MakeScope, now: datetime) -> None:
    email = compile_email(make_email_step(html_body="<p>A & B</p>"), LAYOUT).render(make_scope(), now)
    assert email.html == "<html>|<p>A & B</p></html>"
    assert email.text == "|A & B"


def test_pre_content_speaks_to_the_layout_and_stands_before_the_body(
    make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    pre_content = "{% assign preview_text = recipient.name %}\n<i>first</i>\n"
    step = make_email_step(html_body="<p>{{ preview_text }}body</p>", pre_content=pre_content)
    email = compile_email(step, LAYOUT).render(make_scope(recipient={"name": "A & B"}), now)
    assert email.html == "<html>A &amp; B|<i>first</i><p>body</p></html>"
    assert email.text == "A & B|body"


def test_without_a_layout_pre_content_only_stands_before_the_body(
    make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    step = make_email_step(html_body="<!doctype html>", pre_content="\n{% assign a = 1 %}\n")
    assert compile_email(step, None).render(make_scope(), now).html == "<!doctype html>"


def test_now_is_the_moment_that_the_caller_gives(
    make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    step = make_email_step(subject="{{ 'now' | date: '%d.%m.%Y' }} {{ now }}")
    assert compile_email(step, None).render(make_scope(), now).subject == "02.03.2026 2026-03-02T09:30:00+00:00"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ({"subject": "{{ x"}, "email_1/subject.txt"),
        ({"html_body": "{{ x"}, "email_1/html_body.html"),
        ({"text_body": "{{ x"}, "email_1/text_body.txt"),
        ({"pre_content": "{{ x"}, "email_1/settings/pre_content.txt"),
        ({"blocks": (HtmlBlock(""), MarkdownBlock("{{ x"))}, "email_1/visual_blocks/2.content.md"),
    ],
)
def test_broken_liquid_is_named_like_its_file(template: dict[str, Any], name: str, make_email_step: MakeStep) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_email(make_email_step(**template), None)
    assert str(caught.value) == f"{name}, line 1, column 1: expected '}}}}', found end of file\n{{{{ x\n^"


def test_a_broken_override_is_named(make_email_step: MakeStep) -> None:
    with pytest.raises(TemplateError, match=r"^email_1/channel_overrides/cc_address, line 1"):
        compile_email(make_email_step(EmailOverrides(cc_address="{{ x")), None)


def test_one_compiled_email_serves_many_threads(
    make_email_step: MakeStep, make_scope: MakeScope, now: datetime
) -> None:
    body = "{% assign n = data.n %}{% for i in (1..50) %}{% increment c %}{% endfor %}:{{ n }}"
    compiled = compile_email(make_email_step(html_body=body), LAYOUT)
    with ThreadPoolExecutor(8) as pool:
        emails = list(pool.map(lambda n: compiled.render(make_scope(data={"n": n}), now), range(100)))
    counted = "".join(str(number) for number in range(50))
    assert [email.html for email in emails] == [f"<html>|{counted}:{n}</html>" for n in range(100)]
