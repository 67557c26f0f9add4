"""An e-mail as RFC 5322 and MIME have it, for providers that take whole messages."""

from __future__ import annotations

import json
import re
from base64 import b64decode, encodebytes
from collections.abc import Iterable, Iterator
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import Compat32
from email.utils import formataddr, formatdate, getaddresses
from typing import Any

from notify_workers.providers import Envelope
from workflows.content import Attachment, Email
from workflows.email.headers import header_value

LONGEST_LINE = 998
_LONGEST_NAME = 255
"""Bytes of a file's name: what file systems take, and three times as long still one line of a header (RFC 2231)."""

_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322 §2.2
_SPECIALS = re.compile(r'[()<>@,:;\\".\[\]]')
_ADDRESSES = frozenset({"from", "to", "cc", "reply-to", "sender"})
# What makes the message readable, names it, or must not be in it.
_OURS = frozenset(
    {"bcc", "content-transfer-encoding", "content-type", "message-id", "mime-version", "x-doorbell-message"}
)


class Plain(Compat32):
    """Writes a header that is one short line of ASCII as it stands, and one without spaces, which has no place to be
    folded at; the library folds and encodes the others.

    The newer policies parse every header that they are given, and this one splits each into words: together that was
    two thirds of composing a message.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if isinstance(value, str) and value.isascii() and value.isprintable() and _fits(name, value):
            return f"{name}: {value}{self.linesep}".encode()
        return super().fold_binary(name, value)


def _fits(name: str, value: str) -> bool:
    size = len(name) + 2 + len(value)
    return size <= 77 or (size <= LONGEST_LINE and " " not in value)


CRLF = Plain(linesep="\r\n")


def compose(content: Email, sender: str, envelope: Envelope) -> bytes:
    """The whole message, all of it ASCII, with lines ending in CRLF."""
    message = _body(content)
    message["From"] = addresses_header(sender)
    message["To"] = addresses_header(content.to)
    if content.cc:
        message["Cc"] = addresses_header(content.cc)
    if content.reply_to:
        message["Reply-To"] = addresses_header(content.reply_to)
    message["Subject"] = _text_header(content.subject)
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{envelope.idempotency_key}@{_domain(sender)}>"
    message["X-Doorbell-Message"] = envelope.message_id
    for name, value in _further_headers(content):
        del message[name]
        message[name] = value
    return message.as_bytes(policy=CRLF)


def wrong_headers(content: Email) -> list[str]:
    """Names of headers among the overrides that no message can have."""
    return [name for name in _overridden(content) if not _FIELD_NAME.fullmatch(name)]


def addresses(*headers: str) -> tuple[str, ...]:
    """The bare addresses in those headers, each once."""
    return tuple(dict.fromkeys(address for _, address in getaddresses([each for each in headers if each]) if address))


def mailboxes(header: str) -> list[str]:
    """A header's addresses one by one, each with its name: `Jane Doe <jane@example.com>`."""
    found = getaddresses([header_value(header)])
    return [f"{_name(name)} <{address}>" if name else address for name, address in found if address]


def people(header: str) -> list[dict[str, str]]:
    """The same as many vendors' JSON has them: `{"email": …, "name": …}`, the name only where there is one."""
    found = getaddresses([header_value(header)])
    return [{"email": address, **({"name": name} if name else {})} for name, address in found if address]


def each_once(*headers: str) -> list[list[dict[str, str]]]:
    """People of several headers, nobody twice: vendors refuse an e-mail that names an address again, or send it again."""
    lists: list[list[dict[str, str]]] = []
    known: set[str] = set()
    for header in headers:
        lists.append([])
        for each in people(header):
            if each["email"].lower() not in known:
                known.add(each["email"].lower())
                lists[-1].append(each)
    return lists


def _name(name: str) -> str:
    """Quoted where it would be read as something else (RFC 5322 §3.2.3)."""
    if not _SPECIALS.search(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def addresses_header(value: str) -> str:
    """Addresses as a header has them: names outside ASCII are encoded, addresses never are."""
    value = header_value(value)
    if value.isascii():
        return value
    return ", ".join(formataddr(each, "utf-8") for each in getaddresses([value]))


def _further_headers(content: Email) -> Iterator[tuple[str, str]]:
    """The content's own, and over them the overrides'. What is not text is written as JSON."""
    for name, value in {**content.headers, **_overridden(content)}.items():
        if value is None or name.lower() in _OURS:
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        yield name, addresses_header(text) if name.lower() in _ADDRESSES else _text_header(text)


def _overridden(content: Email) -> dict[str, Any]:
    headers = content.overrides.get("headers")
    return dict(headers) if isinstance(headers, dict) else {}


def _body(content: Email) -> MIMEMultipart:
    """Text or HTML, the HTML together with the pictures in it, and behind both the other files."""
    shown = [each for each in content.attachments if each.is_inline and each.content_id]
    alternative = MIMEMultipart("alternative")
    alternative.attach(_text_part(content.text, "plain"))
    html = _text_part(content.html, "html")
    alternative.attach(_together("related", html, shown) if shown else html)
    files = [each for each in content.attachments if each not in shown]
    return _together("mixed", alternative, files) if files else alternative


def _together(subtype: str, first: Message, files: Iterable[Attachment]) -> MIMEMultipart:
    parts = MIMEMultipart(subtype)
    if subtype == "related":
        parts.set_param("type", first.get_content_type())  # RFC 2387 §3.1
    for part in (first, *map(_file, files)):
        parts.attach(part)
    return parts


def _file(attachment: Attachment) -> MIMEBase:
    part = _typed(attachment.content_type)
    part.set_payload(encodebytes(b64decode(attachment.content)).decode("ascii"))
    part["Content-Transfer-Encoding"] = "base64"
    name = _file_name(attachment.name)
    disposition = "inline" if attachment.is_inline else "attachment"
    part.add_header("Content-Disposition", disposition, filename=name if name.isascii() else ("utf-8", "", name))
    if attachment.content_id:
        part["Content-ID"] = f"<{header_value(attachment.content_id)}>"
    return part


def _typed(content_type: str) -> MIMEBase:
    """Messages and parts of messages may not be base64 (RFC 2046 §5), so they go as files of no known type."""
    given = Message()
    given["Content-Type"] = header_value(content_type)
    main, _, sub = given.get_content_type().partition("/")
    if main in ("message", "multipart"):
        main, sub = "application", "octet-stream"
    part = MIMEBase(main, sub)
    for name, value in given.get_params([])[1:]:
        if name.lower() != "name" and _FIELD_NAME.fullmatch(name) and value.isascii():
            part.set_param(name, value)
    return part


def _file_name(name: str) -> str:
    """Shortened before its ending, which tells programs what it is."""
    name = header_value(name)
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        stem, dot, ending = name, "", ""
    kept = stem.encode()[: _LONGEST_NAME - len(f"{dot}{ending}".encode())]
    return kept.decode(errors="ignore") + dot + ending


def _text_header(value: str) -> str:
    value = header_value(value)
    return value if value.isascii() else str(Header(value, "utf-8").encode())


def _text_part(text: str, subtype: str) -> MIMEText:
    """As it is where every server takes that: ASCII in lines of at most 998 characters (RFC 5322 §2.1.1)."""
    plain = text.isascii() and all(len(line) <= LONGEST_LINE for line in text.splitlines())
    return MIMEText(text, subtype, "us-ascii" if plain else "utf-8")


def _domain(sender: str) -> str:
    known = addresses(sender)
    return known[0].rpartition("@")[2] if known else "localhost"
