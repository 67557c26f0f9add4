from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


SCRIPTS = [
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    " java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "java\tscript\r:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("url", SCRIPTS)
@pytest.mark.parametrize("place", ["action_url", "action_buttons"])
def test_an_action_that_leads_to_a_script_is_refused(url: str, place: str, feed: MakeSender) -> None:
    fields: dict[str, Any] = {"action_url": "{{ data.url }}"}
    if place == "action_buttons":
        fields = {"action_buttons": (ActionButton("Go", "{{ data.url }}"),)}
    with pytest.raises(StepFailed, match=f"step_1/{place}.* leads to `.*:`, which could run a script"):
        feed(data={"url": url}, **fields).send()


@pytest.mark.parametrize(
    "url",
    [
        "https://x.test/a?b=c:d",
        "HTTP://x.test",
        "mailto:a@x.test",
        "myapp://open",
        "/a:b",
        "a/b",
        "?a",
        "#a",
        "",
        "//x.test/",
    ],
)
def test_any_other_action_stays_as_it_is(url: str, feed: MakeSender) -> None:
    assert feed(data={"url": url}, action_url="{{ data.url }}").one().blocks[1]["rendered"] == url


@pytest.mark.parametrize("url", SCRIPTS[:4])
def test_a_markdown_link_to_a_script_is_no_link(url: str, feed: MakeSender) -> None:
    item = feed("[go]({{ data.url }}) <{{ data.url }}>", data={"url": url}).one()
    assert "<a" not in item.blocks[0]["rendered"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="<>/\"'&;:()[]` \nimgscrptonjavx=#1!-"))
def test_no_variable_opens_a_tag_that_runs(feed: MakeSender, text: str) -> None:
    rendered = feed("a {{ data.text }} b", data={"text": text}).one().blocks[0]["rendered"].lower()
    assert "<script" not in rendered
    assert "<img" not in rendered or 'src="javascript' not in rendered
    assert 'href="javascript' not in rendered
