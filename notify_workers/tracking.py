"""Our own tracking of openings and clicks: addresses, and what a visit of one means.

An e-mail's say by themselves what they are for. Such a token needs no row, so that a link leads on while the database is
away, and however long ago its message was deleted; it is signed with the environment's secret, so that nobody else makes
links to elsewhere of it. Text messages, which are paid for by length, have short links, which are rows.
"""

from __future__ import annotations

import base64
import hmac
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from secrets import choice
from string import ascii_letters, digits
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from notify_workers import statuses
from notify_workers.catalog import EnvironmentCatalog
from notify_workers.errors import StoreUnavailable, kind_and_place
from notify_workers.settings import settings
from notify_workers.store import short_links
from notify_workers.store.session import transaction
from notify_workers.store.short_links import ShortLink
from workflows.content import Content, Email, Sms
from workflows.model import ChannelStep
from workflows.tracking import tracked_html, tracked_text

log = logging.getLogger(__name__)

LINK, OPENING = b"link", b"open"
_UUID, _ID, _SIGNATURE = 16, 27, 16
"""Bytes. Half of a SHA-256 is signature enough (RFC 2104 §5), and shortens every link."""

KEY_LENGTH = 10
"""Characters of a short link's key: 60 bits, which nobody guesses, in messages that are paid for by length."""

_KEY_LETTERS = ascii_letters + digits

_ROBOTS = re.compile(
    r"bot\b|crawl|spider|preview|facebookexternalhit|slurp|scanner|headless|python-requests|curl/|wget/|barracuda|mimecast"
    r"|proofpoint",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a token stands for. `url` is empty when it is an opening's. `reads`: who clicks has read the message."""

    environment_id: UUID
    message_id: str
    url: str = ""
    reads: bool = False


def tracked(
    environment: EnvironmentCatalog, channel_id: UUID, step: ChannelStep, message_id: str, content: Content
) -> tuple[Content, list[ShortLink]]:
    """The content with tracked links and the picture, if its step wants them, or its channel and the step says nothing.

    The short links in it work when they are stored.
    """
    if not isinstance(content, Email | Sms):
        return content, []
    channel, own = environment.channels_by_id[channel_id], step.overrides
    links = channel.link_tracking if own.link_tracking is None else own.link_tracking
    opens = channel.open_tracking if own.open_tracking is None else own.open_tracking
    if isinstance(content, Sms):
        short = _Shortener(environment.id, message_id)
        body = tracked_text(content.body, short) if links else content.body
        return replace(content, body=body), list(short.made.values())
    if not content.html or not (links or opens):
        return content, []
    secret, home = environment.signing_secret, settings().public_url

    def link(url: str) -> str:
        if _stays(url):
            return url
        return f"{home}/l/{token(secret, Visit(environment.id, message_id, url))}"

    pixel = f"{home}/o/{token(secret, Visit(environment.id, message_id))}.gif" if opens else ""
    return replace(content, html=tracked_html(content.html, link, links=links, pixel=pixel)), []


class _Shortener:
    """Gives each address of a message a key of its own."""

    def __init__(self, environment_id: UUID, message_id: str) -> None:
        self.made: dict[str, ShortLink] = {}
        self._of = (environment_id, message_id)

    def __call__(self, url: str) -> str:
        if _stays(url):
            return url
        if url not in self.made:
            key = "".join(choice(_KEY_LETTERS) for _ in range(KEY_LENGTH))
            self.made[url] = ShortLink(key, *self._of, url)
        return f"{settings().public_url}/l/{self.made[url].key}"


def _stays(url: str) -> bool:
    """Too long a link, and hosted pages, where recipients unsubscribe or say what they want: nobody is followed there."""
    home = settings().public_url
    is_ours = url == home or url.startswith((f"{home}/", f"{home}?"))
    return is_ours or len(url.encode()) > settings().tracking_longest_url


def token(secret: str, visit: Visit) -> str:
    body = visit.environment_id.bytes + visit.message_id.encode() + visit.url.encode()
    return f"{_encoded(body)}.{_encoded(_signature(secret, LINK if visit.url else OPENING, body))}"


def read(written: str, secrets: Mapping[UUID, str], *, is_link: bool) -> Visit | None:
    """What a token stands for; None for one that was not made here. `secrets` are the environments' own."""
    body, _, signature = written.partition(".")
    if len(body) > _most_characters():
        return None
    try:
        known, signed = _decoded(body), _decoded(signature)
        environment, message_id = UUID(bytes=known[:_UUID]), known[_UUID : _UUID + _ID].decode("ascii")
        url = known[_UUID + _ID :].decode()
    except ValueError:
        return None
    secret = secrets.get(environment)
    if secret is None or bool(url) != is_link:
        return None
    expected = _signature(secret, LINK if is_link else OPENING, known)
    return Visit(environment, message_id, url) if hmac.compare_digest(expected, signed) else None


def _most_characters() -> int:
    """Of a token's body. A limit that was higher once has made longer links; they still work up to twice this one."""
    return 2 * (settings().tracking_longest_url + _UUID + _ID) * 4 // 3 + 4


def is_key(written: str) -> bool:
    """Whether it is a short link's, which is not signed, and needs the database."""
    return len(written) == KEY_LENGTH and written.isascii() and written.isalnum()


def find(key: str) -> Visit | None:
    """What a short link stands for. Raises `StoreUnavailable`."""
    with transaction() as tx:
        found = short_links.find(tx, key)
    return Visit(found.environment_id, found.message_id, found.url, reads=True) if found else None


def counts(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a person seems to have asked. Names of `headers` are in lower case."""
    is_ahead = any(
        "prefetch" in headers.get(name, "").lower() for name in ("purpose", "sec-purpose", "x-moz", "x-purpose")
    )
    return method == "GET" and not is_ahead and not _ROBOTS.search(headers.get("user-agent", ""))


def mark(visit: Visit) -> None:
    """The message was read, and its link clicked. A visit that cannot be written down is lost: its reader is not kept waiting."""
    place = (visit.environment_id, [visit.message_id])
    try:
        with transaction() as tx:
            if visit.reads or not visit.url:
                statuses.change(tx, *place, "read")
            if visit.url:
                statuses.change(tx, *place, "link_clicked", {"url": visit.url})
    except (StoreUnavailable, SQLAlchemyError) as error:
        log.warning("a visit of message %s was not counted: %s", visit.message_id, kind_and_place(error))


def _signature(secret: str, purpose: bytes, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose + b"\0" + body, sha256)[:_SIGNATURE]


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(written: str) -> bytes:
    """Raises `ValueError`, also for what `_encoded` would have written differently."""
    value = base64.b64decode(written.encode("ascii") + b"=" * (-len(written) % 4), altchars=b"-_", validate=True)
    if _encoded(value) != written:
        raise ValueError("not as it is written")
    return value
