"""Workflow files in the forms that are found in the wild: the CLI's scaffolds and trees, the API's answers, old files."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from workflows.files import read_workflow, write_workflow
from workflows.model import BatchStep, BranchStep, ChannelStep, CohortStep, DelayStep, Workflow
from workflows.parse import parse_workflow
from workflows.shape import published_schema

SCHEMA = "https://schemas.knock.app/cli/workflow.json"
UNSEEN = {"all": [{"argument": "$message.seen", "operator": "less_than", "variable": "refs.in_app_feed_1.status"}]}

FILES: dict[str, dict[str, Any]] = {
    "an empty workflow, its schema first": {"$schema": SCHEMA, "name": "First", "steps": []},
    "the CLI's scaffold, without channel types": {
        "name": "Scaffold",
        "steps": [
            {
                "ref": "email_1",
                "type": "channel",
                "channel_key": "<EMAIL CHANNEL KEY>",
                "template": {"settings": {"layout_key": "default"}, "subject": "Mail!", "html_body": "<p>Hello</p>"},
            },
            {"ref": "sms_1", "type": "channel", "channel_key": "sms", "template": {"text_body": "Hello"}},
            {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "seconds", "value": 30}}},
            {
                "ref": "push_1",
                "type": "channel",
                "channel_key": "p",
                "template": {"settings": {"delivery_type": "content"}, "text_body": "Hello"},
            },
            {
                "ref": "batch_1",
                "type": "batch",
                "settings": {"batch_order": "asc", "batch_window": {"unit": "seconds", "value": 30}},
            },
            {"ref": "http_fetch_1", "type": "http_fetch", "settings": {"method": "get", "url": "https://example.com"}},
            {"ref": "chat_1", "type": "channel", "channel_key": "c", "template": {"markdown_body": "Hello"}},
            {
                "ref": "in_app_feed_1",
                "type": "channel",
                "channel_key": "f",
                "template": {"action_url": "{{ vars.app_url }}", "markdown_body": "Hello"},
            },
        ],
    },
    "a newer scaffold's sliding batch without a limit of its extension, repaired": {
        "name": "Sliding",
        "steps": [
            {
                "ref": "batch_1",
                "type": "batch",
                "settings": {
                    "batch_order": "asc",
                    "batch_window": {"unit": "seconds", "value": 30},
                    "batch_window_extension_limit": {"unit": "minutes", "value": 5},
                    "batch_window_type": "sliding",
                },
            }
        ],
    },
    "a pulled tree: facts of the server, keys of the alphabet, the old status of a reference": {
        "name": "Comments",
        "steps": [
            {
                "description": "By page",
                "name": "Batch",
                "ref": "batch_1",
                "settings": {
                    "batch_execution_mode": "accumulate",
                    "batch_key": "page_id",
                    "batch_order": "asc",
                    "batch_window": {"unit": "minutes", "value": 15},
                    "batch_window_type": "fixed",
                },
                "type": "batch",
            },
            {
                "channel_key": "in-app-feed",
                "channel_type": "in_app_feed",
                "ref": "in_app_feed_1",
                "template": {"action_url": "", "markdown_body": "**{{ total_activities }}** comments"},
                "type": "channel",
            },
            {
                "channel_key": "sendgrid",
                "channel_type": "email",
                "conditions": UNSEEN,
                "ref": "email_1",
                "template": {
                    "is_mjml": False,
                    "settings": {"attachment_key": "attachments", "layout_key": "default"},
                    "subject": '{{ total_activities | pluralize: "comment", "comments" }}',
                    "visual_blocks": [],
                },
                "type": "channel",
            },
        ],
        "trigger_frequency": "every_trigger",
        "__readonly": {"environment": "development", "key": "comments", "active": True, "valid": True},
        "$schema": SCHEMA,
    },
    "a branch on settings, its default with steps and without conditions, bare words and null as arguments": {
        "conditions": {"all": [{"argument": "event", "operator": "contains", "variable": "data.alert.events"}]},
        "name": "Alerts",
        "steps": [
            {
                "branches": [
                    {
                        "conditions": {
                            "all": [{"argument": "null", "operator": "equal_to", "variable": "data.alert.window"}]
                        },
                        "name": "At once",
                        "steps": [
                            {
                                "channel_key": "twilio",
                                "channel_type": "sms",
                                "ref": "sms_1",
                                "template": {"settings": {}, "text_body": "New alert"},
                                "type": "channel",
                            }
                        ],
                        "terminates": False,
                    },
                    {
                        "name": "Daily",
                        "steps": [
                            {
                                "ref": "batch_1",
                                "settings": {
                                    "batch_key": "event",
                                    "batch_until_field_path": "data.alert.window",
                                    "batch_window_type": "fixed",
                                },
                                "type": "batch",
                            }
                        ],
                        "terminates": False,
                    },
                ],
                "ref": "branch_1",
                "type": "branch",
            }
        ],
    },
    "an answer of the API: null for everything that is not set": {
        "key": "welcome",
        "name": "Welcome",
        "active": False,
        "valid": True,
        "sha": "abc",
        "environment": "development",
        "created_at": "2022-12-16T19:07:50.027113Z",
        "updated_at": "2023-02-08T22:15:19.846681Z",
        "created_by": {"id": "user_1", "name": "Jane", "email": "jane@example.com"},
        "updated_by": None,
        "deleted_at": None,
        "description": None,
        "categories": [],
        "tags": None,
        "conditions": None,
        "goal_attachment": None,
        "trigger_data_json_schema": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}},
        },
        "steps": [
            {
                "channel_group_key": None,
                "channel_key": "slack",
                "channel_overrides": None,
                "channel_type": "chat",
                "conditions": None,
                "description": None,
                "name": "Chat",
                "ref": "channel_step",
                "send_windows": None,
                "template": {"json_body": None, "markdown_body": "**Hello**", "summary": "Hello"},
                "type": "channel",
            },
            {
                "conditions": {},
                "name": None,
                "ref": "d",
                "settings": {"delay_for": {"unit": "weeks", "value": 1}},
                "type": "delay",
            },
        ],
    },
    "an experiment as the API answers it: percentages are text": {
        "name": "Experiment",
        "steps": [
            {
                "cohort_branches": [
                    {"name": "Control", "percentage": "33.3", "steps": [], "terminates": False},
                    {"name": "Variant", "percentage": "66.7", "steps": [], "terminates": False},
                ],
                "cohort_key": None,
                "ref": "experiment_1",
                "type": "random_cohort",
            }
        ],
    },
    "a push of the CLI: references beside what they refer to, JSON parsed": {
        "name": "Pushed",
        "steps": [
            {
                "ref": "chat_1",
                "type": "channel",
                "channel_key": "slack",
                "template": {
                    "json_body@": "chat_1/json_body.json",
                    "json_body": {"blocks": [{"type": "section", "text": "{{ data.text }}"}]},
                },
            },
            {
                "ref": "email_1",
                "type": "channel",
                "channel_key": "email",
                "template": {
                    "subject": "Hi",
                    "visual_blocks@": "email_1/visual_blocks.json",
                    "visual_blocks": [
                        {"type": "markdown", "content@": "visual_blocks/1.content.md", "content": "*Hi*"}
                    ],
                },
            },
        ],
        "$schema": SCHEMA,
        "key": "pushed",
    },
    "blocks as the editor makes them": {
        "name": "Blocks",
        "steps": [
            {
                "ref": "email_1",
                "type": "channel",
                "channel_key": "postmark",
                "template": {
                    "subject": "Reset your password",
                    "settings": {},
                    "visual_blocks": [
                        {
                            "buttons": [
                                {
                                    "action": "{{ data.url }}",
                                    "label": "Reset ",
                                    "size_attrs": {"size": "sm"},
                                    "style_attrs": {
                                        "background_color": "primary_color",
                                        "border_radius": 6,
                                        "text_color": "primary_color_contrast",
                                    },
                                    "variant": "solid",
                                }
                            ],
                            "id": "6f2a3c1e-0000-4000-8000-000000000000",
                            "layout_attrs": {
                                "column_gap": 8,
                                "horizontal_align": "left",
                                "padding_bottom": 40,
                                "padding_left": 4,
                                "padding_right": 4,
                                "padding_top": 8,
                            },
                            "type": "button_set",
                            "version": 1,
                        },
                        {"type": "partial", "key": "my_partial", "name": "my_partial", "attrs": {"foo": "bar"}},
                    ],
                },
            }
        ],
    },
    "numbers written as text": {
        "name": "Numbers",
        "steps": [
            {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "minutes", "value": "30"}}},
            {
                "ref": "throttle_1",
                "type": "throttle",
                "settings": {"throttle_limit": "2", "throttle_window": {"unit": "hours", "value": "1"}},
            },
        ],
    },
    "send windows of the working week": {
        "name": "Windows",
        "steps": [
            {
                "ref": "sms_1",
                "type": "channel",
                "channel_key": "twilio",
                "template": {"text_body": "Hi", "settings": None},
                "send_windows": [
                    *(
                        {"day": day, "type": "send", "from": "09:00:00", "until": "17:00:00"}
                        for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
                    ),
                    {"day": "saturday", "type": "do_not_send", "from": None, "until": None},
                    {"day": "sunday", "type": "do_not_send"},
                ],
            }
        ],
    },
    "any of several groups": {
        "name": "Groups",
        "steps": [
            {
                "ref": "update_data_1",
                "type": "update_data",
                "settings": {"data": '{% if data.a %}{"b": 1}{% else %}{}{% endif %}'},
                "conditions": {
                    "any": [
                        {"all": [{"variable": "recipient.plan", "operator": "equal_to", "argument": '"pro"'}]},
                        {"variable": "recipient.plan", "operator": "empty"},
                    ]
                },
            }
        ],
    },
    "a webhook that leaves everything to its channel": {
        "name": "Webhook",
        "steps": [{"ref": "http_1", "type": "channel", "channel_key": "pagerduty", "channel_type": "http"}],
    },
    "a guide": {
        "name": "Guide",
        "steps": [
            {
                "channel_group_key": None,
                "channel_key": "in-app-guide",
                "channel_type": "in_app_guide",
                "guide_key": "onboarding",
                "ref": "in_app_guide_step",
                "type": "channel",
            }
        ],
    },
}

CHANNEL_TYPES = {"email_1": "email", "sms_1": "sms", "push_1": "push", "chat_1": "chat", "in_app_feed_1": "in_app_feed"}


def parsed(name: str) -> Workflow:
    return parse_workflow("welcome", FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_it_is_read(name: str) -> None:
    assert [step.ref for step in parsed(name).steps] == [step["ref"] for step in FILES[name]["steps"]]


@pytest.mark.parametrize("name", [name for name in FILES if name != "numbers written as text"])
def test_no_editor_complains(name: str) -> None:
    assert list(Draft202012Validator(published_schema("workflow")).iter_errors(FILES[name])) == []


@pytest.mark.parametrize("name", FILES)
def test_it_is_the_same_workflow_after_it_was_written_and_read(name: str, tmp_path: Path) -> None:
    write_workflow(tmp_path, FILES[name])
    read = read_workflow(tmp_path)
    assert parse_workflow("welcome", read) == parsed(name)
    assert write_workflow(tmp_path, read) == []


def test_a_scaffold_has_the_channel_types_that_its_references_say() -> None:
    workflow = parsed("the CLI's scaffold, without channel types")
    found = {step.ref: step.channel_type for step in workflow if isinstance(step, ChannelStep)}
    assert found == CHANNEL_TYPES


def test_a_batch_until_a_path_needs_no_window() -> None:
    name = "a branch on settings, its default with steps and without conditions, bare words and null as arguments"
    workflow = parsed(name)
    branch, batch = workflow.step("branch_1"), workflow.step("batch_1")
    assert isinstance(branch, BranchStep)
    assert [each.conditions is None for each in branch.branches] == [False, True]
    assert isinstance(batch, BatchStep)
    assert (batch.window, batch.until_path) == (None, "data.alert.window")


def test_percentages_and_numbers_are_numbers() -> None:
    experiment = parsed("an experiment as the API answers it: percentages are text").step("experiment_1")
    assert isinstance(experiment, CohortStep)
    assert [str(cohort.percentage) for cohort in experiment.branches] == ["33.3", "66.7"]
    delay = parsed("numbers written as text").step("delay_1")
    assert isinstance(delay, DelayStep)
    assert delay.delay_for is not None
    assert delay.delay_for.value == 30
