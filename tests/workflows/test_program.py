from collections.abc import Callable

import pytest

from workflows.errors import StepFailed, TemplateError
from workflows.model import ChannelStep, Workflow
from workflows.program import Program
from workflows.templates import Layout, Partial, Resources

MakeStep = Callable[..., ChannelStep]

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def program(*steps: ChannelStep, **layouts: Layout) -> Program:
    return Program(Workflow("welcome", "Welcome", steps), Resources(layouts=layouts))


def test_a_steps_templates_are_compiled_once(make_email_step: MakeStep) -> None:
    step = make_email_step()
    welcome = program(step)
    assert welcome.content(step) is welcome.content(step)
    assert welcome.template("a", "{{ x }}") is welcome.template("a", "{{ x }}")


def test_two_templates_of_one_name_are_two(make_email_step: MakeStep) -> None:
    welcome = program()
    assert welcome.template("a", "1").render({}) == "1"
    assert welcome.template("a", "2").render({}) == "2"


def test_nothing_is_compiled_before_it_is_needed(make_email_step: MakeStep) -> None:
    step = make_email_step(html_body="{{ broken")
    welcome = program(step)
    with pytest.raises(TemplateError):
        welcome.content(step)


def test_a_step_finds_its_layout(make_email_step: MakeStep) -> None:
    step = make_email_step(layout_key="plain")
    assert program(step, plain=Layout("plain", "Plain", "{{ content }}", "")).content(step) is not None


def test_a_layout_that_does_not_exist_fails_the_step(make_email_step: MakeStep) -> None:
    step = make_email_step(layout_key="gone")
    with pytest.raises(StepFailed, match="`gone`, which does not exist"):
        program(step).content(step)


def test_a_text_template_finds_the_partials() -> None:
    partials = {"greeting": Partial("greeting", "Greeting", "text", "Hello {{ name }}")}
    welcome = Program(Workflow("welcome", "Welcome", ()), Resources(partials=partials))
    assert welcome.template("a", "{% render 'greeting', name: 'Jane' %}").render({}) == "Hello Jane"


def test_data_is_held_against_the_workflows_schema() -> None:
    strict = Program(Workflow("welcome", "Welcome", (), trigger_data_json_schema=SCHEMA))
    assert strict.data_problem({"n": 1}) is None
    assert strict.data_problem({"n": "1"}) == "data.n: '1' is not of type 'integer'"
    assert program().data_problem({"n": "1"}) is None
