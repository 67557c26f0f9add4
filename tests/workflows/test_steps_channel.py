from collections.abc import Callable
from typing import Any

import pytest

from workflows.effects import Effect, Enqueue, Record
from workflows.errors import StepFailed, TemplateError
from workflows.model import EmailOverrides, EmailStep
from workflows.outcomes import Continue, Skip, StepOutcome
from workflows.run import drive
from workflows.scope import ChannelView, Scope, StepContext
from workflows.steps import handler_for

MakeStep = Callable[..., EmailStep]
MakeScope = Callable[..., Scope]
MakeContext = Callable[..., StepContext]


def run(step: EmailStep, context: StepContext) -> tuple[StepOutcome, list[Effect]]:
    effects: list[Effect] = []

    def answer(effect: Effect) -> str | None:
        effects.append(effect)
        return "message_id" if isinstance(effect, Enqueue) else None

    return drive(handler_for(step)(step, context), answer), effects


def test_a_channel_step_enqueues_one_message_and_goes_on(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = make_email_step(html_body="<p>é</p>")
    context = make_context(step)
    outcome, effects = run(step, context)
    assert outcome == Continue("message message_id was created")
    assert effects[:2] == [
        Record("address_resolved", {"to": "jane@example.com"}),
        Record("rendered", {"subject_chars": 5, "html_bytes": 9, "text_bytes": 2}),
    ]
    content = context.program.email(step).render(context.scope, context.now)
    assert effects[2:] == [Enqueue("email", content, {"email": "jane@example.com", "name": "Jane"})]


def test_nothing_that_was_rendered_reaches_the_run_log(
    make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = make_email_step(subject="{{ secret }}", html_body="{{ secret }}", text_body="{{ secret }}")
    _, effects = run(step, make_context(step, scope=make_scope(data={"secret": "s3cret"})))
    assert "s3cret" not in repr([effect for effect in effects if isinstance(effect, Record)])


def test_a_channel_that_is_not_configured_skips_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = make_email_step(html_body="{{ never compiled")
    outcome, effects = run(step, make_context(step, channels={}))
    assert outcome == Skip("channel `email` is not configured in this environment")
    assert effects == []


def test_a_channel_of_another_type_skips_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = make_email_step()
    outcome, _ = run(step, make_context(step, channels={"email": ChannelView("ch_1", "email", "sms", "twilio")}))
    assert outcome == Skip("channel `email` is of type sms, the step needs email")


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ({"id": "jane"}, "recipient has no email address"),
        ({"id": "jane", "email": None}, "recipient has no email address"),
        ({"id": "jane", "email": "a@example.com, b@example.com"}, "recipient's email is not one address"),
    ],
)
def test_a_recipient_without_one_address_skips_the_step(
    recipient: dict[str, Any], reason: str, make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = make_email_step()
    outcome, effects = run(step, make_context(step, scope=make_scope(recipient=recipient)))
    assert outcome == Skip(reason)
    assert effects == []


def test_a_to_address_stands_in_for_the_recipients_own_and_may_be_several(
    make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = make_email_step(EmailOverrides(to_address="a@example.com, b@example.com"))
    outcome, effects = run(step, make_context(step, scope=make_scope(recipient={"id": "jane"})))
    assert isinstance(outcome, Continue)
    assert effects[0] == Record("address_resolved", {"to": "a@example.com, b@example.com"})
    assert isinstance(effects[2], Enqueue)
    assert effects[2].recipient_snapshot == {"email": None, "name": None}


def test_a_to_address_that_renders_to_nothing_skips_the_step(
    make_email_step: MakeStep, make_context: MakeContext
) -> None:
    step = make_email_step(EmailOverrides(to_address="{{ data.to }}"))
    assert run(step, make_context(step))[0] == Skip("recipient has no email address")


def test_attachments_are_left_out_and_the_run_log_says_so(
    make_email_step: MakeStep, make_context: MakeContext, make_scope: MakeScope
) -> None:
    step = make_email_step(attachment_key="invoice.files")
    scope = make_scope(data={"invoice": {"files": [{"name": "a.pdf"}]}})
    _, effects = run(step, make_context(step, scope=scope))
    assert Record("attachments_left_out", {"path": "invoice.files"}, error=True) in effects


def test_a_template_that_does_not_render_fails_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = make_email_step(html_body="<p>\n  {{ 1 | divided_by: 0 }}\n</p>")
    with pytest.raises(TemplateError) as caught:
        run(step, make_context(step))
    assert str(caught.value) == (
        "email_1/html_body.html, line 2, column 10: divided_by: can't divide by 0\n"
        "  {{ 1 | divided_by: 0 }}\n         ^"
    )


def test_a_missing_layout_fails_the_step(make_email_step: MakeStep, make_context: MakeContext) -> None:
    step = make_email_step(layout_key="gone")
    with pytest.raises(StepFailed, match="`gone`, which does not exist"):
        run(step, make_context(step))
