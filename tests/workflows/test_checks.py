"""Everything that is wrong with a document is told: where, what stands there, what was expected."""

from typing import Any

import pytest

from workflows.errors import DocumentInvalid
from workflows.limits import longest
from workflows.parse import parse_layout, parse_partial, parse_workflow

EMAIL: dict[str, Any] = {
    "ref": "email_1",
    "type": "channel",
    "channel_key": "email",
    "channel_type": "email",
    "template": {"subject": "Hi", "html_body": "<p>Hi</p>"},
}
DELAY: dict[str, Any] = {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "days", "value": 3}}}
GROUP = {"all": [{"variable": "data.a", "operator": "equal_to", "argument": "1"}]}
WINDOW = {"unit": "minutes", "value": 10}
BROKEN = "Hello {{ name"
LIQUID = "valid Liquid; line 1, column 7: expected '}}', found end of file\nHello {{ name\n      ^"

Found = list[tuple[str, object, str]]


def document(*steps: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "Welcome", "steps": list(steps), **fields}


def email(**template: Any) -> dict[str, Any]:
    return {**EMAIL, "template": {"subject": "Hi", **template}}


def channel(kind: str, template: Any, **fields: Any) -> dict[str, Any]:
    return {"ref": "c", "type": "channel", "channel_type": kind, "channel_key": "key", "template": template, **fields}


def function(kind: str, **settings: Any) -> dict[str, Any]:
    return {"ref": "f", "type": kind, "settings": settings}


def delay(**settings: Any) -> dict[str, Any]:
    return function("delay", **settings)


def branch(*branches: Any, **fields: Any) -> dict[str, Any]:
    return {"ref": "b", "type": "branch", "branches": list(branches), **fields}


def cohorts(*percentages: Any, **fields: Any) -> dict[str, Any]:
    ways = [{"percentage": each, "steps": []} for each in percentages]
    return {"ref": "e", "type": "random_cohort", "cohort_branches": ways, **fields}


def waiting(event: Any, **settings: Any) -> dict[str, Any]:
    return function("wait_for_event", event=event, **settings)


def problems(source: Any, key: str = "welcome") -> Found:
    with pytest.raises(DocumentInvalid) as caught:
        parse_workflow(key, source)
    return [(problem.path, problem.value, problem.expected) for problem in caught.value.problems]


def problem(step: dict[str, Any]) -> tuple[str, object, str]:
    """The only problem of the only step, its path without the step's."""
    [(path, value, expected)] = problems(document(step))
    assert path.startswith("steps[0]")
    return path.removeprefix("steps[0]").removeprefix("."), value, expected


# Documents


@pytest.mark.parametrize("key", ["ab", "x" * 256, "Welcome", "wel come", "wel/come", "welcome\n", ""])
def test_a_key_outside_of_the_rules_is_a_problem(key: str) -> None:
    assert problems(document(), key) == [("key", key, "a key of 3 to 255 characters out of a-z, 0-9, _ and -")]


STEP_TYPES = (
    "a step type: channel, delay, batch, branch, random_cohort, http_fetch, throttle, trigger_workflow, wait_for_event, "
    "ai_agent, update_data, update_user, update_tenant, update_object, update_audience"
)


@pytest.mark.parametrize(
    ("source", "path", "value", "expected"),
    [
        ([], "", [], "an object"),
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
        (
            document(trigger_frequency="sometimes"),
            "trigger_frequency",
            "sometimes",
            "one of every_trigger, once_per_recipient, once_per_recipient_per_tenant",
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
        (document(goal_attachment={}), "goal_attachment.goal_key", None, "the key of a goal"),
        (
            document(goal_attachment={"goal_key": "a", "attribution_window_days": 31}),
            "goal_attachment.attribution_window_days",
            31,
            "a whole number from 1 to 30",
        ),
        (document("step"), "steps[0]", "step", "a step"),
        (
            document({"type": "delay", "settings": DELAY["settings"]}),
            "steps[0].ref",
            None,
            "a reference, such as email_1",
        ),
        (document({"ref": "a"}), "steps[0].type", None, STEP_TYPES),
        (document({"ref": "a", "type": "pigeon"}), "steps[0].type", "pigeon", STEP_TYPES),
        (document(DELAY, DELAY), "steps[1].ref", "delay_1", "a reference that no other step has"),
        (document({**DELAY, "setting": 1}), "steps[0].setting", 1, "a known field, such as settings"),
    ],
)
def test_a_problem_has_its_path_its_value_and_what_was_expected(
    source: Any, path: str, value: object, expected: str
) -> None:
    assert problems(source) == [(path, value, expected)]


def test_every_problem_is_reported_at_once() -> None:
    source = document(
        {"ref": "batch_1", "type": "batch", "settings": {}},
        {**delay(delay_for={"unit": "eons", "value": 0}), "ref": "d"},
        {**email(html_body="", subject=BROKEN), "ref": "batch_1"},
        branch({"steps": [{"ref": "x", "type": "unknown"}]}),
        colour="red",
    )
    assert {path for path, _, _ in problems(source, "W")} == {
        "key",
        "colour",
        "steps[0].settings",
        "steps[1].settings.delay_for.unit",
        "steps[2].ref",
        "steps[2].template.subject",
        "steps[3].branches[0].steps[0].type",
    }


@pytest.mark.parametrize(
    "source",
    [
        None,
        "text",
        {"name": [], "steps": [None, [], {"type": []}, {"ref": 1, "type": "channel", "template": 5}]},
        {"steps": [{"ref": "b", "type": "branch", "branches": [None, {"steps": 5, "conditions": 7}]}]},
        {"steps": [{"ref": "e", "type": "random_cohort", "cohort_branches": [{"percentage": []}, 4]}]},
        {"steps": [{"ref": "w", "type": "wait_for_event", "settings": {"event": 5, "match_conditions": [1, {}]}}]},
        {"steps": [{"ref": "c", "type": "channel", "channel_type": [], "send_windows": 5, "channel_overrides": 1}]},
        {"steps": [{"ref": "a", "type": "ai_agent", "settings": {"response_schema": 5}}], "conditions": [5]},
        {"goal_attachment": 5, "trigger_data_json_schema": [], "settings": "x", "description": 5},
    ],
)
def test_a_document_of_any_shape_is_told_its_problems(source: Any) -> None:
    assert problems(source)


# Channel steps


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({**EMAIL, "channel_key": ""}, ("channel_key", "", "the key of a channel")),
        (
            {name: value for name, value in EMAIL.items() if name != "channel_key"},
            ("channel_key", None, "channel_key or channel_group_key"),
        ),
        (
            {**EMAIL, "channel_group_key": "mail"},
            ("channel_group_key", "mail", "channel_key or channel_group_key, not both"),
        ),
        (
            {**EMAIL, "channel_type": "fax"},
            ("channel_type", "fax", "a channel type: email, in_app_feed, in_app_guide, sms, push, chat, http"),
        ),
        ({**EMAIL, "template": "x"}, ("template", "x", "an e-mail template")),
        (email(), ("template.html_body", None, "html_body or visual_blocks")),
        ({**EMAIL, "template": {"html_body": "x"}}, ("template.subject", None, "a subject")),
        (
            email(html_body="x", visual_blocks=[]),
            ("template.visual_blocks", [], "html_body or visual_blocks, not both"),
        ),
        (
            email(visual_blocks=[], is_mjml=True),
            ("template.is_mjml", True, "false: blocks are rendered to HTML, only html_body can be MJML"),
        ),
        (
            email(html_body="<p>", is_mjml=True),
            ("template.html_body", "<p>", "MJML: a document in <mjml> … </mjml>"),
        ),
        (
            email(html_body="<p>", is_mjml=True, settings={"layout_key": "main"}),
            ("template.html_body", "<p>", "MJML: <mj-…> tags"),
        ),
        (
            email(html_body="x", settings={"layout_key": ""}),
            ("template.settings.layout_key", "", "the key of a layout"),
        ),
        (
            email(visual_blocks=[{"type": "carousel"}]),
            (
                "template.visual_blocks[0].type",
                "carousel",
                "a block type: markdown, html, image, divider, button_set, partial",
            ),
        ),
        (email(visual_blocks=[{"type": "html"}]), ("template.visual_blocks[0].content", None, "text")),
        (
            email(visual_blocks=[{"type": "divider", "layout_attrs": {"padding_top": -1}}]),
            ("template.visual_blocks[0].layout_attrs.padding_top", -1, "a whole number of pixels"),
        ),
        (
            email(visual_blocks=[{"type": "button_set", "buttons": [{"label": "Go"}]}]),
            ("template.visual_blocks[0].buttons[0].action", None, "an address"),
        ),
        (channel("sms", {}), ("template.text_body", None, "text")),
        (channel("push", {"title": "T"}), ("template.text_body", None, "text")),
        (channel("chat", {"summary": "S"}), ("template.markdown_body", None, "markdown_body or json_body")),
        (
            channel("chat", {"json_body": "{"}),
            (
                "template.json_body",
                "{",
                "valid JSON; line 1, column 2: Expecting property name enclosed in double quotes",
            ),
        ),
        (channel("in_app_feed", {"action_url": "/"}), ("template.markdown_body", None, "text")),
        (
            channel("in_app_feed", {"markdown_body": "", "action_buttons": [{"label": "A"}]}),
            ("template.action_buttons[0].action", None, "an address"),
        ),
        (channel("http", {"method": "head"}), ("template.method", "head", "one of get, post, put, delete, patch")),
        (
            {"ref": "g", "type": "channel", "channel_type": "in_app_guide", "channel_key": "key"},
            ("guide_key", None, "the key of a guide"),
        ),
        (
            {"ref": "s", "type": "channel", "channel_type": "sms", "channel_key": "key"},
            ("template", None, "an SMS template"),
        ),
        (channel("sms", {"text_body": "", "subject": "x"}), ("template.subject", "x", "a known field")),
        (
            channel("sms", {"text_body": ""}, channel_overrides={"open_tracking": True}),
            ("channel_overrides.open_tracking", True, "a known field, such as link_tracking"),
        ),
        (
            channel("http", {}, channel_overrides={"link_tracking": True}),
            ("channel_overrides.link_tracking", True, "a known field"),
        ),
        (
            channel("push", {"text_body": ""}, channel_overrides={"token_deregistration": "no"}),
            ("channel_overrides.token_deregistration", "no", "true or false"),
        ),
        (
            {**EMAIL, "channel_overrides": {"json_overrides": "[1,"}},
            ("channel_overrides.json_overrides", "[1,", "valid JSON; line 1, column 4: Expecting value"),
        ),
    ],
)
def test_what_is_wrong_with_a_channel_step_is_told(step: dict[str, Any], found: tuple[str, object, str]) -> None:
    assert problem(step) == found


def test_send_windows_are_checked() -> None:
    [(path, _, expected)] = problems(document({**EMAIL, "send_windows": [{"day": "monday", "type": "send"}]}))
    assert path == "steps[0].send_windows"
    assert "tuesday" in expected


# Function steps


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({"ref": "d", "type": "delay"}, ("settings", None, "settings with delay_for or delay_until_field_path")),
        (delay(), ("settings", {}, "delay_for or delay_until_field_path")),
        (
            delay(delay_for={"unit": "fortnights", "value": 1}),
            ("settings.delay_for.unit", "fortnights", "one of seconds, minutes, hours, days, weeks, months"),
        ),
        (delay(delay_for={"unit": "days"}), ("settings.delay_for.value", None, "a whole number")),
        (delay(delay_for={"unit": "days", "value": 1.5}), ("settings.delay_for.value", 1.5, "a whole number")),
        (delay(delay_for={"unit": "days", "value": True}), ("settings.delay_for.value", True, "a whole number")),
        (
            delay(delay_for={"unit": "days", "value": 0}),
            (
                "settings.delay_for.value",
                0,
                "a number greater than 0 (only an offset from delay_until_field_path goes back)",
            ),
        ),
        (
            delay(delay_for={"unit": "months", "value": 13}),
            ("settings.delay_for.value", 13, "at most 365 days, which is 12 months"),
        ),
        (
            delay(delay_for={"unit": "days", "value": -366}, delay_until_field_path="data.at"),
            ("settings.delay_for.value", -366, "at most 365 days, which is 365 days"),
        ),
        (
            delay(delay_until_field_path="{{ data.at }}"),
            ("settings.delay_until_field_path", "{{ data.at }}", "a path such as data.renewal_at, without braces"),
        ),
        (
            delay(delay_until_field_path="data..at"),
            ("settings.delay_until_field_path", "data..at", "a path such as data.renewal_at, without braces"),
        ),
        (function("batch"), ("settings", {}, "batch_window or batch_until_field_path")),
        (
            function("batch", batch_window=WINDOW, batch_window_type="sliding"),
            (
                "settings.batch_window_extension_limit",
                None,
                "a duration: how long a sliding batch may stay open",
            ),
        ),
        (
            function("batch", batch_window=WINDOW, batch_items_max_limit=1001),
            ("settings.batch_items_max_limit", 1001, "a whole number from 2 to 1000"),
        ),
        (
            function("batch", batch_window=WINDOW, batch_items_max_limit="1"),
            ("settings.batch_items_max_limit", 1, "a whole number from 2 to 1000"),
        ),
        (
            function("batch", batch_window=WINDOW, batch_items_render_limit=0),
            ("settings.batch_items_render_limit", 0, "a whole number from 1 to 100"),
        ),
        (
            function("batch", batch_window=WINDOW, batch_key="two words"),
            ("settings.batch_key", "two words", "a path such as data.project_id, or Liquid"),
        ),
        (
            function("batch", batch_window={"unit": "days", "value": 0}),
            (
                "settings.batch_window.value",
                0,
                "a number greater than 0 (only an offset from batch_until_field_path goes back)",
            ),
        ),
        (
            function("throttle", throttle_key="a"),
            ("settings", {"throttle_key": "a"}, "throttle_window or throttle_window_field_path"),
        ),
        (
            function("throttle", throttle_window={"unit": "days", "value": 32}),
            ("settings.throttle_window.value", 32, "at most 31 days, which is 31 days"),
        ),
        (
            function("throttle", throttle_window=WINDOW, throttle_limit=0),
            ("settings.throttle_limit", 0, "a whole number, 1 or more"),
        ),
        (
            function("http_fetch", url="https://example.com"),
            ("settings.method", None, "one of get, post, put, delete, patch"),
        ),
        (
            function("http_fetch", url="/", method="post", body="{a: 1}"),
            (
                "settings.body",
                "{a: 1}",
                "valid JSON; line 1, column 2: Expecting property name enclosed in double quotes",
            ),
        ),
        (
            function("http_fetch", url="/", method="get", headers="5"),
            ("settings.headers", "5", "a list of pairs of key and value, or a JSON object"),
        ),
        (
            function("http_fetch", url="/", method="get", query_params=[{"key": "a"}]),
            ("settings.query_params[0].value", None, "text"),
        ),
        (
            function("trigger_workflow", workflow_key="No Key"),
            ("settings.workflow_key", "No Key", "the key of a workflow, or Liquid"),
        ),
        (
            function("trigger_workflow", workflow_key="welcome", data="[]"),
            ("settings.data", "[]", "a JSON object"),
        ),
        (
            function("ai_agent", model="m", response_type="text"),
            ("settings.request_prompt", None, "what to ask"),
        ),
        (
            function("ai_agent", model="m", response_type="json", request_prompt=""),
            ("settings.response_schema", None, "the JSON Schema of the answer"),
        ),
        (
            function("ai_agent", model="m", response_type="json", request_prompt="", response_schema="[]"),
            ("settings.response_schema", "[]", "a JSON Schema, which is a JSON object"),
        ),
        (
            function("ai_agent", model="m", response_type="json", request_prompt="", response_schema={"type": "texts"}),
            (
                "settings.response_schema.type",
                "texts",
                "valid JSON Schema: 'texts' is not valid under any of the given schemas",
            ),
        ),
        (function("update_data"), ("settings.data", None, "a JSON object")),
        (function("update_data", data="[1]"), ("settings.data", "[1]", "a JSON object")),
        (
            function("update_user", recipient_mode="reference", update_properties="{}"),
            (
                "settings.recipient_gid",
                None,
                "whom to update: an id, gid://Object/<collection>/<id>, or Liquid",
            ),
        ),
        (
            function("update_user", recipient_mode="other", update_properties="{}"),
            ("settings.recipient_mode", "other", "one of current, reference"),
        ),
        (
            function("update_object", update_properties="{}"),
            ("settings.recipient_gid", None, "a reference such as gid://Object/projects/123"),
        ),
        (
            function("update_tenant", recipient_mode="current"),
            ("settings.update_properties", None, "a JSON object"),
        ),
        (function("update_audience"), ("settings.audience_key", None, "the key of an audience")),
        (
            function("update_audience", audience_key="vip", action="drop"),
            ("settings.action", "drop", "one of add, remove"),
        ),
        (
            waiting({"event_type": "moon"}),
            ("settings.event.event_type", "moon", "one of integration_source, message, workflow, audience, recipient"),
        ),
        (
            waiting({"event_type": "audience", "event_key": "enter"}),
            ("settings.event.audience_key", None, "the key of an audience"),
        ),
        (
            waiting({"event_type": "audience", "event_key": "in", "audience_key": "vip"}),
            ("settings.event.event_key", "in", "one of enter, exit"),
        ),
        (
            waiting({"event_type": "workflow", "event_key": "started", "source_key": "a"}),
            (
                "settings.match_conditions",
                None,
                "at least one condition: any other workflow would match too",
            ),
        ),
        (
            waiting({"event_type": "recipient"}, expires_after={"unit": "days", "value": 31}),
            ("settings.expires_after.value", 31, "at most 30 days, which is 30 days"),
        ),
        (
            waiting({"event_type": "recipient"}, expires_after={"unit": "days", "value": 0}),
            ("settings.expires_after.value", 0, "a number greater than 0"),
        ),
    ],
)
def test_what_is_wrong_with_a_function_step_is_told(step: dict[str, Any], found: tuple[str, object, str]) -> None:
    assert problem(step) == found


def test_the_conditions_of_a_wait_are_checked() -> None:
    match = {"conditions": [{"variable": "event.a", "operator": "like", "argument": "1"}]}
    [(path, value, _)] = problems(document(waiting({"event_type": "recipient"}, match_conditions=[match])))
    assert (path, value) == ("steps[0].settings.match_conditions[0].conditions[0].operator", "like")


def test_limits_are_counted_in_every_unit() -> None:
    assert [longest(31, unit) for unit in ("seconds", "minutes", "hours", "days", "weeks", "months")] == [
        2_678_400,
        44_640,
        744,
        31,
        4,
        1,
    ]


# Branches and experiments


@pytest.mark.parametrize(
    ("step", "found"),
    [
        (branch(), ("branches", [], "1 to 10 branches")),
        (
            branch({}, {}),
            ("branches[0].conditions", None, "conditions: only the last branch, the default, has none"),
        ),
        (
            branch({"conditions": GROUP}),
            ("branches[0].conditions", GROUP, "no conditions: the last branch is the default"),
        ),
        (
            cohorts(100),
            ("cohort_branches", [{"percentage": 100, "steps": []}], "2 to 10 cohorts"),
        ),
        (cohorts(50, 40), ("cohort_branches", "90 %", "percentages that add up to 100")),
        (
            cohorts(50, "49.95", "0.05"),
            None,
        ),
        (
            cohorts(101, "0"),
            ("cohort_branches[0].percentage", 101, "a percentage from 0 to 100 with at most one decimal"),
        ),
        (
            cohorts("half", 50),
            ("cohort_branches[0].percentage", "half", "a percentage from 0 to 100 with at most one decimal"),
        ),
        (
            cohorts(50, 50, cohort_key="two words"),
            ("cohort_key", "two words", "a path such as data.project_id, or Liquid"),
        ),
    ],
)
def test_what_is_wrong_with_a_fork_is_told(step: dict[str, Any], found: tuple[str, object, str] | None) -> None:
    if found is not None:
        assert problem(step) == found
    else:
        assert [path for path, _, _ in problems(document(step))] == [
            "steps[0].cohort_branches[1].percentage",
            "steps[0].cohort_branches[2].percentage",
        ]


def test_a_branch_step_has_no_conditions_of_its_own() -> None:
    expected = "no conditions: a branch step's stand in its branches"
    assert problem(branch({}, conditions=GROUP)) == ("conditions", GROUP, expected)


def test_there_are_at_most_ten_branches() -> None:
    ways = [{"conditions": GROUP} for _ in range(10)]
    assert parse_workflow("welcome", document(branch(*ways[:9], {}))).first() == "b"
    [(path, _, expected)] = problems(document(branch(*ways, {})))
    assert (path, expected) == ("steps[0].branches", "1 to 10 branches")


def nested(depth: int) -> dict[str, Any]:
    inner = [nested(depth - 1)] if depth else []
    return {"ref": f"b{depth}", "type": "branch", "branches": [{"steps": inner}]}


def test_branches_are_at_most_five_deep() -> None:
    assert len(list(parse_workflow("welcome", document(nested(5))))) == 6
    [(path, value, expected)] = problems(document(nested(6)))
    assert (path, value) == ("steps[0]" + ".branches[0].steps[0]" * 6, "b0")
    assert expected == "branches at most 5 deep"


def test_a_reference_is_unique_over_all_branches() -> None:
    source = document(branch({"conditions": GROUP, "steps": [DELAY]}, {"steps": [DELAY]}))
    assert problems(source) == [("steps[0].branches[1].steps[0].ref", "delay_1", "a reference that no other step has")]


# Conditions


@pytest.mark.parametrize(
    ("source", "path"),
    [
        (document(conditions={"all": [{"operator": "exists"}]}), "conditions.all[0].variable"),
        (document({**DELAY, "conditions": {"all": [{"operator": "exists"}]}}), "steps[0].conditions.all[0].variable"),
        (
            document(branch({"conditions": {"any": [{"operator": "exists"}]}}, {})),
            "steps[0].branches[0].conditions.any[0].variable",
        ),
    ],
)
def test_conditions_are_checked_wherever_they_stand(source: Any, path: str) -> None:
    assert [found for found, _, _ in problems(source)] == [path]


def looking_at(ref: str) -> dict[str, Any]:
    condition = {"variable": f"refs.{ref}.delivery_status", "operator": "equal_to", "argument": "$message.sent"}
    return {"all": [condition]}


def test_conditions_may_look_at_steps_that_come_before() -> None:
    after = {**DELAY, "conditions": looking_at("email_1")}
    inside = branch({"conditions": looking_at("email_1"), "steps": [after]}, {})
    assert parse_workflow("welcome", document(EMAIL, inside)).first() == "email_1"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (document(conditions=looking_at("email_1")), ("conditions", "refs.email_1", "a step that comes before")),
        (
            document({**DELAY, "conditions": looking_at("email_1")}, EMAIL),
            ("steps[0].conditions", "refs.email_1", "a step that comes before"),
        ),
        (
            document({**EMAIL, "conditions": looking_at("email_1")}),
            ("steps[0].conditions", "refs.email_1", "a step that comes before"),
        ),
        (
            document(EMAIL, branch({"conditions": looking_at("email_2")}, {})),
            ("steps[1].branches[0].conditions", "refs.email_2", "a step that comes before, such as refs.email_1"),
        ),
    ],
)
def test_conditions_that_look_at_other_steps_are_a_problem(source: Any, found: tuple[str, object, str]) -> None:
    assert problems(source) == [found]


# Liquid

BLOCK = {"type": "html", "content": ""}


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (email(html_body=BROKEN), "template.html_body"),
        (email(html_body="", subject=BROKEN), "template.subject"),
        (email(html_body="", text_body=BROKEN), "template.text_body"),
        (email(html_body="", settings={"pre_content": BROKEN}), "template.settings.pre_content"),
        (email(visual_blocks=[BLOCK, {"type": "markdown", "content": BROKEN}]), "template.visual_blocks[1].content"),
        (email(visual_blocks=[{"type": "image", "url": "", "alt": BROKEN}]), "template.visual_blocks[0].alt"),
        (
            email(visual_blocks=[{"type": "button_set", "buttons": [{"label": BROKEN, "action": ""}]}]),
            "template.visual_blocks[0].buttons[0].label",
        ),
        (
            email(visual_blocks=[{"type": "partial", "key": "footer", "attrs": {"a": BROKEN}}]),
            "template.visual_blocks[0].attrs.a",
        ),
        ({**EMAIL, "channel_overrides": {"cc_address": BROKEN}}, "channel_overrides.cc_address"),
        ({**EMAIL, "channel_overrides": {"json_overrides": BROKEN}}, "channel_overrides.json_overrides"),
        (channel("sms", {"text_body": BROKEN}), "template.text_body"),
        (channel("sms", {"text_body": "", "settings": {"to_number": BROKEN}}), "template.settings.to_number"),
        (
            channel("push", {"text_body": "", "settings": {"payload_overrides": BROKEN}}),
            "template.settings.payload_overrides",
        ),
        (channel("push", {"title": BROKEN, "text_body": ""}), "template.title"),
        (channel("chat", {"json_body": BROKEN}), "template.json_body"),
        (channel("chat", {"markdown_body": "", "summary": BROKEN}), "template.summary"),
        (channel("in_app_feed", {"markdown_body": "", "action_url": BROKEN}), "template.action_url"),
        (
            channel("in_app_feed", {"markdown_body": "", "action_buttons": [{"label": "", "action": BROKEN}]}),
            "template.action_buttons[0].action",
        ),
        (channel("http", {"headers": [{"key": "a", "value": BROKEN}]}), "template.headers[0].value"),
        (function("http_fetch", method="get", url=BROKEN), "settings.url"),
        (function("http_fetch", method="get", url="/", query_params=BROKEN), "settings.query_params"),
        (function("http_fetch", method="post", url="/", body=BROKEN), "settings.body"),
        (function("batch", batch_window=WINDOW, batch_key=BROKEN), "settings.batch_key"),
        (function("trigger_workflow", workflow_key=BROKEN), "settings.workflow_key"),
        (function("trigger_workflow", workflow_key="welcome", recipients=BROKEN), "settings.recipients"),
        (function("ai_agent", model="m", response_type="text", request_prompt=BROKEN), "settings.request_prompt"),
        (function("update_data", data=BROKEN), "settings.data"),
        (function("update_object", recipient_gid=BROKEN, update_properties="{}"), "settings.recipient_gid"),
    ],
)
def test_broken_liquid_is_a_problem_at_its_template(step: dict[str, Any], path: str) -> None:
    assert problem(step) == (path, BROKEN, LIQUID)


def test_a_partial_may_be_published_later() -> None:
    assert (
        parse_workflow("welcome", document(email(html_body="{% render 'footer', year: 2026 %}"))).first() == "email_1"
    )


# Layouts and partials

LAYOUT: dict[str, Any] = {"name": "L", "html_layout": "<b>{{ content }}</b>", "text_layout": "{{ content }}"}
PARTIAL: dict[str, Any] = {"name": "P", "type": "html", "content": "<b>{{ a }}</b>"}


@pytest.mark.parametrize(
    ("source", "path", "value", "expected"),
    [
        ({**LAYOUT, "html_layout": "<b>"}, "html_layout", "<b>", "a layout that outputs {{ content }}"),
        ({**LAYOUT, "text_layout": "x"}, "text_layout", "x", "a layout that outputs {{ content }}"),
        ({"name": "L", "text_layout": ""}, "html_layout", None, "text"),
        ({"name": "L", "html_layout": "{{ content }}"}, "text_layout", None, "text"),
        ({**LAYOUT, "html_layout": BROKEN}, "html_layout", BROKEN, LIQUID),
        ({**LAYOUT, "footer_links": [{"text": "a"}]}, "footer_links[0].url", None, "an address"),
        ({**LAYOUT, "footer_links": [{"text": "a", "url": BROKEN}]}, "footer_links[0].url", BROKEN, LIQUID),
        ({**LAYOUT, "is_mjml": True}, "html_layout", LAYOUT["html_layout"], "MJML: a document in <mjml> … </mjml>"),
        ({**LAYOUT, "colour": 1}, "colour", 1, "a known field"),
        (
            {**LAYOUT, "branding_overrides": {"primary": "#000"}},
            "branding_overrides.primary",
            "#000",
            "a known field, such as primary_color",
        ),
        ([], "", [], "an object"),
    ],
)
def test_what_is_wrong_with_a_layout_is_told(source: Any, path: str, value: object, expected: str) -> None:
    with pytest.raises(DocumentInvalid, match="layout `main`") as caught:
        parse_layout("main", source)
    found = [(problem.path, problem.value, problem.expected) for problem in caught.value.problems]
    assert (path, value, expected) in found
    assert len(found) == 1 or source == []


@pytest.mark.parametrize(
    ("source", "path", "value", "expected"),
    [
        ({**PARTIAL, "type": "xml"}, "type", "xml", "one of html, markdown, text, json"),
        ({"name": "P", "type": "html"}, "content", None, "text"),
        ({**PARTIAL, "content": BROKEN}, "content", BROKEN, LIQUID),
        (
            {**PARTIAL, "type": "json", "content": "{"},
            "content",
            "{",
            "valid JSON; line 1, column 2: Expecting property name enclosed in double quotes",
        ),
        ({**PARTIAL, "input_schema": [{"type": "text"}]}, "input_schema[0].key", None, "the name of a variable"),
        (
            {**PARTIAL, "input_schema": [{"type": "text", "key": "a"}, {"type": "url", "key": "a"}]},
            "input_schema[1].key",
            "a",
            "a key that no other input has",
        ),
    ],
)
def test_what_is_wrong_with_a_partial_is_told(source: Any, path: str, value: object, expected: str) -> None:
    with pytest.raises(DocumentInvalid, match="partial `footer`") as caught:
        parse_partial("footer", source)
    assert [(each.path, each.value, each.expected) for each in caught.value.problems] == [(path, value, expected)]
