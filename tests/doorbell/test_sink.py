"""The mail sink keeps what it is given."""

from __future__ import annotations

import mailbox
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from doorbell.embedded import free_port
from doorbell.sink import Sink


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    started = Sink(tmp_path, free_port())
    started.start()
    yield started
    started.stop()


def send(sink: Sink, *recipients: str, body: str = "Hello") -> None:
    message = EmailMessage()
    message["Subject"] = "Ünïcode"
    message["To"] = recipients[0]
    message.set_content(body)
    with smtplib.SMTP("127.0.0.1", sink.port) as client:
        client.send_message(message, "hello@doorbell.test", list(recipients))


def kept(folder: Path) -> list[mailbox.MaildirMessage]:
    return list(mailbox.Maildir(folder / "mail"))


def test_a_message_is_a_file_with_the_recipients_of_its_envelope(sink: Sink, tmp_path: Path) -> None:
    send(sink, "jane@example.com", "hidden@example.com")
    (message,) = kept(tmp_path)
    assert message["X-RcptTo"] == "jane@example.com, hidden@example.com"
    assert message["To"] == "jane@example.com"


def test_lines_that_begin_with_dots_arrive_as_they_were(sink: Sink, tmp_path: Path) -> None:
    send(sink, "jane@example.com", body=".\n..two\nend")
    (message,) = kept(tmp_path)
    assert str(message.get_payload()).splitlines()[:3] == [".", "..two", "end"]


def test_another_sink_keeps_what_the_first_one_kept(sink: Sink, tmp_path: Path) -> None:
    send(sink, "jane@example.com")
    again = Sink(tmp_path, free_port())
    again.start()
    send(again, "tom@example.com")
    again.stop()
    assert sorted(str(each["To"]) for each in kept(tmp_path)) == ["jane@example.com", "tom@example.com"]
