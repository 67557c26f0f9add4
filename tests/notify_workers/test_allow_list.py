from __future__ import annotations

from typing import Any

import pytest

from notify_workers.allow_list import MOST_PATTERNS, AllowList, PatternInvalid, checked
from workflows.content import Call, Chat, Content, Email, FeedItem, GuideContent, Push, Sms
from workflows.recipients import USERS, Reference

JANE = Reference(USERS, "jane")
KNOWN = {"email": "Jane@Acme.com", "phone_number": "+1 (555) 000-1234"}


def email(to: str = "bob@example.com", **fields: Any) -> Email:
    return Email(to=to, subject="s", html="", text="", **fields)


def objection(patterns: list[str], content: Content, recipient: Reference = JANE) -> str:
    return AllowList(checked(patterns)).objection(content, recipient, KNOWN)


ALLOWED: list[tuple[str, Content]] = [
    ("*@example.com", email()),
    ("@EXAMPLE.com", email("Bob Roe <BOB@example.com>, ann@example.com")),
    ("bob+*@example.com", email("bob+test@example.com")),
    ("user:jane", email("Jane Doe <jane@acme.com>")),
    ("user:j*", email("jane@acme.com")),
    ("*@example.com", email(overrides={"from": "boss@acme.com", "reply_to": [{"email": "a@acme.com"}], "tag": "x"})),
    ("*@example.com", email(overrides={"headers": {"X-Mine": "1"}, "send_at": 1700000000})),
    ("+1555*", Sms("+1 555-000-9999", "hi")),
    ("user:jane", Sms("+15550001234", "hi")),
    ("+1555*", Sms("+15550001234", "hi", {"from": "+4912345678", "media_urls": ["https://x.test/a"]})),
    ("user:jane", Push("t1", "a", "b")),
    ("token:t*", Push("t1", "a", "b", overrides={"data": {"to": "anything"}})),
    ("user:jane", Chat({"channel_id": "C1"}, "hi")),
    ("user:jane", Chat({}, "hi")),
    ("+1555*", Chat({"phone_number": "+15550001234"}, "hi")),
    ("*@acme.com", Chat({"email": "jane@acme.com"}, "hi")),
    ("https://*.example.com/*", Call("POST", "https://hooks.example.com/a?b=c,d")),
    ("bob@example.com", FeedItem(())),
    ("bob@example.com", GuideContent({})),
]


@pytest.mark.parametrize(("pattern", "content"), ALLOWED)
def test_who_is_on_the_list_gets_the_message(pattern: str, content: Content) -> None:
    assert objection([pattern], content) == ""


HELD: list[tuple[str, Content]] = [
    ("*@example.com", email("bob@acme.com")),
    ("*@example.com", email("bob@example.com.evil.test")),
    ("*@example.com", email('"bob@example.com" <bob@acme.com>')),
    ("*@example.com", email("bob@example.com, ann@acme.com")),
    ("*@example.com", email(cc="Ann <ann@acme.com>")),
    ("*@example.com", email(bcc="ann@acme.com")),
    ("user:jane", email("support@acme.com")),
    ("user:jan", email("jane@acme.com")),
    ("user:jane", email("jane@acme.com", cc="bob@acme.com")),
    ("*@example.com", email(overrides={"personalizations": [{"to": [{"email": "ann@acme.com", "name": "Ann"}]}]})),
    ("*@example.com", email(overrides={"Destination": {"CcAddresses": ["Ann <ann@acme.com>"]}})),
    ("*@example.com", email(overrides={"recipient-variables": {"ann@acme.com": {}}})),
    ("*@example.com", email(overrides={"recipients": {"list_id": "everybody"}})),
    ("+1555*", Sms("+4915550001234", "hi")),
    ("+1555*", Sms("15550001234", "hi")),
    ("+1555*", Sms("+15550001234", "hi", {"to": "+4912345678"})),
    ("+1555*", Sms("+15550001234", "hi", {"To": 4912345678})),
    ("+1555*", Sms("+15550001234", "hi", {"to": ["group-1"]})),
    ("+1555*", Sms("+15550001234", "hi", {"TopicArn": "arn:aws:sns:1"})),
    ("user:bob", Push("t1", "a", "b")),
    ("user:jane", Push("t1", "a", "b", overrides={"topic": "news"})),
    ("user:jane", Push("t1", "a", "b", overrides={"included_segments": ["All"]})),
    ("user:bob", Chat({"channel_id": "C1"}, "hi")),
    ("user:jane", Chat({"channel_id": "C1"}, json_content={"channel": "C2"})),
    ("+1555*", Chat({"phone_number": "+15550001234"}, json_content={"to": "+4912345678"})),
    ("+1555*", Chat({"phone_number": "+4912345678"}, "hi")),
    ("user:jane", Call("POST", "https://erp.acme.com/orders")),
    ("https://*.example.com/*", Call("POST", "https://evil.test/.example.com/")),
    ("https://*.example.com/*", Call("POST", "https://evil.test?.example.com/")),
]


@pytest.mark.parametrize(("pattern", "content"), HELD)
def test_anybody_else_does_not(pattern: str, content: Content) -> None:
    assert "allow-list" in objection([pattern], content)


def test_every_list_has_gaps_and_an_empty_one_has_nothing_else() -> None:
    for content in (email("jane@acme.com"), Sms("+15550001234", "hi"), Push("t", "a", "b"), Chat({}, "hi")):
        assert "allow-list" in objection([], content)


def test_an_object_is_named_with_its_collection() -> None:
    project = Reference("projects", "p1")
    assert objection(["object:projects/*"], Chat({"channel_id": "C1"}, "hi"), project) == ""
    assert "object:projects/p1 is not" in objection(["object:teams/*"], Chat({"channel_id": "C1"}, "hi"), project)


def test_what_may_be_a_secret_is_not_told() -> None:
    assert "t1" not in objection([], Push("t1-secret", "a", "b"))
    assert objection([], Call("POST", "https://u:p@erp.test/secret")).startswith("https://erp.test is not")
    assert "secret" not in objection(["user:jane"], Push("t1", "a", "b", overrides={"to": "secret"}))


@pytest.mark.parametrize(
    "wrong", ["", "*", "*@*", "+*", "example.com", "jane", "user:", "object:jane", "a@b, c@d", "@"]
)
def test_a_pattern_that_is_none_is_named(wrong: str) -> None:
    with pytest.raises(PatternInvalid, match="is no pattern"):
        checked(["user:jane", wrong])


def test_patterns_are_kept_once_and_not_without_end() -> None:
    assert checked(["user:jane", " user:jane "]) == ["user:jane"]
    with pytest.raises(PatternInvalid, match="at most"):
        checked([f"user:{each}" for each in range(MOST_PATTERNS + 1)])
