from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify_workers.providers import (
    Bounced,
    Envelope,
    ProviderMisconfigured,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    SmtpReply,
    SmtpSubmission,
    Unknown,
)
from notify_workers.providers.email.smtp import Smtp
from workflows.content import Email

SMTP = Smtp(host="mail.test", from_address="Doorbell <hello@doorbell.test>")
ENVELOPE = Envelope("message-1", "key-1")
EMAIL = Email(to="jane@example.com", subject="Hello", html="<p>Hello</p>", text="Hello", sender="")


def submission(**content: Any) -> SmtpSubmission:
    exchange = next(SMTP.send(replace(EMAIL, **content), ENVELOPE))
    assert isinstance(exchange, SmtpSubmission)
    return exchange


def received(**content: Any) -> EmailMessage:
    """The message as the reader's program sees it."""
    return message_from_bytes(submission(**content).message, policy=policy.default)


def outcome(reply: SmtpReply) -> SendOutcome:
    sending = SMTP.send(EMAIL, ENVELOPE)
    next(sending)
    with pytest.raises(StopIteration) as end:
        sending.send(reply)
    made: SendOutcome = end.value.value
    return made


def body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_the_message_is_what_rfc_5322_asks_for() -> None:
    message = received()
    assert (message["From"], message["To"]) == ("Doorbell <hello@doorbell.test>", "jane@example.com")
    assert (message["Subject"], message["Message-ID"]) == ("Hello", "<key-1@doorbell.test>")
    assert (message["X-Doorbell-Message"], message["MIME-Version"]) == ("message-1", "1.0")
    assert message["Date"].datetime is not None
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_every_line_ends_as_the_wire_wants_and_is_not_too_long() -> None:
    text = "word " * 500 + "\n" + "x" * 5000 + "\nbare\rreturn\n"
    message = submission(text=text, html=text, subject="long " * 100, to="jane@example.com").message
    lines = message.split(b"\r\n")
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    assert max(map(len, lines)) <= 998


def test_only_ascii_leaves_so_that_every_server_takes_it() -> None:
    message = submission(subject="Grüße 👋", text="你好", html="<p>你好</p>", sender="Zoë <zoe@doorbell.test>").message
    assert message.isascii()


@settings(max_examples=40)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200))
def test_any_text_is_read_as_it_was_written(text: str) -> None:
    message = received(text=text, html=f"<p>{text}</p>", subject=f"About {text}")
    assert body(message, "plain").rstrip("\n") == text
    assert body(message, "html").rstrip("\n") == f"<p>{text}</p>"
    assert " ".join(str(message["Subject"]).split()) == " ".join(f"About {text}".split())


def test_cc_and_reply_to_are_headers_and_bcc_never_is() -> None:
    message = received(cc="a@example.com, b@example.com", bcc="c@example.com", reply_to="d@example.com")
    assert (message["Cc"], message["Reply-To"], message["Bcc"]) == (
        "a@example.com, b@example.com",
        "d@example.com",
        None,
    )
    assert b"c@example.com" not in submission(bcc="c@example.com").message


def test_the_envelope_holds_each_address_once() -> None:
    sent = submission(to="Jane <jane@example.com>, bob@example.com", cc="jane@example.com", bcc="eve@example.com")
    assert sent.envelope_to == ("jane@example.com", "bob@example.com", "eve@example.com")
    assert sent.envelope_from == "hello@doorbell.test"


def test_a_step_may_send_from_somebody_else() -> None:
    sent = submission(sender="Other <other@elsewhere.test>")
    assert sent.envelope_from == "other@elsewhere.test"
    assert b"Message-ID: <key-1@elsewhere.test>" in sent.message


def test_names_outside_ascii_keep_their_addresses() -> None:
    message = received(sender="Zoë <zoe@doorbell.test>", to='"Doe, Jané" <jane@example.com>, bob@example.com')
    assert [str(each) for each in message["From"].addresses] == ["Zoë <zoe@doorbell.test>"]
    assert [(each.display_name, each.addr_spec) for each in message["To"].addresses] == [
        ("Doe, Jané", "jane@example.com"),
        ("", "bob@example.com"),
    ]


@pytest.mark.parametrize("to", ["", ",", "jäne@example.com", "jane@exämple.com"])
def test_an_address_that_cannot_be_used_bounces_without_a_server(to: str) -> None:
    with pytest.raises(StopIteration) as end:
        submission(to=to)
    assert isinstance(end.value.value, Bounced)


@pytest.mark.parametrize("field", ["subject", "to", "cc", "reply_to", "sender"])
@pytest.mark.parametrize(
    "evil", ["\r\nBcc: eve@example.com", "\nBcc: eve@example.com", "\r\n\r\nEvil body", "\n\nEvil", "\rX: y"]
)
def test_no_value_adds_a_header_or_a_body(field: str, evil: str) -> None:
    value = ("Hello" if field == "subject" else "bob@example.com") + evil
    message = submission(**{field: value}).message
    head, _, rest = message.partition(b"\r\n\r\n")
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert set(names) <= {
        *(b"Content-Type", b"MIME-Version", b"From", b"To", b"Cc", b"Reply-To", b"Subject", b"Date"),
        *(b"Message-ID", b"X-Doorbell-Message"),
    }
    assert rest.startswith(b"--=")


@pytest.mark.parametrize(
    ("code", "text", "stage", "expected"),
    [
        (250, "ok", "END", Sent),
        (421, "closing", "MAIL", Retry),
        (450, "greylisted", "RCPT", Retry),
        (-1, "nonsense", "MAIL", Retry),
        (-1, "nonsense", "END", Unknown),
        (354, "still here", "END", Unknown),
        (451, "not now", "END", Retry),
        (535, "wrong password", "AUTH", Refused),
        (550, "no such user", "RCPT", Bounced),
        (551, "moved", "RCPT", Bounced),
        (553, "bad name", "RCPT", Bounced),
        (554, "5.1.1 gone", "RCPT", Bounced),
        (552, "5.2.2 full", "RCPT", Refused),
        (554, "5.7.1 blocked", "RCPT", Refused),
        (550, "5.7.1 spam", "END", Refused),
        (550, "not from you", "MAIL", Refused),
    ],
)
def test_an_answer_is_told_by_its_code_and_its_stage(code: int, text: str, stage: str, expected: type) -> None:
    assert type(outcome(SmtpReply(code, text, stage, {}))) is expected


def test_a_message_that_some_refused_is_sent_and_names_them() -> None:
    refused = {"joe@example.com": (550, "5.1.1 no such user"), "ann@example.com": (450, "greylisted")}
    said = {"joe@example.com": "550 5.1.1 no such user", "ann@example.com": "450 greylisted"}
    assert outcome(SmtpReply(250, "ok", "END", refused)) == Sent("key-1", {"refused": said})


def test_the_vendors_name_for_the_message_is_the_key() -> None:
    assert outcome(SmtpReply(250, "ok", "END", {})) == Sent("key-1")


@pytest.mark.parametrize("wrong", [{"security": "ssl"}, {"security": ""}, {"on_unknown": "always"}])
def test_a_setting_that_means_nothing_is_refused_rather_than_guessed(wrong: dict[str, str]) -> None:
    (name,) = wrong
    with pytest.raises(ProviderMisconfigured, match=f"`{name}` of smtp must be"):
        replace(SMTP, **wrong)  # type: ignore[arg-type]


def test_the_channels_settings_are_those_of_the_connection() -> None:
    provider = replace(SMTP, port=2525, security="tls", username="u", password="p")
    sent = next(provider.send(EMAIL, ENVELOPE))
    assert isinstance(sent, SmtpSubmission)
    assert (sent.host, sent.port, sent.security, sent.username, sent.password) == ("mail.test", 2525, "tls", "u", "p")
