"""One e-mail with everything that an e-mail may have, given to every provider: nothing of it may be lost on the way."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from notify_workers.providers import AwsRequest, Exchange, HttpRequest, OutboxEntry, Provider, SmtpSubmission
from tests.notify_workers.providers.test_every_provider import NAMES, exchanges_of, load
from tests.notify_workers.providers.vendor import ENVELOPE
from workflows.content import Attachment, Email

PICTURE = b"\x89PNG\r\n\x1a\n\x00picture"
FILE = b"%PDF-1.7\x00\xff\r\n.\r\nfile"
UNSUBSCRIBING = {
    "List-Unsubscribe": "<https://notify.test/unsubscribe/token-1>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
EMAIL = Email(
    to="Jane Doe <jane@example.com>, joe@example.com",
    subject="Everything",
    html='<p>Hello <img src="cid:logo-1"></p>',
    text="Hello in text",
    sender="Acme <sender@acme.test>",
    cc="Cecil <cc@example.com>",
    bcc="bcc@example.com",
    reply_to="reply@example.com",
    headers={**UNSUBSCRIBING, "X-Mine": "header-1"},
    attachments=(
        Attachment("logo.png", "image/png", b64encode(PICTURE).decode(), "logo-1", is_inline=True),
        Attachment("bill.pdf", "application/pdf", b64encode(FILE).decode()),
    ),
    overrides={"headers": {"X-Overridden": "override-1"}},
)


def is_asking(name: str) -> bool:
    provider = load(name)
    return provider.channel_type == "email" and not isinstance(exchanges_of(provider)[0], OutboxEntry)


@pytest.fixture(params=[name for name in NAMES if is_asking(name)])
def provider(request: pytest.FixtureRequest) -> Provider:
    return load(request.param)


@pytest.fixture
def carried(provider: Provider) -> list[str | bytes]:
    """Every name and every value that the vendor gets; files as they are."""
    return list(_in_exchange(next(provider.send(EMAIL, ENVELOPE))))


def _in_exchange(exchange: Exchange) -> Iterator[str | bytes]:
    match exchange:
        case SmtpSubmission():
            yield from (exchange.envelope_from, *exchange.envelope_to)
            yield from _in_message(exchange.message)
        case AwsRequest():
            yield from _in_value(exchange.parameters)
        case HttpRequest() if exchange.headers["content-type"] == "application/json":
            yield from _in_value(json.loads(exchange.body))
        case HttpRequest():
            head = f"Content-Type: {exchange.headers['content-type']}\r\n\r\n".encode()
            yield from _in_message(head + exchange.body)
        case _:
            raise AssertionError(exchange)


def _in_value(value: Any) -> Iterator[str | bytes]:
    match value:
        case Mapping():
            for name, inner in value.items():
                yield name
                yield from _in_value(inner)
        case list() | tuple():
            for inner in value:
                yield from _in_value(inner)
        case bytes():
            yield from _in_message(value)
        case _:
            yield str(value)
            yield from _decoded(str(value))


def _decoded(text: str) -> Iterator[bytes]:
    """Files are base64 in JSON."""
    if text in {each.content for each in EMAIL.attachments}:
        yield b64decode(text)


def _in_message(message: bytes) -> Iterator[str | bytes]:
    """A message (RFC 5322), or a form (RFC 7578), whose parts have their names in their headers."""
    parts = message_from_bytes(message, policy=policy.default).walk()
    for part in parts:
        assert isinstance(part, EmailMessage)
        for name, value in part.items():
            yield name
            yield str(value)
        yield from (str(part.get_param(name, "", "content-disposition")) for name in ("name", "filename"))
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield content
            yield content.decode(errors="replace").removesuffix("\n").removesuffix("\r")


def texts(carried: list[str | bytes]) -> list[str]:
    return [each for each in carried if isinstance(each, str)]


@pytest.mark.parametrize(
    "address",
    [
        *("jane@example.com", "joe@example.com", "cc@example.com", "bcc@example.com", "reply@example.com"),
        "sender@acme.test",
    ],
)
def test_every_address_is_carried(address: str, carried: list[str | bytes]) -> None:
    assert any(address in each for each in texts(carried))


def test_names_of_people_are_carried(carried: list[str | bytes]) -> None:
    for name in ("Jane Doe", "Cecil", "Acme"):
        assert any(name in each for each in texts(carried)), name


def test_the_subject_and_both_bodies_are_carried(carried: list[str | bytes]) -> None:
    for text in (EMAIL.subject, EMAIL.html, EMAIL.text):
        assert text in texts(carried)


@pytest.mark.parametrize("header", EMAIL.headers)
def test_every_header_is_carried_one_click_unsubscribing_among_them(header: str, carried: list[str | bytes]) -> None:
    assert {header, f"h:{header}"} & set(texts(carried))
    assert EMAIL.headers[header] in texts(carried)


@pytest.mark.parametrize(("name", "content"), [("logo.png", PICTURE), ("bill.pdf", FILE)])
def test_every_file_is_carried_to_the_byte(
    name: str, content: bytes, provider: Provider, carried: list[str | bytes]
) -> None:
    assert content in carried
    assert name in texts(carried) or (name == "logo.png" and provider.name in NAMED_BY_ITS_ID)


NAMED_BY_ITS_ID = {"mailgun", "sparkpost"}
"""Vendors that know a picture in the HTML by its file's name only, which is then the id."""


def test_the_id_by_which_the_html_shows_a_picture_is_carried(carried: list[str | bytes]) -> None:
    assert {"logo-1", "cid:logo-1", "<logo-1>"} & set(texts(carried))


def test_the_overrides_are_carried(carried: list[str | bytes]) -> None:
    assert any("override-1" in each for each in texts(carried))


def test_who_gets_a_blind_copy_is_in_no_header(provider: Provider) -> None:
    exchange = next(provider.send(EMAIL, ENVELOPE))
    if isinstance(exchange, SmtpSubmission):
        assert b"bcc@example.com" not in exchange.message
