"""Submitting over TLS with a password, to a real server whose certificate is from an authority of the test's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from notify_workers import exchanges
from notify_workers.providers import Bounced, ProviderMisconfigured, Retry, SendOutcome, Sent, Unknown, load_provider
from notify_workers.providers.email.dkim import Key
from notify_workers.providers.email.smtp import Smtp
from tests.certificates import Authority
from tests.mail_server import MailServer
from tests.notify_workers.conftest import forget_connections
from tests.notify_workers.providers.email.test_dkim import ED25519, RSA, UNSUBSCRIBING, is_genuine, pem
from workflows.content import Email

EMAIL = Email(to="jane@example.com, joe@example.com", subject="Hello", html="<p>Hello</p>", text="Hello")
AUTHORITY = Authority()


@pytest.fixture(params=["starttls", "tls"])
def security(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serving(folder: Path, security: str, *names: str, days: int = 1) -> Iterator[MailServer]:
    context = AUTHORITY.server_context(folder, *names, days=days)
    server = MailServer(context, from_the_first_byte=security == "tls")
    server.start()
    yield server
    forget_connections()
    server.stop()


@pytest.fixture
def mail_server(stores: object, tmp_path: Path, security: str) -> Iterator[MailServer]:
    yield from serving(tmp_path, security, "127.0.0.1")


@pytest.fixture
def channel(mail_server: MailServer, security: str) -> Smtp:
    return Smtp(
        host="127.0.0.1",
        from_address="hello@doorbell.test",
        port=mail_server.port,
        security=security,
        username="jane",
        password="secret",
        tls_ca=AUTHORITY.pem,
    )


def attempt(channel: Smtp) -> tuple[SendOutcome, dict[str, Any]]:
    """The outcome, and what the delivery log shows of the exchange."""
    outcome, (logged,) = exchanges.send(load_provider("smtp", asdict(channel)), EMAIL.as_json(), "m1")
    return outcome, logged["response"]["body"]


def signed_headers(message: bytes) -> set[str]:
    """Those that the signature names."""
    signature = str(message_from_bytes(message, policy=policy.default)["DKIM-Signature"])
    (names,) = re.findall(r"\bh=([^;]+);", signature)
    return set("".join(names.split()).split(":"))


def send(channel: Smtp) -> SendOutcome:
    return attempt(channel)[0]


def test_a_message_arrives_over_tls_with_a_password(channel: Smtp, mail_server: MailServer) -> None:
    assert [send(channel) for _ in range(2)] == [Sent("m1"), Sent("m1")]
    assert mail_server.subjects() == ["Hello", "Hello"]
    assert mail_server.logins == [("jane", "secret")]


def test_a_wrong_password_is_told_and_not_shown(channel: Smtp, mail_server: MailServer) -> None:
    outcome, logged = attempt(replace(channel, password="wr0ng"))
    assert "535" in getattr(outcome, "reason", "")
    assert logged["stage"] == "AUTH"
    assert "wr0ng" not in repr((outcome, logged))
    assert mail_server.messages == []


def test_a_certificate_of_an_unknown_authority_gets_no_password(channel: Smtp, mail_server: MailServer) -> None:
    outcome = send(replace(channel, tls_ca=None))
    assert isinstance(outcome, Retry)
    assert "the server's certificate is not trusted: unable to get local issuer certificate" in outcome.reason
    assert isinstance(send(replace(channel, tls_ca=Authority().pem)), Retry)
    assert mail_server.logins == []


def test_a_certificate_is_for_its_host_only(stores: object, tmp_path: Path, security: str, channel: Smtp) -> None:
    for server in serving(tmp_path, security, "other.test"):
        outcome = send(replace(channel, port=server.port))
        assert isinstance(outcome, Retry)
        assert "IP address mismatch" in outcome.reason
        assert server.messages == []


def test_a_certificate_that_has_expired_is_not_trusted(tmp_path: Path, security: str, channel: Smtp) -> None:
    for server in serving(tmp_path, security, "127.0.0.1", days=-1):
        outcome = send(replace(channel, port=server.port))
        assert isinstance(outcome, Retry)
        assert "certificate has expired" in outcome.reason


def test_a_channel_may_take_any_certificate_when_it_says_so(channel: Smtp, mail_server: MailServer) -> None:
    trusting = replace(channel, tls_ca=None, tls_verify=False)
    assert send(trusting) == Sent("m1")
    assert isinstance(send(replace(channel, tls_ca=None)), Retry)  # the connection that is kept is not for this one
    assert len(mail_server.messages) == 1


def test_recipients_who_are_refused_are_named_and_the_others_get_it(channel: Smtp, mail_server: MailServer) -> None:
    for said in ("550 5.1.1 no such user", "450 4.2.0 greylisted"):
        mail_server.answer_to_rcpt = lambda address, said=said: said if "joe" in address else "250 ok"  # type: ignore[misc]
        outcome, logged = attempt(channel)
        assert outcome == Sent("m1", {"refused": {"joe@example.com": said}})
        assert logged["refused"] == {"joe@example.com": said}
    assert len(mail_server.messages) == 2


def test_when_all_are_refused_the_mildest_says_what_comes_next(channel: Smtp, mail_server: MailServer) -> None:
    mail_server.answer_to_rcpt = lambda address: "550 5.1.1 no such user"
    assert send(channel) == Bounced("550 5.1.1 no such user (at RCPT)")
    mail_server.answer_to_rcpt = lambda address: "450 greylisted" if "joe" in address else "550 no"
    assert send(channel) == Retry("450 greylisted (at RCPT)")


def test_a_connection_that_breaks_before_the_message_is_tried_again(channel: Smtp, mail_server: MailServer) -> None:
    mail_server.answer_to_rcpt = lambda address: None
    outcome, logged = attempt(channel)
    assert isinstance(outcome, Retry)
    assert (logged["stage"], mail_server.messages) == ("RCPT", [])


def test_a_connection_that_breaks_after_the_message_leaves_it_unknown(channel: Smtp, mail_server: MailServer) -> None:
    mail_server.answer_to_data = lambda envelope: None
    mail_server.keeps_when_dropping = True
    assert isinstance(send(channel), Unknown)
    assert len(mail_server.messages) == 1


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_what_arrives_is_signed_as_it_was_sent(key: Key, channel: Smtp, mail_server: MailServer) -> None:
    signing = replace(channel, dkim_domain="acme.test", dkim_selector="mail", dkim_private_key=pem(key))
    email = replace(EMAIL, text=".\n..dots\n\nGrüße", html="<p>.</p>\n" * 2000, headers=UNSUBSCRIBING)
    outcome, _ = exchanges.send(load_provider("smtp", asdict(signing)), email.as_json(), "m1")
    assert outcome == Sent("m1")
    (raw,) = mail_server.raw
    assert is_genuine(raw, key)
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= signed_headers(raw)


@pytest.mark.parametrize("ca", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_certificates_that_are_none_are_refused_with_the_channel(ca: str) -> None:
    with pytest.raises(ProviderMisconfigured, match="`tls_ca` of smtp has no certificates in PEM"):
        Smtp(host="mail.test", from_address="a@acme.test", tls_ca=ca)
