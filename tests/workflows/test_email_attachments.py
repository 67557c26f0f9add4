from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from workflows.content import Attachment, Email
from workflows.email.attachments import attachments
from workflows.errors import StepFailed
from workflows.scope import Scope

MakeScope = Callable[..., Scope]
PDF = b64encode(b"%PDF").decode()


def file(name: str = "a.pdf", **fields: Any) -> dict[str, Any]:
    return {"name": name, "content_type": "application/pdf", "content": PDF, **fields}


def read(make_scope: MakeScope, value: Any, path: str = "attachments") -> tuple[Attachment, ...]:
    return attachments(make_scope(data={"attachments": value}), path)


def test_attachments_are_read_from_the_data(make_scope: MakeScope) -> None:
    given = [file(), file("b.txt", content_type="text/plain; charset=utf-8", content="")]
    assert read(make_scope, given) == (
        Attachment("a.pdf", "application/pdf", PDF),
        Attachment("b.txt", "text/plain; charset=utf-8", ""),
    )


@pytest.mark.parametrize("none", [None, "", []])
def test_where_nothing_stands_nothing_is_attached(make_scope: MakeScope, none: Any) -> None:
    assert read(make_scope, none) == ()


@pytest.mark.parametrize("path", ["invoice.files", "data.invoice.files"])
def test_the_key_is_a_path(make_scope: MakeScope, path: str) -> None:
    scope = make_scope(data={"invoice": {"files": [file()]}})
    assert [each.name for each in attachments(scope, path)] == ["a.pdf"]
    assert attachments(make_scope(data={"invoice": "x"}), path) == ()


def test_a_single_attachment_needs_no_list(make_scope: MakeScope) -> None:
    assert read(make_scope, file()) == (Attachment("a.pdf", "application/pdf", PDF),)


@pytest.mark.parametrize(
    ("fields", "content_id", "is_inline"),
    [
        ({}, "", False),
        ({"content_id": None, "disposition": None}, "", False),
        ({"content_id": "logo"}, "logo", True),
        ({"content_id": "<logo@acme>"}, "logo@acme", True),
        ({"content_id": "logo", "disposition": "attachment"}, "logo", False),
        ({"disposition": "inline"}, "", True),
        ({"disposition": "attachment"}, "", False),
    ],
)
def test_a_content_id_shows_it_in_the_mail(
    make_scope: MakeScope, fields: dict[str, Any], content_id: str, is_inline: bool
) -> None:
    (attachment,) = read(make_scope, [file(**fields)])
    assert (attachment.content_id, attachment.is_inline) == (content_id, is_inline)


def test_base64_may_have_line_breaks(make_scope: MakeScope) -> None:
    assert read(make_scope, [file(content="JVBE\r\n Rg==\n")])[0].content == "JVBERg=="


def test_a_name_is_one_line(make_scope: MakeScope) -> None:
    assert read(make_scope, [file("a\r\nBcc: x.pdf")])[0].name == "a Bcc: x.pdf"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": None}, r"attachments\[1\]\.name` is missing"),
        ({"name": " \n"}, r"attachments\[1\]\.name` is empty"),
        ({"name": 7}, r"attachments\[1\]\.name` is no text"),
        ({"content_type": None}, r"attachments\[1\]\.content_type` is missing"),
        ({"content_type": "pdf"}, r"attachments\[1\]\.content_type` is no MIME type"),
        ({"content_type": "a/b\r\nBcc: x"}, r"attachments\[1\]\.content_type` is no MIME type"),
        ({"content": None}, r"attachments\[1\]\.content` is missing"),
        ({"content": "%PDF"}, r"attachments\[1\]\.content` is not base64"),
        ({"content": "JVBERg"}, r"attachments\[1\]\.content` is not base64"),
        ({"content": "é"}, r"attachments\[1\]\.content` is not base64"),
        ({"content": b"x"}, r"attachments\[1\]\.content` is no text"),
        ({"content_id": "a b"}, r"attachments\[1\]\.content_id` may hold only ASCII"),
        ({"content_id": "a>\r\nBcc: <x"}, r"attachments\[1\]\.content_id` may hold only ASCII"),
        ({"disposition": "Inline"}, r"attachments\[1\]\.disposition` is neither inline nor attachment"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(make_scope: MakeScope, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(StepFailed, match=message):
        read(make_scope, [file(), file(**wrong)])


@pytest.mark.parametrize(
    ("value", "message"),
    [("a.pdf", "`attachments` is no list"), (7, "is no list"), (["x"], r"attachments\[0\]` is no att")],
)
def test_what_is_no_attachment_is_told(make_scope: MakeScope, value: Any, message: str) -> None:
    with pytest.raises(StepFailed, match=message):
        read(make_scope, value)


def test_after_a_batch_every_rendered_activity_brings_its_own_oldest_first_and_the_same_once(
    make_scope: MakeScope,
) -> None:
    first, second = {"id": "1", "attachments": [file("1"), file("same")]}, {"id": "2", "attachments": file("2")}
    third = {"id": "3", "attachments": [file("same"), file("same", content="")]}
    scope = make_scope(
        data={"attachments": [file("1"), file("fetched")]}, activities=(first, second, third, {"id": "4"})
    )
    names = [(each.name, each.content) for each in attachments(scope, "attachments")]
    assert names == [("1", PDF), ("same", PDF), ("2", PDF), ("same", ""), ("fetched", PDF)]


def test_an_activitys_wrong_attachment_is_told_with_its_activity(make_scope: MakeScope) -> None:
    scope = make_scope(activities=({"a": {"b": []}}, {"a": {"b": [{"name": "x"}]}}))
    with pytest.raises(StepFailed, match=r"`activities\[1\]\.a\.b\[0\]\.content_type` is missing"):
        attachments(scope, "a.b")


def test_a_single_activitys_are_those_that_the_data_has_now(make_scope: MakeScope) -> None:
    activity = {"id": "1", "attachments": [file("old")]}
    changed = make_scope(data={"attachments": [file("new")]}, activities=(activity,))
    assert [each.name for each in attachments(changed, "attachments")] == ["new"]
    flattened = make_scope(data={}, activities=(activity,))
    assert [each.name for each in attachments(flattened, "attachments")] == ["old"]


def test_an_email_with_attachments_survives_being_stored() -> None:
    attachment = Attachment("a.pdf", "application/pdf", PDF, "logo", is_inline=True)
    email = Email("a@e.com", "S", "H", "T", headers={"X": "y"}, attachments=(attachment,), overrides={"a": [1]})
    assert Email.from_json(email.as_json()) == email
    assert email.as_json()["attachments"] == [
        {
            "name": "a.pdf",
            "content_type": "application/pdf",
            "content": PDF,
            "content_id": "logo",
            "is_inline": True,
        }
    ]


def test_an_email_that_was_stored_before_there_were_attachments_is_still_read() -> None:
    stored = dict.fromkeys(("to", "subject", "html", "text", "sender", "cc", "bcc", "reply_to"), "")
    assert Email.from_json(stored) == Email("", "", "", "")
