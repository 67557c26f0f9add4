from copy import deepcopy
from typing import Any

import pytest

from workflows.errors import DocumentInvalid, Problem
from workflows.model import (
    DelayStep,
    Duration,
    EmailOverrides,
    EmailStep,
    EmailTemplate,
    HtmlBlock,
    Layout,
    MarkdownBlock,
    Padding,
    Workflow,
)
from workflows.parse import parse_layout, parse_workflow

EMAIL: dict[str, Any] = {
    "ref": "email_1",
    "type": "channel",
    "channel_key": "email",
    "channel_type": "email",
    "template": {"subject": "Hi", "html_body": "<p>Hi</p>"},
}
DELAY: dict[str, Any] = {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "days", "value": 3}}}
LAYOUT: dict[str, Any] = {"name": "L", "html_layout": "<b>{{ content }}</b>", "text_layout": "{{ content }}"}
EXECUTABLE = "a step type this version can execute: channel (email), delay"


def document(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "Welcome", "steps": list(steps), **fields}


def email(**template: Any) -> dict[str, Any]:
    return {**EMAIL, "template": {"subject": "Hi", **template}}


def delay(**settings: Any) -> dict[str, Any]:
    return {**DELAY, "settings": settings}


def overrides(**given: Any) -> dict[str, Any]:
    return {**EMAIL, "channel_overrides": given}


def problems(source: Any, key: str = "welcome") -> list[tuple[str, object, str]]:
    with pytest.raises(DocumentInvalid) as caught:
        parse_workflow(key, source)
    return [(problem.path, problem.value, problem.expected) for problem in caught.value.problems]


FULL = {
    "name": "Welcome",
    "settings": {"is_commercial": True},
    "categories": ["news"],
    "steps": [
        {
            **EMAIL,
            "name": "First",
            "channel_overrides": {"to_address": "{{ data.to }}"},
            "template": {
                "subject": "Hi",
                "visual_blocks": [
                    {"type": "markdown", "content": "*Hi*", "id": "b", "version": 1, "variant": "default"},
                    {"type": "html", "content": "<p>", "layout_attrs": {"padding_top": 4, "padding_left": 8}},
                ],
                "text_body": "Hi",
                "settings": {"layout_key": "default", "attachment_key": "files", "pre_content": "{% assign a = 1 %}"},
            },
        },
        DELAY,
    ],
}
FULL_EMAIL_STEP = EmailStep(
    ref="email_1",
    type="channel",
    name="First",
    channel_key="email",
    template=EmailTemplate(
        subject="Hi",
        blocks=(MarkdownBlock("*Hi*"), HtmlBlock("<p>", Padding(top=4, left=8))),
        text_body="Hi",
        layout_key="default",
        pre_content="{% assign a = 1 %}",
        attachment_key="files",
    ),
    overrides=EmailOverrides(to_address="{{ data.to }}"),
)


def test_a_workflow_is_read_in_full() -> None:
    assert parse_workflow("welcome", FULL) == Workflow(
        key="welcome",
        name="Welcome",
        categories=("news",),
        is_commercial=True,
        steps=(FULL_EMAIL_STEP, DelayStep(ref="delay_1", type="delay", delay_for=Duration(3, "days"))),
    )


def test_null_means_absent_and_tool_fields_and_server_fields_are_ignored() -> None:
    noise = {"$schema": "s", "__readonly": {"key": "x"}, "key": "x", "active": False, "sha": "1", "conditions": None}
    step = {**email(**{"html_body": "x", "html_body@": "email_1/html_body.html"}), "send_windows": None, "name": None}
    parsed = parse_workflow("welcome", {**document(step), **noise, "created_at": "2026-01-01", "description": None})
    assert parsed == parse_workflow("welcome", document(email(html_body="x")))


def test_the_schema_of_trigger_data_is_kept_to_the_letter() -> None:
    schema = {
        "type": "object",
        "properties": {"at@": {"const": None}},
        "$schema": "http://json-schema.org/draft-07/schema#",
    }
    assert parse_workflow("welcome", document(trigger_data_json_schema=schema)).trigger_data_json_schema == schema


def test_empty_conditions_are_none() -> None:
    source = document({**DELAY, "conditions": {}}, conditions={"all": []})
    assert parse_workflow("welcome", source).steps[0].conditions == {}


def test_a_workflow_may_have_no_steps() -> None:
    assert parse_workflow("welcome", document()).first() is None


@pytest.mark.parametrize("channel_types", [None, {}, {"email": "email"}])
def test_an_omitted_channel_type_is_resolved_by_the_channel_or_is_email(channel_types: dict[str, str] | None) -> None:
    step = {name: value for name, value in EMAIL.items() if name != "channel_type"}
    parsed = parse_workflow("welcome", document(step), channel_types)
    assert isinstance(parsed.steps[0], EmailStep)


def test_an_omitted_channel_type_that_resolves_to_another_type_is_a_problem() -> None:
    step = {"ref": "sms_1", "type": "channel", "channel_key": "twilio", "template": {"text_body": "Hi"}}
    with pytest.raises(DocumentInvalid) as caught:
        parse_workflow("welcome", document(step), {"twilio": "sms"})
    assert caught.value.problems == [Problem("steps[0].type", "channel (sms)", EXECUTABLE)]


@pytest.mark.parametrize("key", ["ab", "x" * 256, "Welcome", "wel come", "wel/come", "welcome\n", ""])
def test_a_key_outside_of_the_rules_is_a_problem(key: str) -> None:
    assert problems(document(), key) == [("key", key, "a key of 3 to 255 characters out of a-z, 0-9, _ and -")]


@pytest.mark.parametrize("kind", ["batch", "branch", "http_fetch", "throttle", "trigger_workflow", "random_cohort"])
def test_other_step_types_are_a_problem(kind: str) -> None:
    step = {"ref": "s", "type": kind, "settings": {"anything": 1}, "branches": []}
    assert problems(document(step)) == [("steps[0].type", kind, EXECUTABLE)]


@pytest.mark.parametrize("channel_type", ["in_app_feed", "sms", "push", "chat", "http"])
def test_other_channel_types_are_a_problem(channel_type: str) -> None:
    step = {**EMAIL, "channel_type": channel_type, "template": {"markdown_body": "Hi {{"}}
    assert problems(document(step)) == [("steps[0].type", f"channel ({channel_type})", EXECUTABLE)]


GROUP = {"all": [{"variable": "data.a", "operator": "equal_to", "argument": "1"}]}
NO_CONDITIONS = "no conditions: this version does not evaluate them yet"
TYPED = "a path such as data.renewal_at, without braces"
BLOCK = "steps[0].template.visual_blocks[0]"
BACK = "a number greater than 0 (only an offset from delay_until_field_path goes back)"


@pytest.mark.parametrize(
    ("source", "path", "value", "expected"),
    [
        ({"steps": []}, "name", None, "a name of 1 to 255 characters"),
        ({"name": "W"}, "steps", None, "a list of steps"),
        (document(name=""), "name", "", "a name of 1 to 255 characters"),
        (document(description="x" * 281), "description", "x" * 281, "text of at most 280 characters"),
        (document(steps={}), "steps", {}, "a list of steps"),
        (document(step=1), "step", 1, "a known field, such as steps"),
        (document(zzz=1), "zzz", 1, "a known field"),
        (
            document(settings={"is_comercial": True}),
            "settings.is_comercial",
            True,
            "a known field, such as is_commercial",
        ),
        (document(settings={"is_commercial": "yes"}), "settings.is_commercial", "yes", "true or false"),
        (document(categories=["a", 1]), "categories[1]", 1, "text"),
        (document(conditions=GROUP), "conditions", GROUP, NO_CONDITIONS),
        (
            document(trigger_frequency="once_per_recipient"),
            "trigger_frequency",
            "once_per_recipient",
            "every_trigger: the only trigger frequency this version applies",
        ),
        (
            document(trigger_data_json_schema={"properties": {"a": {"type": "texts"}}}),
            "trigger_data_json_schema.properties.a.type",
            "texts",
            "valid JSON Schema: 'texts' is not valid under any of the given schemas",
        ),
        (
            document(trigger_data_json_schema={"properties": {"a": {"pattern": "("}}}),
            "trigger_data_json_schema.properties.a.pattern",
            "(",
            "valid JSON Schema: '(' is not a 'regex'",
        ),
        (document("step"), "steps[0]", "step", "an object"),  # type: ignore[arg-type]
        (
            document({"type": "delay", "settings": DELAY["settings"]}),
            "steps[0].ref",
            None,
            "a reference, such as email_1",
        ),
        (document({"ref": "a"}), "steps[0].type", None, "a step type, such as channel or delay"),
        (document({"ref": "a", "type": 1}), "steps[0].type", 1, "a step type, such as channel or delay"),
        (document(DELAY, DELAY), "steps[1].ref", "delay_1", "a reference that no other step has"),
        (document({**DELAY, "conditions": GROUP}), "steps[0].conditions", GROUP, NO_CONDITIONS),
        (document({**DELAY, "conditions": []}), "steps[0].conditions", [], "a group of conditions"),
        (document({**DELAY, "setting": 1}), "steps[0].setting", 1, "a known field, such as settings"),
        (
            document({"ref": "d", "type": "delay"}),
            "steps[0].settings",
            None,
            "settings with delay_for or delay_until_field_path",
        ),
        (document(delay()), "steps[0].settings", {}, "delay_for or delay_until_field_path"),
        (
            document(delay(delay_for={"unit": "fortnights", "value": 1})),
            "steps[0].settings.delay_for.unit",
            "fortnights",
            "one of seconds, minutes, hours, days, weeks, months",
        ),
        (document(delay(delay_for={"unit": "days"})), "steps[0].settings.delay_for.value", None, "a whole number"),
        (
            document(delay(delay_for={"unit": "days", "value": "3"})),
            "steps[0].settings.delay_for.value",
            "3",
            "a whole number",
        ),
        (document(delay(delay_for={"unit": "days", "value": 0})), "steps[0].settings.delay_for.value", 0, BACK),
        (document(delay(delay_for={"unit": "hours", "value": -1})), "steps[0].settings.delay_for.value", -1, BACK),
        (
            document(delay(delay_for={"unit": "months", "value": 13})),
            "steps[0].settings.delay_for.value",
            13,
            "at most 365 days, which is 12 months",
        ),
        (
            document(delay(delay_for={"unit": "days", "value": -366}, delay_until_field_path="data.at")),
            "steps[0].settings.delay_for.value",
            -366,
            "at most 365 days, which is 365 days",
        ),
        (
            document(delay(delay_until_field_path="{{ data.at }}")),
            "steps[0].settings.delay_until_field_path",
            "{{ data.at }}",
            TYPED,
        ),
        (document({**EMAIL, "channel_key": ""}), "steps[0].channel_key", "", "the key of a channel"),
        (
            document({**EMAIL, "channel_group_key": "mail"}),
            "steps[0].channel_group_key",
            "mail",
            "no channel group: this version sends through the one channel named by channel_key",
        ),
        (
            document({**EMAIL, "send_windows": [{"day": "monday", "type": "send"}]}),
            "steps[0].send_windows",
            [{"day": "monday", "type": "send"}],
            "no send windows: this version does not apply them yet",
        ),
        (document({**EMAIL, "template": "x"}), "steps[0].template", "x", "an object"),
        (document(email()), "steps[0].template.html_body", None, "html_body or visual_blocks"),
        (
            document(email(html_body="x", visual_blocks=[])),
            "steps[0].template.visual_blocks",
            [],
            "html_body or visual_blocks, not both",
        ),
        (
            document(email(html_body="x", is_mjml=True)),
            "steps[0].template.is_mjml",
            True,
            "false: this version does not render MJML yet",
        ),
        (
            document(email(html_body="x", settings={"layout_key": "No Key"})),
            "steps[0].template.settings.layout_key",
            "No Key",
            "a key of 3 to 255 characters out of a-z, 0-9, _ and -",
        ),
        (
            document(email(visual_blocks=[{"type": "button_set", "buttons": []}])),
            f"{BLOCK}.type",
            "button_set",
            "a block type this version renders: markdown, html",
        ),
        (document(email(visual_blocks=[{"type": "html"}])), f"{BLOCK}.content", None, "text"),
        (
            document(email(visual_blocks=[{"type": "html", "content": "", "layout_attrs": {"padding_top": -1}}])),
            f"{BLOCK}.layout_attrs.padding_top",
            -1,
            "a whole number of pixels",
        ),
        (
            document(overrides(json_overrides='{"a": 1}')),
            "steps[0].channel_overrides.json_overrides",
            '{"a": 1}',
            "no JSON overrides: this version does not merge them into the provider's request yet",
        ),
        (
            document(overrides(link_tracking=True)),
            "steps[0].channel_overrides.link_tracking",
            True,
            "false: this version does not track links yet",
        ),
        (
            document(overrides(open_tracking=True)),
            "steps[0].channel_overrides.open_tracking",
            True,
            "false: this version does not track opens yet",
        ),
        ([], "", [], "an object"),
    ],
)
def test_a_problem_has_its_path_its_value_and_what_was_expected(
    source: Any, path: str, value: object, expected: str
) -> None:
    assert problems(source) == [(path, value, expected)]


BROKEN = "Hello {{ name"
LIQUID = "valid Liquid; line 1, column 7: expected '}}', found end of file\nHello {{ name\n      ^"


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (email(html_body=BROKEN), "html_body"),
        (email(html_body="", subject=BROKEN), "subject"),
        (email(html_body="", text_body=BROKEN), "text_body"),
        (email(html_body="", settings={"pre_content": BROKEN}), "settings.pre_content"),
        (
            email(visual_blocks=[{"type": "html", "content": ""}, {"type": "markdown", "content": BROKEN}]),
            "visual_blocks[1].content",
        ),
    ],
)
def test_broken_liquid_is_a_problem_at_its_template(step: dict[str, Any], path: str) -> None:
    assert problems(document(DELAY, step)) == [(f"steps[1].template.{path}", BROKEN, LIQUID)]


def test_broken_liquid_in_an_override_is_a_problem() -> None:
    assert problems(document(overrides(cc_address=BROKEN))) == [
        ("steps[0].channel_overrides.cc_address", BROKEN, LIQUID)
    ]


def test_every_problem_is_reported_at_once() -> None:
    source = document(
        {"ref": "batch_1", "type": "batch"},
        delay(delay_for={"unit": "eons", "value": 0}),
        {**email(subject=BROKEN), "conditions": GROUP, "ref": "batch_1"},
        colour="red",
    )
    assert {path for path, _, _ in problems(source, "W")} == {
        "key",
        "colour",
        "steps[0].type",
        "steps[1].settings.delay_for.unit",
        "steps[1].settings.delay_for.value",
        "steps[2].ref",
        "steps[2].conditions",
        "steps[2].template.subject",
        "steps[2].template.html_body",
    }


PLACES = [
    ("steps",),
    ("steps", 0),
    ("steps", 0, "template"),
    ("steps", 0, "channel_overrides"),
    ("steps", 1, "settings"),
    ("steps", 1, "settings", "delay_for"),
    ("steps", 2, "template", "visual_blocks"),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [None, 1, "x", {}, {"x": {}}, [[]], [{}], [None]])
def test_a_wrong_shape_anywhere_is_a_problem_and_never_a_crash(place: tuple[Any, ...], value: Any) -> None:
    complete = document(overrides(cc_address="x"), DELAY, {**email(visual_blocks=[{}]), "ref": "email_2"})
    assert problems(_replaced(complete, place, value))


def _replaced(source: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copy: Any = deepcopy(source)
    node = copy
    for name in path[:-1]:
        node = node[name]
    node[path[-1]] = value
    return dict(copy)


def test_a_relative_delay_may_go_back_or_be_zero() -> None:
    for value in (-2, 0, 2):
        source = document(delay(delay_for={"unit": "hours", "value": value}, delay_until_field_path="data.at"))
        step = parse_workflow("welcome", source).steps[0]
        assert step == DelayStep(ref="delay_1", type="delay", delay_for=Duration(value, "hours"), until_path="data.at")


def test_a_layout_is_read_in_full() -> None:
    links = [{"text": "Home", "url": "{{ vars.app_url }}"}]
    source = {**LAYOUT, "footer_links": links, "$schema": "s", "key": "x", "is_mjml": False, "branding_overrides": None}
    parsed = parse_layout("default", source)
    assert parsed == Layout(
        "default", "L", "<b>{{ content }}</b>", "{{ content }}", ({"text": "Home", "url": "{{ vars.app_url }}"},)
    )


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        ({"html_layout": "<b></b>"}, "html_layout", "a layout that outputs {{ content }}"),
        ({"html_layout": BROKEN}, "html_layout", LIQUID),
        ({"text_layout": "no"}, "text_layout", "a layout that outputs {{ content }}"),
        ({"text_layout": None}, "text_layout", "text"),
        ({"is_mjml": True}, "is_mjml", "false: this version does not render MJML yet"),
        ({"footer_links": [{"text": "x"}]}, "footer_links[0].url", "an address"),
        ({"footer_links": [{"text": "x", "url": BROKEN}]}, "footer_links[0].url", LIQUID),
        (
            {"branding_overrides": {"logo": "x"}},
            "branding_overrides",
            "no branding overrides: this version does not apply them yet",
        ),
        ({"colour": 1}, "colour", "a known field"),
    ],
)
def test_a_layouts_problems(fields: dict[str, Any], path: str, expected: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        parse_layout("default", {**LAYOUT, **fields})
    assert [(problem.path, problem.expected) for problem in caught.value.problems] == [(path, expected)]


def test_an_empty_text_layout_is_none() -> None:
    assert parse_layout("default", {**LAYOUT, "text_layout": " \n"}).text == " \n"
