"""Whom an environment may send to, when it is not everybody (docs/sandbox.md). What cannot be told is held back.

Addresses that the recipient has itself may also be allowed by who the recipient is; any other needs a pattern of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from notify_workers.errors import DoorbellError
from notify_workers.providers.email.mime import addresses
from workflows.channels.chat import UNCONNECTED
from workflows.content import Call, Chat, Content, Email, FeedItem, GuideContent, Push, Sms
from workflows.email.headers import header_value
from workflows.recipients import Reference

MOST_PATTERNS = 1000
LONGEST_PATTERN = 320
"""Characters: what an e-mail address may have."""

_EMAIL = re.compile(r"[^\s<>,;:\"()\[\]]+@[^\s<>,;:\"()\[\]]+")
_NUMBER = re.compile(r"\+?[\d\s().-]{7,}")
_BETWEEN_DIGITS = re.compile(r"[\s().-]")
_SENDERS = frozenset({"from", "fromemail", "fromemailaddress", "fromnumber", "replyto", "replytolist", "sender", "src"})
"""Fields of vendors' requests that say who sends, in lower case and without what is no letter or digit."""
_ADDRESSED = frozenset(
    {
        *(
            "to",
            "dst",
            "destination",
            "destinations",
            "phonenumber",
            "recipient",
            "recipients",
            "recipientid",
            "groups",
        ),
        *("token", "tokens", "topic", "condition", "registrationids", "targetarn", "topicarn", "channel", "chatid"),
        *("includeplayerids", "includesubscriptionids", "includeexternaluserids", "includealiases", "includedsegments"),
        *("includeemailtokens", "includephonenumbers", "filters", "username", "groupid"),
    }
)
"""Fields at the top of vendors' requests that say who is sent to."""
_LISTS = frozenset({"list", "listid", "listids", "segment", "segmentid", "segmentids"})
"""Fields in e-mails' requests that name recipients whom the vendor knows."""


class PatternInvalid(DoorbellError):
    code = "allow_list_invalid"
    status = 422
    type = "invalid_request_error"


@dataclass(frozen=True)
class AllowList:
    """Patterns as `doorbell environments allow` takes them; without any, nobody is sent anything."""

    patterns: Sequence[str]

    @cached_property
    def _known(self) -> tuple[re.Pattern[str], ...]:
        return tuple(_compiled(each) for each in self.patterns)

    def _has(self, name: str) -> bool:
        return any(each.fullmatch(name) for each in self._known)

    def objection(self, content: Content, recipient: Reference, properties: Mapping[str, Any] | None) -> str:
        """Why the message is not sent; empty when it is. `properties` are what is known of its recipient now."""
        if isinstance(content, FeedItem | GuideContent):
            return ""
        knows_recipient = self._has(_name(recipient))
        own = _own(properties or {}) if knows_recipient else frozenset()
        for each in _named(content):
            if not self._has(each) and each not in own:
                return f"{_shown(each)} is not on this environment's allow-list"
        if isinstance(content, Push) and not knows_recipient and not self._has(f"token:{content.token}"):
            return f"neither {_name(recipient)} nor its device is on this environment's allow-list"
        if isinstance(content, Chat) and not knows_recipient and not _is_looked_up(content):
            return f"{_name(recipient)} is not on this environment's allow-list"
        return ""


def checked(patterns: Iterable[str]) -> list[str]:
    """The patterns, each once. Raises `PatternInvalid` for what could match nobody, or everybody."""
    found = list(dict.fromkeys(each.strip() for each in patterns))
    for each in found:
        if not _KIND.fullmatch(each) or len(each) > LONGEST_PATTERN or not each.strip("*@.+"):
            raise PatternInvalid(
                f"`{each}` is no pattern: write *@example.com, +1555*, user:jane, object:projects/p1, token:abc*"
                " or https://hooks.example.com/*"
            )
    if len(found) > MOST_PATTERNS:
        raise PatternInvalid(f"an allow-list has at most {MOST_PATTERNS} patterns")
    return found


_KIND = re.compile(r"(user:|token:)\S+|object:[^\s/]+/\S+|https?://\S+|\+[\d*]+|[^\s@:,;<>]*@[^\s@:,;<>]+")


_IN_HOST = r"[^\s/?#@\\]*"


def _compiled(pattern: str) -> re.Pattern[str]:
    """`*` is any characters, but none that could begin another address, and none beyond a URL's host before its path."""
    if pattern.startswith(("http://", "https://")):
        scheme, _, rest = pattern.partition("://")
        host, slash, path = rest.partition("/")
        return re.compile(f"{scheme}://{_glob(host, _IN_HOST)}{slash}{_glob(path, '.*')}")
    if pattern.startswith(("user:", "object:", "token:")):
        return re.compile(_glob(pattern, r"\S*"))
    written = f"*{pattern}" if pattern.startswith("@") else pattern
    return re.compile(_glob(written, r"[^\s@,;<>]*"), re.IGNORECASE)


def _glob(pattern: str, some: str) -> str:
    return some.join(re.escape(part) for part in pattern.split("*"))


def _name(recipient: Reference) -> str:
    return f"user:{recipient}" if recipient.is_user else f"object:{recipient}"


def _own(properties: Mapping[str, Any]) -> frozenset[str]:
    email, number = properties.get("email"), properties.get("phone_number")
    emails = {each.lower() for each in addresses(email)} if isinstance(email, str) else set()
    return frozenset(emails | ({_number(number)} if isinstance(number, str) else set()))


def _number(written: str) -> str:
    return _BETWEEN_DIGITS.sub("", written)


def _is_looked_up(content: Chat) -> bool:
    """It goes to a number or an e-mail address, which are judged like a text message's and an e-mail's."""
    return bool(content.connection) and content.connection.keys() <= UNCONNECTED


def _named(content: Email | Sms | Push | Chat | Call) -> Iterator[str]:
    """Every address that the message names, one by one, as patterns are written."""
    match content:
        case Email():
            headers = (content.to, content.cc, content.bcc)
            yield from (each.lower() for each in addresses(*headers, *map(header_value, headers)))
            yield from (each.lower() for each in _emails(content.overrides))
        case Sms():
            yield _number(content.to)
            yield from _overridden(content.overrides)
            yield from (_number(each) for each in _texts(content.overrides) if _NUMBER.fullmatch(each))
        case Push():
            yield from _overridden(content.overrides)
        case Chat():
            looked_up = [value for name, value in content.connection.items() if name in UNCONNECTED]
            yield from (each.lower() if "@" in each else _number(each) for each in looked_up)
            yield from _overridden(content.json_content or {})
        case Call():
            yield content.url


def _overridden(fields: Mapping[str, Any]) -> Iterator[str]:
    """What stands in fields that say who is sent to. A number is one; anything else is taken for a token."""
    for name, value in fields.items():
        if _plain(name) in _ADDRESSED:
            for each in _texts({"": value}):
                yield _number(each) if _NUMBER.fullmatch(each) else f"token:{each}"


def _emails(fields: Any, name: str = "") -> Iterator[str]:
    """Every address in an e-mail's overrides, wherever it stands, except who sends it; and the vendor's own lists."""
    if isinstance(fields, Mapping):
        for key, value in fields.items():
            if _plain(key) not in _SENDERS:
                yield from _EMAIL.findall(key)
                yield from _emails(value, _plain(key))
    elif isinstance(fields, list | tuple):
        for each in fields:
            yield from _emails(each, name)
    elif name in _LISTS and fields is not None:
        yield f"token:{fields}"
    elif isinstance(fields, str):
        yield from _EMAIL.findall(fields)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _plain(key) not in _SENDERS:
                yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _shown(address: str) -> str:
    """A device's token and the rest of a webhook's URL may be secrets."""
    if address.startswith("token:"):
        return "an address of its overrides"
    scheme, separator, rest = address.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}" if separator else address
