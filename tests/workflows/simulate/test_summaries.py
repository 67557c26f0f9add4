"""Contents in a few words."""

from __future__ import annotations

import pytest

from workflows.content import Call, Chat, Content, Email, FeedItem, Push, Sms
from workflows.simulate.summaries import full_text, title

FEED = FeedItem(({"name": "body", "rendered": "<p>Hello <b>Jane</b></p>"}, {"name": "action_url", "rendered": "/x"}))


@pytest.mark.parametrize(
    ("content", "words", "text"),
    [
        (Email("a@b.c", "Hi", "<p>x</p>", "x\n"), "Hi", "To: a@b.c\nSubject: Hi\n\nx"),
        (Sms("+1555", "one\ntwo"), "one two", "To: +1555\n\none\ntwo"),
        (Push("t", "Title", "body"), "Title", "Title\nbody"),
        (Chat({}, markdown="*hi*"), "*hi*", "*hi*"),
        (FEED, "Hello Jane", "<p>Hello <b>Jane</b></p>\n/x"),
        (Call("post", "https://a.test", body="{}"), "POST https://a.test", "POST https://a.test\n{}"),
    ],
)
def test_a_content_in_words(content: Content, words: str, text: str) -> None:
    assert (title(content), full_text(content)) == (words, text)


def test_a_title_is_short() -> None:
    assert title(Sms("+1555", "x" * 61)) == "x" * 59 + "…"
