"""A workflow as Knock publishes its templates, with a layout and a partial, written by nobody here: it loads and runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from notify_workers import channels
from notify_workers.resources import pull_library, push_library
from notify_workers.store.session import transaction
from tests.engine import DEVELOPMENT, Engine
from tests.mail_server import MailServer

COMMENTS: dict[str, Any] = {
    "$schema": "https://schemas.knock.app/cli/workflow.json",
    "name": "Comments",
    "trigger_frequency": "every_trigger",
    "settings": {"override_preferences": False, "is_commercial": False},
    "steps": [
        {
            "ref": "batch_1",
            "type": "batch",
            "name": "Batch",
            "settings": {
                "batch_execution_mode": "accumulate",
                "batch_key": "page_id",
                "batch_order": "asc",
                "batch_window": {"unit": "minutes", "value": 15},
                "batch_window_type": "fixed",
            },
        },
        {
            "ref": "in_app_feed_1",
            "type": "channel",
            "channel_key": "in-app-feed",
            "channel_type": "in_app_feed",
            "template": {
                "action_url": "{{ vars.app_url }}/pages/{{page_id}}",
                "markdown_body@": "in_app_feed_1/markdown_body.md",
            },
        },
        {"ref": "delay_1", "type": "delay", "settings": {"delay_for": {"unit": "minutes", "value": 60}}},
        {
            "ref": "email_1",
            "type": "channel",
            "channel_key": "sendgrid",
            "conditions": {
                "all": [{"argument": "$message.seen", "operator": "less_than", "variable": "refs.in_app_feed_1.status"}]
            },
            "template": {
                "settings": {"attachment_key": "attachments", "layout_key": "branded"},
                "subject": "New activity on {{ page_name }}",
                "visual_blocks@": "email_1/visual_blocks.json",
            },
        },
    ],
    "__readonly": {"key": "comments", "active": True, "environment": "development", "valid": True, "sha": "x"},
}
FEED = (
    "**{{ actor.name }}** {% if total_activities > 1 %}and {{ total_activities | minus: 1 }}"
    ' {{ total_activities | minus: 1 | pluralize: "other", "others" }} {% endif %}commented on **{{ page_name }}**\n'
)
BLOCKS = [
    {"type": "partial", "key": "activity", "name": "Activity", "attrs": {"title": "{{ page_name }}"}, "version": 1},
    {
        "type": "html",
        "version": 1,
        "layout_attrs": {"padding_top": 8, "padding_right": 4, "padding_bottom": 8, "padding_left": 4},
        "content@": "visual_blocks/2.content.html",
    },
    {
        "type": "button_set",
        "version": 1,
        "layout_attrs": {"column_gap": 8, "horizontal_align": "left"},
        "buttons": [
            {
                "label": "See it",
                "action": "{{ vars.app_url }}/pages/{{ page_id }}",
                "variant": "solid",
                "size_attrs": {"is_fullwidth": False, "size": "sm"},
                "style_attrs": {"background_color": "primary_color", "text_color": "primary_color_contrast"},
            }
        ],
    },
]
LIST = "{% for activity in activities %}<p>{{ activity.actor.name }}: {{ activity.comment_body }}</p>{% endfor %}"
FILES: dict[str, Any] = {
    "workflows/comments/workflow.json": COMMENTS,
    "workflows/comments/in_app_feed_1/markdown_body.md": FEED,
    "workflows/comments/email_1/visual_blocks.json": BLOCKS,
    "workflows/comments/email_1/visual_blocks/2.content.html": LIST,
    "layouts/branded/layout.json": {
        "name": "Branded",
        "html_layout@": "html_layout.html",
        "text_layout@": "text_layout.txt",
        "footer_links": [{"text": "Help", "url": "{{ vars.app_url }}/help"}],
    },
    "layouts/branded/html_layout.html": (
        '<html><body style="color: {{ vars.branding.primary_color }}">{{ content }}'
        '{% for link in footer_links %}<a href="{{ link.url }}">{{ link.text }}</a>{% endfor %}</body></html>\n'
    ),
    "layouts/branded/text_layout.txt": "{{ content }}\n",
    "partials/activity/partial.json": {
        "name": "Activity",
        "type": "html",
        "visual_block_enabled": True,
        "icon_name": "Bell",
        "input_schema": [{"type": "text", "key": "title", "label": "Title", "settings": {"required": True}}],
        "content@": "content.html",
    },
    "partials/activity/content.html": "<h1>{{ title }}</h1>\n",
}


def write(root: Path) -> None:
    for name, content in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2) + "\n")


@pytest.fixture
def comments(engine: Engine, mail: MailServer, tmp_path: Path) -> Engine:
    settings = {"host": "127.0.0.1", "port": str(mail.port), "security": "none", "from_address": "a@doorbell.test"}
    channels.set_channel(DEVELOPMENT, "sendgrid", provider="smtp", name="SendGrid", settings=settings)
    with transaction() as tx:
        variables = {"app_url": "https://app.example.com", "branding": {"primary_color": "#102030"}}
        tx.run(
            text("update environments set variables = cast(:vars as jsonb) where id = :id"),
            vars=json.dumps(variables),
            id=DEVELOPMENT,
        )
    write(tmp_path)
    push_library(tmp_path, DEVELOPMENT)
    for name, comment in (("Nora", "Nice"), ("Omar", "Very <nice>")):
        actor = {"id": name.lower(), "name": name}
        data = {"page_id": "p1", "page_name": "Plans & Dreams", "comment_body": comment}
        engine.trigger("comments", [{"id": "jane", "email": "jane@example.com"}], actor=actor, data=data)
        engine.drain()
    return engine


def test_it_runs_from_batch_to_mail(comments: Engine, mail: MailServer) -> None:
    comments.advance(minutes=15)
    item = comments.one("select content from messages where channel_type = 'in_app_feed'").content
    blocks = {each["name"]: each["rendered"] for each in item["blocks"]}
    assert blocks["body"].endswith("and 1 other commented on <strong>Plans &amp; Dreams</strong></p>")
    assert blocks["action_url"] == "https://app.example.com/pages/p1"
    comments.advance(minutes=60)
    assert mail.subjects() == ["New activity on Plans & Dreams"]
    html = mail.messages[0].get_body(("html",))
    assert html is not None
    body = html.get_content()
    assert '<body style="color: #102030">' in body
    assert "<h1>Plans &amp; Dreams</h1>" in body
    assert "<p>Nora: Nice</p><p>Omar: Very &lt;nice&gt;</p>" in body
    assert 'href="https://app.example.com/pages/p1"' in body
    assert '<a href="https://app.example.com/help">Help</a>' in body


def test_who_has_seen_it_gets_no_mail(comments: Engine, mail: MailServer) -> None:
    comments.advance(minutes=15)
    comments.rows("update messages set seen_at = engine_now() returning id")
    comments.advance(minutes=60)
    assert mail.subjects() == []
    assert comments.statuses() == {"completed": 2}


def test_what_was_pushed_is_pulled_byte_for_byte(comments: Engine, tmp_path: Path) -> None:
    pulled = tmp_path / "pulled"
    pull_library(pulled, DEVELOPMENT)
    write(tmp_path / "written")
    for name in FILES:
        assert (pulled / name).read_bytes() == (tmp_path / "written" / name).read_bytes(), name
