from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify_workers.providers import Envelope, Refused, SmtpSubmission
from notify_workers.providers.email.mime import compose, each_once
from notify_workers.providers.email.smtp import Smtp
from workflows.content import Attachment, Email

ENVELOPE = Envelope("message-1", "key-1")
SENDER = "Doorbell <hello@doorbell.test>"
EMAIL = Email(to="jane@example.com", subject="Hello", html="<p>Hello</p>", text="Hello")
PNG = b"\x89PNG\r\n\x1a\n\x00picture"


def attachment(name: str = "a.txt", content: bytes = b"file", **fields: Any) -> Attachment:
    return Attachment(**{"name": name, "content_type": "text/plain", "content": b64encode(content).decode(), **fields})


def received(*attachments: Attachment, **content: Any) -> EmailMessage:
    """The message as the reader's program sees it."""
    message = compose(replace(EMAIL, attachments=attachments, **content), SENDER, ENVELOPE)
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= 998
    return message_from_bytes(message, policy=policy.default)


def structure(message: Any) -> Any:
    """The types of a message's parts, each multipart with those inside of it."""
    if not message.is_multipart():
        return message.get_content_type()
    return {message.get_content_subtype(): [structure(part) for part in message.iter_parts()]}


def test_a_file_stands_behind_the_text_and_the_html() -> None:
    message = received(attachment("invoice.pdf", b"%PDF-1.7\x00\xff", content_type="application/pdf"))
    assert structure(message) == {"mixed": [{"alternative": ["text/plain", "text/html"]}, "application/pdf"]}
    (file,) = message.iter_attachments()
    assert (file.get_filename(), file.get_content_disposition()) == ("invoice.pdf", "attachment")
    assert file.get_content() == b"%PDF-1.7\x00\xff"


def test_a_picture_in_the_html_stands_beside_it() -> None:
    picture = attachment("logo.png", PNG, content_type="image/png", content_id="logo", is_inline=True)
    message = received(picture, html='<img src="cid:logo">')
    assert structure(message) == {"alternative": ["text/plain", {"related": ["text/html", "image/png"]}]}
    related = list(message.iter_parts())[1]
    assert related.get_param("type") == "text/html"
    image = list(related.iter_parts())[1]
    assert (image["Content-ID"], image.get_content_disposition(), image.get_filename()) == (
        "<logo>",
        "inline",
        "logo.png",
    )
    assert image.get_content() == PNG


def test_pictures_and_files_together() -> None:
    picture = attachment("logo.png", PNG, content_type="image/png", content_id="logo", is_inline=True)
    filed = attachment("also.png", PNG, content_type="image/png", content_id="also")
    message = received(picture, attachment(), filed)
    shown = {"alternative": ["text/plain", {"related": ["text/html", "image/png"]}]}
    assert structure(message) == {"mixed": [shown, "text/plain", "image/png"]}
    names = [(file.get_filename(), file.get_content_disposition()) for file in message.iter_attachments()]
    assert names == [("a.txt", "attachment"), ("also.png", "attachment")]
    assert message.get_body(("html",)).get_content().strip() == "<p>Hello</p>"  # type: ignore[union-attr]


def test_an_inline_file_without_an_id_is_shown_behind_the_text() -> None:
    _, file = received(attachment(is_inline=True)).iter_parts()
    assert file.get_content_disposition() == "inline"


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=80))
def test_a_file_keeps_its_name_in_any_script(name: str) -> None:
    (file,) = received(attachment(f"x{name}x")).iter_attachments()
    assert file.get_filename() == f"x{name}x"


@pytest.mark.parametrize("letter", ["a", "é", "報", "📎"])
def test_a_long_name_is_shortened_before_its_ending(letter: str) -> None:
    (file,) = received(attachment(letter * 400 + ".pdf")).iter_attachments()
    name = file.get_filename()
    assert name is not None
    assert name.removesuffix(".pdf").strip(letter) == ""
    assert 240 < len(name.encode()) <= 255
    assert name.endswith(".pdf")


@pytest.mark.parametrize("name", ['a"b.txt', "a\\b.txt", "a;b=c.txt", "../../etc/passwd", "a\r\nBcc: eve@example.com"])
def test_a_name_adds_no_header_and_no_parameter(name: str) -> None:
    message = received(attachment(name))
    assert message["Bcc"] is None
    (file,) = message.iter_attachments()
    assert file.get_filename() == " ".join(name.splitlines()).replace("  ", " ")
    assert file["Bcc"] is None


@pytest.mark.parametrize("content_type", ["message/rfc822", "multipart/mixed; boundary=x", "Message/Partial"])
def test_what_may_not_be_base64_goes_as_a_file_of_no_known_type(content_type: str) -> None:
    (file,) = received(attachment(content=b"Subject: x\r\n\r\ny", content_type=content_type)).iter_attachments()
    assert file.get_content_type() == "application/octet-stream"
    assert file.get_content() == b"Subject: x\r\n\r\ny"


def test_the_parameters_of_a_type_are_kept() -> None:
    (file,) = received(attachment(content="é".encode(), content_type="text/csv; charset=utf-8")).iter_attachments()
    assert (file.get_content_type(), file.get_content_charset()) == ("text/csv", "utf-8")
    assert file.get_content() == "é"


def test_a_megabyte_arrives_as_it_was() -> None:
    content = bytes(range(256)) * 4096
    (file,) = received(attachment(content=content, content_type="application/zip")).iter_attachments()
    assert file.get_content() == content


def test_one_click_unsubscribing_is_written_on_one_line() -> None:
    url = "https://api.example.com/v1/unsubscribe/" + "t" * 300
    headers = {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    written = compose(replace(EMAIL, headers=headers), SENDER, ENVELOPE)
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in written
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in written


def test_the_overrides_add_headers_and_replace_others() -> None:
    headers = {"X-Tag": "über", "X-SMTPAPI": {"category": "a"}, "X-On": True, "X-Off": None, "subject": "Other"}
    message = received(headers={"X-Tag": "old"}, overrides={"headers": headers, "custom_args": {"a": 1}})
    assert message.get_all("X-Tag") == ["über"]
    assert message["X-SMTPAPI"] == '{"category": "a"}'
    assert (message["X-On"], message["X-Off"], message["custom_args"]) == ("true", None, None)
    assert message.get_all("Subject") == ["Other"]


def test_an_address_among_the_overrides_is_encoded_as_one() -> None:
    message = received(overrides={"headers": {"Reply-To": "Zoë <zoe@example.com>"}})
    assert [str(each) for each in message["Reply-To"].addresses] == ["Zoë <zoe@example.com>"]


@pytest.mark.parametrize(
    "name", ["Content-Type", "content-transfer-encoding", "MIME-Version", "Message-ID", "Bcc", "X-Doorbell-Message"]
)
def test_what_makes_the_message_is_not_replaced(name: str) -> None:
    kept, plain = (str(each[name]) for each in (received(overrides={"headers": {name: "evil"}}), received()))
    assert kept.partition("boundary")[0] == plain.partition("boundary")[0]


@pytest.mark.parametrize("evil", ["x\r\nBcc: eve@example.com", "x\n\nbody", "x\u2028y"])
def test_no_override_adds_a_header_or_a_body(evil: str) -> None:
    message = received(overrides={"headers": {"X-Tag": evil}})
    assert message["Bcc"] is None
    assert structure(message) == {"alternative": ["text/plain", "text/html"]}


@pytest.mark.parametrize("name", ["", "X Tag", "X-Tag:", "X-Tag\r\nBcc", "Ünter"])
def test_a_name_that_no_header_has_is_refused(name: str) -> None:
    smtp = Smtp(host="mail.test", from_address=SENDER)
    with pytest.raises(StopIteration) as end:
        next(smtp.send(replace(EMAIL, overrides={"headers": {name: "x"}}), ENVELOPE))
    assert isinstance(end.value.value, Refused)
    assert repr(name) in end.value.value.reason


@pytest.mark.parametrize("overrides", [{"headers": "X: y"}, {"headers": ["X"]}, {"from": "eve@example.com"}])
def test_other_overrides_mean_nothing_to_smtp(overrides: dict[str, Any]) -> None:
    smtp = Smtp(host="mail.test", from_address=SENDER)
    submission = next(smtp.send(replace(EMAIL, overrides=overrides), ENVELOPE))
    assert isinstance(submission, SmtpSubmission)
    assert b"eve@example.com" not in submission.message


def test_people_are_named_once_where_they_come_first() -> None:
    lists = each_once(
        "Jane <jane@example.com>, joe@example.com, JANE@example.com", "", "Joe@example.com, ann@example.com"
    )
    assert lists == [
        [{"email": "jane@example.com", "name": "Jane"}, {"email": "joe@example.com"}],
        [],
        [{"email": "ann@example.com"}],
    ]
