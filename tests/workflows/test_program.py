from collections.abc import Callable

import pytest

from workflows.errors import StepFailed, TemplateError
from workflows.model import EmailStep, Layout, Workflow
from workflows.program import Program

MakeStep = Callable[..., EmailStep]


def program(*steps: EmailStep, **layouts: Layout) -> Program:
    return Program(Workflow("welcome", "Welcome", steps), layouts)


def test_a_steps_templates_are_compiled_once(make_email_step: MakeStep) -> None:
    step = make_email_step()
    welcome = program(step)
    assert welcome.email(step) is welcome.email(step)


def test_nothing_is_compiled_before_it_is_needed(make_email_step: MakeStep) -> None:
    step = make_email_step(html_body="{{ broken")
    welcome = program(step)
    with pytest.raises(TemplateError):
        welcome.email(step)


def test_a_step_finds_its_layout(make_email_step: MakeStep) -> None:
    step = make_email_step(layout_key="plain")
    layout = Layout("plain", "Plain", "{{ content }}", "")
    assert program(step, plain=layout).email(step).layout is not None


def test_a_layout_that_does_not_exist_fails_the_step(make_email_step: MakeStep) -> None:
    step = make_email_step(layout_key="gone")
    with pytest.raises(StepFailed, match=r"^step `email_1` uses the layout `gone`, which does not exist$"):
        program(step).email(step)
