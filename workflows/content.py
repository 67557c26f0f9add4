"""Rendered content with its address: what a provider is given to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an e-mail; `content` is base64 without line breaks.

    With a `content_id` the HTML can show it, as `cid:` and that id; `is_inline` False keeps it a file all the same.
    """

    name: str
    content_type: str
    content: str
    content_id: str = ""
    is_inline: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Email:
    """Addresses are header values (`Jane Doe <jane@example.com>`), possibly several separated by commas.

    `sender` is empty when the step does not override the channel's own. `headers` are further ones, each one line.
    `overrides` is what the step wants changed in the provider's own request; a provider says what it makes of it.
    """

    to: str
    subject: str
    html: str
    text: str
    sender: str = ""
    cc: str = ""
    bcc: str = ""
    reply_to: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "to": self.to,
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "sender": self.sender,
            "cc": self.cc,
            "bcc": self.bcc,
            "reply_to": self.reply_to,
            "headers": dict(self.headers),
            "attachments": [attachment.as_json() for attachment in self.attachments],
            "overrides": dict(self.overrides),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Also of what was stored before there were attachments."""
        attachments = tuple(Attachment(**attachment) for attachment in stored.get("attachments", ()))
        return cls(**{**stored, "attachments": attachments})


@dataclass(frozen=True, slots=True)
class Sms:
    """`overrides` goes over the provider's request, as in the other types that have it."""

    kind: ClassVar[str] = "sms"

    to: str
    body: str
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class Push:
    """For one device. `token` is what the vendor calls it by: a device token, a player id, an endpoint's ARN.

    `token_deregistration`: whether the recipient loses a token that is one no more; None when the step does not say.
    """

    kind: ClassVar[str] = "push"

    token: str
    title: str
    body: str
    is_silent: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    token_deregistration: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """Without what the step does not say, which the version before cannot read."""
        stored = {"kind": self.kind, **asdict(self)}
        if self.token_deregistration is None:
            del stored["token_deregistration"]
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class Chat:
    """Either `markdown` or `json_content`, the vendor's own shape (Block Kit, Adaptive Card …), which goes before it.

    `connection` is one of the recipient's without its secrets (see `workflows/channels/chat.py`).
    """

    kind: ClassVar[str] = "chat"

    connection: Mapping[str, Any]
    markdown: str = ""
    json_content: Mapping[str, Any] | None = None
    summary: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """Blocks as a feed shows them: `{name, type, content, rendered}`, or `{name, type: button_set, buttons}`."""

    kind: ClassVar[str] = "in_app_feed"

    blocks: tuple[Mapping[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "blocks": [dict(block) for block in self.blocks]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(tuple(stored["blocks"]))


@dataclass(frozen=True, slots=True)
class GuideContent:
    """What a guide's step showed: the values of its message type's fields, rendered."""

    kind: ClassVar[str] = "in_app_guide"

    values: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "values": dict(self.values)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class Call:
    """A webhook's request. `query_params` come after those that the URL has already; header names are as written."""

    kind: ClassVar[str] = "http"

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query_params: tuple[tuple[str, str], ...] = ()
    body: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self), "query_params": [list(pair) for pair in self.query_params]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "query_params": tuple((name, value) for name, value in stored["query_params"])})


Content = Email | Sms | Push | Chat | FeedItem | GuideContent | Call

_OTHERS: Mapping[str, type[Sms | Push | Chat | FeedItem | GuideContent | Call]] = {
    each.kind: each for each in (Sms, Push, Chat, FeedItem, GuideContent, Call)
}


def content_from_json(stored: Mapping[str, Any]) -> Content:
    """What `as_json` made. Without a `kind` it is an e-mail: the first version stored nothing else.

    Raises `KeyError` for a kind that nobody knows, and `TypeError` for fields that are not the kind's.
    """
    fields = {name: value for name, value in stored.items() if name != "kind"}
    kind = stored.get("kind", "email")
    return Email.from_json(fields) if kind == "email" else _OTHERS[kind].from_json(fields)
