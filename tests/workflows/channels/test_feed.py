from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.channels.conftest import MakeSender, Sender
from workflows.errors import StepFailed
from workflows.templates import ActionButton, FeedTemplate


@pytest.fixture
def feed(sender: MakeSender) -> MakeSender:
    def make(markdown_body: str = "**{{ data.what }}**", **fields: Any) -> Sender:
        template = {name: fields.pop(name) for name in ("action_url", "action_buttons") if name in fields}
        return sender(FeedTemplate(markdown_body, **template), "in_app_feed", **fields)

    return make


def test_the_blocks_are_those_that_a_feed_shows(feed: MakeSender) -> None:
    buttons = (ActionButton("See {{ data.what }}", "/{{ data.what }}"), ActionButton("No", "https://x.test/no"))
    item = feed(data={"what": "it"}, action_url="/do?{{ data.what }}", action_buttons=buttons).one()
    assert item.blocks == (
        {
            "name": "body",
            "type": "markdown",
            "content": "**{{ data.what }}**",
            "rendered": "<p><strong>it</strong></p>",
        },
        {"name": "action_url", "type": "text", "content": "/do?{{ data.what }}", "rendered": "/do?it"},
        {
            "name": "actions",
            "type": "button_set",
            "buttons": [
                {"name": "primary", "label": "See it", "action": "/it"},
                {"name": "secondary", "label": "No", "action": "https://x.test/no"},
            ],
        },
    )


def test_what_the_template_does_not_have_is_no_block(feed: MakeSender) -> None:
    assert [block["name"] for block in feed(action_url="").one().blocks] == ["body"]


def test_an_object_has_no_feed(feed: MakeSender) -> None:
    assert feed(recipient={"collection": "projects"}).reason() == "an object has no in-app feed"
    assert feed(recipient={"collection": "$users"}).addresses() == ["jane"]


def test_a_variable_brings_no_html(feed: MakeSender) -> None:
    item = feed(data={"what": "<img src=x onerror=alert(1)>"}).one()
    assert item.blocks[0]["rendered"] == "<p><strong>&lt;img src=x onerror=alert(1)&gt;</strong></p>"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("javascript:alert(1)", "`javascript:`"),
        ("myapp://open", "`myapp:`"),
        ("\x01 java\nscript\t:alert(1)", "`javascript:`"),
    ],
)
@pytest.mark.parametrize("field", ["action_url", "action_buttons/1/action"])
def test_an_action_that_leads_elsewhere_fails_the_step(url: str, place: str, field: str, feed: MakeSender) -> None:
    fields: dict[str, Any] = {"action_url": "{{ data.url }}"}
    if field != "action_url":
        fields = {"action_buttons": (ActionButton("Go", "{{ data.url }}"),)}
    with pytest.raises(StepFailed) as caught:
        feed(data={"url": url}, **fields).send()
    message = f"step_1/{field} leads to {place}"
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("; it may lead to http, https, mailto, a path, a query or a fragment")


def test_also_the_authors_own_action_is_held_to_it(feed: MakeSender) -> None:
    with pytest.raises(StepFailed, match=r"step_1/action_url leads to `javascript:`"):
        feed(action_url="javascript:{{ data.x }}").send()


def test_an_action_that_renders_to_nothing_stays_empty(feed: MakeSender) -> None:
    assert feed(action_url="{{ data.gone }}\n").one().blocks[1]["rendered"] == ""


def test_an_action_over_several_lines_is_one_url(feed: MakeSender) -> None:
    source = "{% if data.url %}\n  {{ data.url }}\n{% endif %}\n?a=b"
    assert feed(action_url=source, data={"url": "/x"}).one().blocks[1]["rendered"] == "/x?a=b"


def test_more_markdown_than_anybody_waits_for_fails_the_step(feed: MakeSender) -> None:
    with pytest.raises(StepFailed, match="step_1/markdown_body has 50001 characters, of Markdown there may be 50000"):
        feed("{{ data.text }}", data={"text": "[" * 50_001}).send()
