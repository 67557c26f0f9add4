"""Signatures, read by somebody else: dkimpy, which does not share a line with what makes them."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from notify_workers.providers import Envelope, ProviderMisconfigured, SmtpSubmission
from notify_workers.providers.email.dkim import Key, Signer
from notify_workers.providers.email.smtp import Smtp
from workflows.content import Attachment, Email

RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
OTHERS: dict[bool, Key] = {True: rsa.generate_private_key(65537, 1024), False: ed25519.Ed25519PrivateKey.generate()}
MESSAGE = b"From: a@acme.test\r\nTo: jane@example.com\r\nSubject: Hello\r\n\r\nHello Jane\r\n"
UNSUBSCRIBING = {
    "List-Unsubscribe": f"<https://acme.test/unsubscribe/{'t' * 300}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
EVERYTHING = Email(
    to="Zoë <zoe@example.com>",
    cc="cc@example.com",
    reply_to="re@example.com",
    subject="Grüße " * 40,
    html="<p>Hi  there</p>   \n\n",
    text="Hi\t there \n\n\n",
    headers=UNSUBSCRIBING,
    attachments=(Attachment("a.bin", "application/octet-stream", "AAAA" * 100),),
)


def pem(key: Key | ec.EllipticCurvePrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def record(key: Key) -> bytes:
    """What DNS says of the key (RFC 6376 §3.6.1, RFC 8463 §4)."""
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return b"v=DKIM1; k=ed25519; p=" + b64encode(public.public_bytes_raw())
    return b"v=DKIM1; k=rsa; p=" + b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def is_genuine(message: bytes, key: Key) -> bool:
    asked: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record(key)

    verdict = bool(dkim.verify(message, dnsfunc=dns))
    assert asked == [b"mail._domainkey.acme.test."]
    return verdict


def signed(message: bytes, key: Key = RSA) -> bytes:
    return Signer("acme.test", "mail", pem(key)).sign(message)


def submitted(content: Email, key: Key) -> bytes:
    smtp = Smtp(
        host="mail.test",
        from_address="Acme <hi@acme.test>",
        dkim_domain="acme.test",
        dkim_selector="mail",
        dkim_private_key=pem(key),
    )
    submission = next(smtp.send(content, Envelope("m1", "m1")))
    assert isinstance(submission, SmtpSubmission)
    return submission.message


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_an_email_with_everything_in_it_is_signed(key: Key) -> None:
    message = submitted(EVERYTHING, key)
    assert message.startswith(b"DKIM-Signature: v=1; a=" + (b"rsa" if key is RSA else b"ed25519") + b"-sha256;")
    assert max(map(len, message.partition(b"\r\nFrom")[0].split(b"\r\n"))) <= 100
    assert is_genuine(message, key)
    assert not is_genuine(message, OTHERS[key is RSA])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\r\nTo: ", b"\r\nTo: eve@example.com, "),
        (b"<https://acme.test/unsubscribe/", b"<https://evil.test/unsubscribe/"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Click"),
        (b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click", b""),
        (b"\r\nFrom: ", b"\r\nFrom: Eve <eve@evil.test>\r\nFrom: "),
        (b"\r\nSubject: ", b"\r\nSubject: Other\r\nSubject: "),
        (b"AAAAAAAA", b"AAAAAAAB"),
        (b"\r\nContent-Type: ", b"\r\nContent-Type: text/plain\r\nX-Was: "),
    ],
)
def test_what_is_changed_on_the_way_is_noticed(before: bytes, after: bytes) -> None:
    message = submitted(EVERYTHING, RSA)
    assert before in message
    assert not is_genuine(message.replace(before, after, 1), RSA)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Hello Jane\r\n", b"Hello  Jane \r\n\r\n"),
        (b"Subject: Hello", b"SUBJECT:\r\n\tHello "),
        (b"From", b"X-A: b\r\nFrom"),
    ],
)
def test_what_servers_may_change_is_no_matter(before: bytes, after: bytes) -> None:
    assert is_genuine(signed(MESSAGE).replace(before, after), RSA)


@pytest.mark.parametrize("body", [b"", b"\r\n\r\n", b" \r\n", b"a", b"a\r\n \t\r\n", b"\r\na\t b\r\n", b".\r\n..\r\n"])
@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_bodies_at_the_edge(body: bytes, key: Key) -> None:
    assert is_genuine(signed(b"From: a@acme.test\r\n\r\n" + body, key), key)


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(codec="ascii", exclude_characters="\r\n\0"), max_size=200),
    st.lists(st.text(st.sampled_from("ab \t.:;"), max_size=80), max_size=8),
)
def test_any_message_is_signed_as_others_read_it(subject: str, lines: list[str]) -> None:
    head = f"From: a@acme.test\r\nSubject: {subject}x\r\nReceived: a\r\nTo: a@b.test,\r\n  c@d.test"
    assert is_genuine(signed("\r\n".join([head, "", *lines, ""]).encode(), ED25519), ED25519)


def test_without_a_key_nothing_is_signed() -> None:
    submission = next(Smtp(host="mail.test", from_address="a@acme.test").send(EVERYTHING, Envelope("m1", "m1")))
    assert isinstance(submission, SmtpSubmission)
    assert b"DKIM" not in submission.message


def test_a_key_in_the_older_form_is_one_too() -> None:
    assert is_genuine(Signer("acme.test", "mail", pem(RSA, PrivateFormat.TraditionalOpenSSL)).sign(MESSAGE), RSA)


SIGNING = Smtp(
    host="mail.test", from_address="a@acme.test", dkim_domain="a.test", dkim_selector="s", dkim_private_key=pem(ED25519)
)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dkim_selector": None}, "go together"),
        ({"dkim_private_key": ""}, "go together"),
        ({"dkim_domain": "acme.test; l=0"}, "`dkim_domain` of smtp is no name"),
        ({"dkim_selector": "s\r\nBcc: eve@example.com"}, "`dkim_selector` of smtp is no name"),
        ({"dkim_private_key": "secret"}, "is no private key in PEM"),
        ({"dkim_private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "of another kind than RSA and Ed25519"),
    ],
)
def test_settings_that_cannot_sign_are_refused_before_a_message_is(wrong: dict[str, str | None], said: str) -> None:
    with pytest.raises(ProviderMisconfigured, match=said) as caught:
        replace(SIGNING, **wrong)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_the_key_is_a_secret() -> None:
    assert "dkim_private_key" in Smtp.secrets
    assert "PRIVATE" not in repr(Signer("acme.test", "mail", pem(RSA)))
