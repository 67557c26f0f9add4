from __future__ import annotations

import json

import pytest

from workflows.content import Call, Chat, Content, Email, FeedItem, Push, Sms, content_from_json

CONTENTS: list[Content] = [
    Email(to="jane@example.com", subject="Hi", html="<p>Hi</p>", text="Hi"),
    Sms("+1555", "Hi", {"a": [1]}),
    Push("token", "Hi", "there", True, {"a": {"b": 1}}),
    Push("token", "Hi", "there", token_deregistration=False),
    Chat({"channel_id": "C1"}, "Hi", None, "sum"),
    Chat({"channel_id": "C1"}, json_content={"blocks": []}),
    FeedItem(({"name": "body", "type": "markdown", "content": "Hi", "rendered": "<p>Hi</p>"},)),
    Call("POST", "https://x.test/", {"X-A": "1"}, (("a", "1"), ("a", "2")), "{}"),
    Call("GET", "https://x.test/"),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
def test_a_content_survives_being_stored(content: Content) -> None:
    assert content_from_json(json.loads(json.dumps(content.as_json()))) == content


def test_what_the_first_version_stored_is_an_email() -> None:
    names = ("to", "subject", "html", "text", "sender", "cc", "bcc", "reply_to")
    assert content_from_json({name: name for name in names}) == Email(*names)


def test_a_kind_that_nobody_knows_is_not_taken_for_another() -> None:
    with pytest.raises(KeyError):
        content_from_json({"kind": "pigeon"})
