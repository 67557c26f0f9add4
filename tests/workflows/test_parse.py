from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from workflows.conditions import Condition, Group
from workflows.errors import DocumentInvalid
from workflows.model import (
    AgentStep,
    AnyStep,
    AwaitedEvent,
    BatchStep,
    Branch,
    BranchStep,
    ChannelStep,
    Cohort,
    CohortStep,
    DelayStep,
    Duration,
    FetchStep,
    Overrides,
    SendWindow,
    ThrottleStep,
    TriggerWorkflowStep,
    UpdateAudienceStep,
    UpdateDataStep,
    UpdateRecipientStep,
    WaitForEventStep,
    Workflow,
)
from workflows.parse import parse_layout, parse_partial, parse_translation, parse_workflow
from workflows.send_windows import DAYS
from workflows.templates import (
    ActionButton,
    Button,
    ButtonSetBlock,
    ChatTemplate,
    DividerBlock,
    EmailTemplate,
    FeedTemplate,
    GuideTemplate,
    HtmlBlock,
    ImageBlock,
    Layout,
    MarkdownBlock,
    Padding,
    Partial,
    PartialBlock,
    PushTemplate,
    RequestTemplate,
    SmsTemplate,
    Translation,
)

GROUP = {"all": [{"variable": "data.a", "operator": "equal_to", "argument": "1"}]}
PARSED_GROUP = Group("all", (Condition("data.a", "equal_to", "1"),))


def document(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "Welcome", "steps": list(steps), **fields}


def channel(kind: str, template: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    step = {"ref": f"{kind}_1", "type": "channel", "channel_type": kind, "channel_key": "the-channel", **fields}
    return step if template is None else {**step, "template": template}


def function(kind: str, **settings: Any) -> dict[str, Any]:
    return {"ref": f"{kind}_1", "type": kind, "settings": settings}


def parsed(step: dict[str, Any]) -> AnyStep:
    [found] = parse_workflow("welcome", document(step)).steps
    return found


# Workflows


def test_a_workflow_is_read_in_full() -> None:
    source = document(
        description="d",
        conditions=GROUP,
        categories=["news"],
        tags=["t"],
        settings={"is_commercial": True, "override_preferences": True},
        trigger_frequency="once_per_recipient_per_tenant",
        trigger_data_json_schema={"type": "object"},
        goal_attachment={"goal_key": "upgrade", "attribution_window_days": 7},
    )
    assert parse_workflow("welcome", source) == Workflow(
        key="welcome",
        name="Welcome",
        steps=(),
        categories=("news",),
        conditions=PARSED_GROUP,
        trigger_frequency="once_per_recipient_per_tenant",
        trigger_data_json_schema={"type": "object"},
        is_commercial=True,
        override_preferences=True,
    )


def test_null_means_absent_and_tool_fields_and_server_fields_are_ignored() -> None:
    noise = {"$schema": "s", "__readonly": {"key": "x"}, "key": "x", "active": False, "sha": "1", "conditions": None}
    files = {"__files": {"workflow.json": "{}"}, "__annotation": {"readonly_fields": []}}
    step = channel("sms", {"text_body": "Hi", "text_body@": "sms_1/text_body.txt", "settings": None}, send_windows=None)
    source = {**document(step), **noise, **files, "created_at": "2026-01-01", "description": None}
    assert parse_workflow("welcome", source) == parse_workflow("welcome", document(channel("sms", {"text_body": "Hi"})))


def test_the_document_is_not_changed_by_parsing_it() -> None:
    source = document(channel("email", {"subject": "Hi", "html_body": "x"}, conditions=GROUP), description=None)
    before = deepcopy(source)
    parse_workflow("welcome", source)
    assert source == before


def test_the_schema_of_trigger_data_is_kept_to_the_letter() -> None:
    schema = {
        "type": "object",
        "properties": {"at@": {"const": None}},
        "$schema": "http://json-schema.org/draft-07/schema#",
    }
    assert parse_workflow("welcome", document(trigger_data_json_schema=schema)).trigger_data_json_schema == schema


@pytest.mark.parametrize("empty", [{}, None, {"all": []}, {"any": []}])
def test_empty_conditions_are_none(empty: Any) -> None:
    parsed_ = parse_workflow(
        "welcome", document({**function("update_data", data="{}"), "conditions": empty}, conditions=empty)
    )
    assert (parsed_.conditions, parsed_.steps[0].conditions) == (None, None)


# Channel steps

EMAIL_BLOCKS: list[dict[str, Any]] = [
    {"type": "markdown", "content": "*Hi*", "id": "b", "version": 1, "variant": "default"},
    {"type": "html", "content": "<p>", "layout_attrs": {"padding_top": 4, "padding_left": "8"}},
    {
        "type": "image",
        "url": "https://example.com/a.png",
        "alt": "A",
        "action": "https://example.com",
        "style_attrs": {"width": "25%"},
        "layout_attrs": {"horizontal_align": "center", "padding_top": 1},
    },
    {"type": "divider"},
    {
        "type": "button_set",
        "buttons": [
            {
                "label": "Go",
                "action": "https://example.com",
                "variant": "outline",
                "size_attrs": {"size": "lg", "is_fullwidth": True},
                "style_attrs": {
                    "background_color": "#fff",
                    "border_radius": 6,
                    "border_width": 1,
                    "text_color": "#000",
                },
            },
            {"label": "Stop", "action": "#"},
        ],
        "layout_attrs": {"column_gap": 4, "horizontal_align": "right"},
    },
    {"type": "partial", "key": "footer", "name": "Footer", "attrs": {"year": 2026, "note": None}},
]
BLOCKS = (
    MarkdownBlock("*Hi*"),
    HtmlBlock("<p>", Padding(top=4, left=8)),
    ImageBlock("https://example.com/a.png", "A", "https://example.com", "25%", "center", Padding(top=1)),
    DividerBlock(),
    ButtonSetBlock(
        (
            Button("Go", "https://example.com", "outline", "lg", True, "#fff", None, 6, 1, "#000"),
            Button("Stop", "#"),
        ),
        column_gap=4,
        align="right",
    ),
    PartialBlock("footer", {"year": 2026, "note": None}),
)
REQUEST = {
    "method": "post",
    "url": "https://example.com",
    "headers": [{"key": "X-Key", "value": "1"}],
    "query_params": '{"a": "{{ data.a }}"}',
    "body": {"a": 1},
}
PARSED_REQUEST = RequestTemplate(
    "post", "https://example.com", (("X-Key", "1"),), '{"a": "{{ data.a }}"}', '{\n  "a": 1\n}'
)


@pytest.mark.parametrize(
    ("kind", "source", "template"),
    [
        (
            "email",
            {
                "subject": "Hi",
                "visual_blocks": EMAIL_BLOCKS,
                "text_body": "Hi",
                "settings": {"layout_key": "default", "attachment_key": "files", "pre_content": "{% assign a = 1 %}"},
            },
            EmailTemplate("Hi", None, BLOCKS, "Hi", False, "default", "{% assign a = 1 %}", "files"),
        ),
        (
            "email",
            {"subject": "Hi", "html_body": "<mjml></mjml>", "is_mjml": True},
            EmailTemplate("Hi", "<mjml></mjml>", is_mjml=True),
        ),
        (
            "sms",
            {"text_body": "Hi", "settings": {"to_number": "+1", "payload_overrides": '{"a": 1}'}},
            SmsTemplate("Hi", "+1", '{"a": 1}'),
        ),
        (
            "push",
            {"title": "T", "text_body": "Hi", "settings": {"delivery_type": "silent"}},
            PushTemplate("T", "Hi", "silent"),
        ),
        ("push", {"text_body": "Hi"}, PushTemplate("", "Hi")),
        ("push", {"settings": {"delivery_type": "silent"}}, PushTemplate("", "", "silent")),
        ("chat", {"markdown_body": "*Hi*", "summary": "Hi"}, ChatTemplate("*Hi*", None, "Hi")),
        ("chat", {"json_body": [{"type": "divider"}]}, ChatTemplate("", '[\n  {\n    "type": "divider"\n  }\n]')),
        (
            "in_app_feed",
            {"markdown_body": "Hi", "action_url": "", "action_buttons": [{"label": "Go", "action": "/"}]},
            FeedTemplate("Hi", None, (ActionButton("Go", "/"),)),
        ),
        ("in_app_feed", {"markdown_body": "Hi", "action_url": "/a"}, FeedTemplate("Hi", "/a")),
        ("http", REQUEST, PARSED_REQUEST),
        ("http", {"body": "{}"}, RequestTemplate("post", "", body="{}")),
    ],
)
def test_each_channel_type_has_its_template(kind: str, source: dict[str, Any], template: object) -> None:
    step = parsed(channel(kind, source))
    assert isinstance(step, ChannelStep)
    assert (step.channel_type, step.template) == (kind, template)


def test_a_guide_step_names_its_guide() -> None:
    step = parsed(channel("in_app_guide", None, guide_key="tour"))
    assert isinstance(step, ChannelStep)
    assert step.template == GuideTemplate("tour")


def test_a_channel_step_is_read_in_full() -> None:
    windows = [{"day": day, "type": "do_not_send"} for day in DAYS]
    step = {
        "ref": "email_1",
        "type": "channel",
        "name": "First",
        "description": "d",
        "channel_type": "email",
        "channel_group_key": "mail",
        "conditions": GROUP,
        "channel_overrides": {"to_address": "{{ data.to }}", "json_overrides": {"a": 1}, "open_tracking": False},
        "send_windows": windows,
        "template": {"subject": "Hi", "html_body": ""},
    }
    assert parsed(step) == ChannelStep(
        ref="email_1",
        type="channel",
        name="First",
        conditions=PARSED_GROUP,
        channel_type="email",
        channel_group_key="mail",
        template=EmailTemplate("Hi", ""),
        overrides=Overrides(to_address="{{ data.to }}", json_overrides='{\n  "a": 1\n}', open_tracking=False),
        send_windows=tuple(SendWindow(weekday, sends=False) for weekday in range(7)),
    )


# The type of a channel


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ({"ref": "a", "guide_key": "tour"}, "in_app_guide"),
        ({"ref": "sms_1", "template": {"subject": "Hi", "html_body": "x"}}, "email"),
        ({"ref": "a", "template": {"text_body": "x", "settings": {"to_number": "+1"}}}, "sms"),
        ({"ref": "a", "template": {"text_body": "x", "settings": {"delivery_type": "content"}}}, "push"),
        ({"ref": "a", "template": {"text_body": "x", "title": "T"}}, "push"),
        ({"ref": "a", "template": {"markdown_body": "x", "action_url": "/"}}, "in_app_feed"),
        ({"ref": "a", "template": {"markdown_body": "x", "summary": "S"}}, "chat"),
        ({"ref": "a", "template": {"url": "https://example.com", "method": "get"}}, "http"),
        ({"ref": "push_1", "template": {"text_body": "x"}}, "push"),
        ({"ref": "chat_1", "template": {"markdown_body": "x"}}, "chat"),
        ({"ref": "in-app-feed-1", "template": {"markdown_body": "x"}}, "in_app_feed"),
        ({"ref": "a", "channel_key": "slack-prod", "template": {"markdown_body": "x"}}, "chat"),
        ({"ref": "a", "template": {"text_body": "x"}}, "sms"),
        ({"ref": "a", "template": {"markdown_body": "x"}}, "in_app_feed"),
    ],
)
def test_an_omitted_channel_type_is_read_off_the_step(step: dict[str, Any], kind: str) -> None:
    found = parsed({"type": "channel", "channel_key": "main", **step})
    assert isinstance(found, ChannelStep)
    assert found.channel_type == kind


def test_a_known_channel_says_its_type_wherever_the_step_stands() -> None:
    step = {"ref": "a", "type": "channel", "channel_key": "twilio", "template": {"text_body": "Hi"}}
    source = document({"ref": "b", "type": "branch", "branches": [{"steps": [step]}]})
    found = parse_workflow("welcome", source, {"twilio": "push"}).step("a")
    assert isinstance(found, ChannelStep)
    assert found.template == PushTemplate("", "Hi")


def test_the_documents_own_channel_type_wins() -> None:
    step = channel("sms", {"text_body": "Hi"})
    found = parse_workflow("welcome", document(step), {"the-channel": "push"}).steps[0]
    assert isinstance(found, ChannelStep)
    assert found.channel_type == "sms"


# Function steps


@pytest.mark.parametrize(
    ("source", "step"),
    [
        (
            function("delay", delay_for={"unit": "days", "value": "3"}),
            DelayStep(ref="delay_1", type="delay", delay_for=Duration(3, "days")),
        ),
        (
            function("delay", delay_for={"unit": "seconds", "value": -30}, delay_until_field_path="data.at"),
            DelayStep(ref="delay_1", type="delay", delay_for=Duration(-30, "seconds"), until_path="data.at"),
        ),
        (
            function("batch", batch_window={"unit": "minutes", "value": 15}),
            BatchStep(ref="batch_1", type="batch", window=Duration(15, "minutes")),
        ),
        (
            function(
                "batch",
                batch_key="{{ data.kind }}-{{ actor.id }}",
                batch_window={"unit": "minutes", "value": 15},
                batch_window_type="sliding",
                batch_window_extension_limit={"unit": "hours", "value": 1},
                batch_items_max_limit="50",
                batch_items_render_limit=100,
                batch_order="desc",
                batch_execution_mode="flush_leading",
                workflow_version_mode="latest",
            ),
            BatchStep(
                ref="batch_1",
                type="batch",
                batch_key="{{ data.kind }}-{{ actor.id }}",
                window=Duration(15, "minutes"),
                is_sliding=True,
                extension_limit=Duration(1, "hours"),
                max_items=50,
                render_limit=100,
                order="desc",
                flush_leading=True,
                is_latest=True,
            ),
        ),
        (
            function("throttle", throttle_key="data.id", throttle_limit=2, throttle_window_field_path="vars.window"),
            ThrottleStep(ref="throttle_1", type="throttle", throttle_key="data.id", limit=2, until_path="vars.window"),
        ),
        (
            function("http_fetch", **REQUEST, response_path="answer.items", signing_key="s"),
            FetchStep(
                ref="http_fetch_1",
                type="http_fetch",
                request=PARSED_REQUEST,
                response_path="answer.items",
                signing_key="s",
            ),
        ),
        (
            function("trigger_workflow", workflow_key="welcome", data={"a": 1}, actor=""),
            TriggerWorkflowStep(
                ref="trigger_workflow_1", type="trigger_workflow", workflow_key="welcome", data='{\n  "a": 1\n}'
            ),
        ),
        (
            function("ai_agent", model="m", request_prompt="Say", response_type="text"),
            AgentStep(ref="ai_agent_1", type="ai_agent", model="m", prompt="Say"),
        ),
        (
            function(
                "ai_agent",
                model="m",
                request_prompt="Say",
                response_type="json",
                response_schema='{"type": "object"}',
                web_search_enabled=True,
                halt_on_error=False,
            ),
            AgentStep(
                ref="ai_agent_1",
                type="ai_agent",
                model="m",
                prompt="Say",
                answers_json=True,
                response_schema={"type": "object"},
                searches_web=True,
                halts_on_error=False,
            ),
        ),
        (
            function("update_data", data='{"a": {{ data.b | json }} }'),
            UpdateDataStep(ref="update_data_1", type="update_data", data='{"a": {{ data.b | json }} }'),
        ),
        (
            function("update_user", recipient_mode="current", update_properties="{}"),
            UpdateRecipientStep(ref="update_user_1", type="update_user", kind="user", properties="{}"),
        ),
        (
            function("update_tenant", recipient_mode="reference", recipient_gid="acme", update_properties={"a": 1}),
            UpdateRecipientStep(
                ref="update_tenant_1",
                type="update_tenant",
                kind="tenant",
                properties='{\n  "a": 1\n}',
                reference="acme",
            ),
        ),
        (
            function("update_object", recipient_gid="gid://Object/projects/1", update_properties="{}"),
            UpdateRecipientStep(
                ref="update_object_1",
                type="update_object",
                kind="object",
                properties="{}",
                reference="gid://Object/projects/1",
            ),
        ),
        (
            function("update_audience", audience_key="vip"),
            UpdateAudienceStep(ref="update_audience_1", type="update_audience", audience_key="vip"),
        ),
        (
            function("update_audience", audience_key="vip", action="remove"),
            UpdateAudienceStep(ref="update_audience_1", type="update_audience", audience_key="vip", adds=False),
        ),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
def test_each_function_step_is_read_in_full(source: dict[str, Any], step: AnyStep) -> None:
    assert parsed(source) == step


MATCH = {"operator": "and", "conditions": GROUP["all"]}


@pytest.mark.parametrize(
    ("event", "awaited"),
    [
        (
            {"event_type": "integration_source", "event_key": "order.updated", "integration_source_key": "segment"},
            AwaitedEvent("integration_source", "order.updated", "segment"),
        ),
        (
            {"event_type": "message", "event_key": "seen", "source_type": "workflow", "source_key": "welcome"},
            AwaitedEvent("message", "seen", "welcome"),
        ),
        (
            {"event_type": "workflow", "event_key": "completed", "source_key": "welcome"},
            AwaitedEvent("workflow", "completed", "welcome"),
        ),
        (
            {"event_type": "audience", "event_key": "enter", "audience_key": "vip"},
            AwaitedEvent("audience", "enter", "vip"),
        ),
        ({"event_type": "recipient"}, AwaitedEvent("recipient", "updated")),
    ],
)
def test_every_event_can_be_waited_for(event: dict[str, Any], awaited: AwaitedEvent) -> None:
    step = parsed(function("wait_for_event", event=event, match_conditions=[MATCH, {"conditions": []}]))
    assert step == WaitForEventStep(
        ref="wait_for_event_1",
        type="wait_for_event",
        event=awaited,
        expires_after=Duration(15, "minutes"),
        matches=(PARSED_GROUP,),
    )


def test_what_follows_a_wait_can_be_chosen() -> None:
    settings = {"on_match": "halt", "on_timeout": "continue", "expires_after": {"unit": "days", "value": 30}}
    step = parsed(function("wait_for_event", event={"event_type": "recipient"}, **settings))
    assert isinstance(step, WaitForEventStep)
    assert (step.halts_on_match, step.halts_on_timeout) == (True, False)
    assert step.expires_after == Duration(30, "days")


DELAY = function("delay", delay_for={"unit": "days", "value": 3})


def test_branches_are_read_with_the_steps_inside() -> None:
    branches = [
        {"name": "Pro", "conditions": GROUP, "steps": [DELAY], "terminates": True},
        {"conditions": None},
    ]
    assert parsed({"ref": "branch_1", "type": "branch", "branches": branches, "conditions": {}}) == BranchStep(
        ref="branch_1",
        type="branch",
        branches=(
            Branch("Pro", (DelayStep(ref="delay_1", type="delay", delay_for=Duration(3, "days")),), PARSED_GROUP, True),
            Branch("Branch 2"),
        ),
    )


def test_cohorts_take_percentages_as_numbers_and_as_text() -> None:
    cohorts = [{"name": "A", "percentage": 33.3, "terminates": True}, {"percentage": "66.7"}, {"percentage": 0}]
    step = parsed({"ref": "e", "type": "random_cohort", "cohort_key": "data.id", "cohort_branches": cohorts})
    assert step == CohortStep(
        ref="e",
        type="random_cohort",
        cohort_key="data.id",
        branches=(
            Cohort("A", Decimal("33.3"), terminates=True),
            Cohort("Cohort 2", Decimal("66.7")),
            Cohort("Cohort 3", Decimal(0)),
        ),
    )


# Layouts, partials, translations

LAYOUT: dict[str, Any] = {"name": "L", "html_layout": "<b>{{ content }}</b>", "text_layout": "{{ content }}"}


def test_a_layout_is_read_in_full() -> None:
    links = [{"text": "Home", "url": "{{ vars.app_url }}"}]
    source = {**LAYOUT, "footer_links": links, "branding_overrides": {"primary_color": "#000"}, "created_at": "x"}
    layout = Layout("main", "L", "<b>{{ content }}</b>", "{{ content }}", tuple(links))
    assert parse_layout("main", source) == replace(layout, branding_overrides={"primary_color": "#000"})


def test_a_layout_may_be_mjml_and_have_no_text() -> None:
    source = {"name": "L", "html_layout": "<mjml>{{ content }}</mjml>", "text_layout": "", "is_mjml": True}
    assert parse_layout("main", source).is_mjml is True


def test_a_partial_is_read_with_the_defaults_of_its_inputs() -> None:
    source = {
        "name": "Footer",
        "description": "d",
        "type": "HTML",
        "content": "{{ year }}",
        "icon_name": "Icon",
        "visual_block_enabled": True,
        "input_schema": [
            {"type": "text", "key": "year", "label": "Year", "settings": {"default": "2026", "required": True}},
            {"type": "json", "key": "links", "label": "Links", "settings": {"default": {"a": None}}},
            {"type": "boolean", "key": "big", "label": "Big", "settings": {"default": False}},
            {"type": "text", "key": "note", "settings": None},
        ],
    }
    defaults = {"year": "2026", "links": {"a": None}, "big": False}
    assert parse_partial("footer", source) == Partial("footer", "Footer", "html", "{{ year }}", defaults)


def test_a_partial_of_json_may_be_json() -> None:
    source = {"name": "P", "type": "json", "content": {"a": "{{ a }}"}}
    assert parse_partial("one", source).content == '{\n  "a": "{{ a }}"\n}'


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("en", ("en", None, None)),
        ("fr-BE/admin", ("fr-BE", "admin", None)),
        ("en/admin~acme", ("en", "admin", "acme")),
        ("en~ac/me", ("en", None, "ac/me")),
    ],
)
def test_a_translation_is_named_by_its_key(key: str, named: tuple[str, str | None, str | None]) -> None:
    locale, namespace, tenant = named
    content = '{"hello": "Hi {{ name }}", "items": {"one": "1", "other": "{{ count }}"}}'
    texts = {"hello": "Hi {{ name }}", "items": {"one": "1", "other": "{{ count }}"}}
    assert parse_translation(key, {"content": content}) == Translation(locale, texts, namespace, tenant)
    assert parse_translation(key, {"content": texts, "format": "json"}).content == texts


PO = r"""
# A comment
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\n"

#: somewhere.py:1
msgctxt "greeting"
msgid "hello"
msgstr "Hallo "
"\"Welt\"\n"
msgid "items"
msgid_plural "items"
msgstr[0] "Ein Ding"
msgstr[1] "{{ count }} Dinge"

msgid "untranslated"
msgstr ""
"""


def test_a_translation_may_be_a_po_file() -> None:
    found = parse_translation("de", {"format": "po", "content": PO})
    assert found.content == {
        "hello": 'Hallo "Welt"\n',
        "items": {"one": "Ein Ding", "other": "{{ count }} Dinge"},
    }


@pytest.mark.parametrize(
    ("key", "source", "path", "expected"),
    [
        ("e", {"content": "{}"}, "locale_code", "a locale such as en or fr-BE"),
        ("en/a b", {"content": "{}"}, "namespace", "a namespace out of letters, digits, _ and -"),
        ("en", {"content": "{}", "format": "yaml"}, "format", "json or po"),
        ("en", {}, "content", "an object of texts"),
        ("en", {"content": "[]"}, "content", "an object of texts"),
        (
            "en",
            {"content": "{"},
            "content",
            "valid JSON; line 1, column 2: Expecting property name enclosed in double quotes",
        ),
        ("en", {"content": {"a": {"b": 1}}}, "content.a.b", "text, or an object of texts"),
        ("en", {"content": {"a": "{{"}}, "content.a", "valid Liquid; "),
        ("en", {"content": "nonsense", "format": "po"}, "content", "a valid PO file; line 1: neither"),
        (
            "en",
            {"content": 'msgid "a"\nmsgid "b"', "format": "po"},
            "content",
            "a valid PO file; line 2: a second msgid",
        ),
        ("en", {"content": 'msgid "a"\nmsgstr "{{"', "format": "po"}, "content.a", "valid Liquid; "),
        ("en", {"content": {}, "format": "po"}, "content", "the text of a PO file"),
    ],
)
def test_what_is_no_translation_is_a_problem(key: str, source: dict[str, Any], path: str, expected: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        parse_translation(key, source)
    [problem] = caught.value.problems
    assert problem.path == path
    assert problem.expected.startswith(expected)
