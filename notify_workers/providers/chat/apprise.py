"""Apprise, for services that have no provider of their own: https://github.com/caronc/apprise/wiki"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from notify_workers.providers import (
    AppriseNotification,
    AppriseReply,
    Bounced,
    Envelope,
    HttpReply,
    Refused,
    Retry,
    SendOutcome,
    Sends,
    Sent,
    Unknown,
    provider,
)
from notify_workers.providers.answers import failed
from notify_workers.providers.chat.connections import REMOVED
from workflows.content import Chat


@provider
@dataclass(frozen=True, slots=True)
class Apprise:
    """The step's summary is the title. A message is sent when one of its addresses has taken it.

    `urls`, apart by blanks, get what is for recipients without a connection of their own. A connection's `apprise_url` is
    used when its scheme is one of `schemes`, apart by blanks: some write to files or to any machine.
    """

    name: ClassVar[str] = "apprise"
    channel_type: ClassVar[str] = "chat"
    secrets: ClassVar[frozenset[str]] = frozenset({"urls"})

    urls: str = ""
    schemes: str = ""

    def send(self, content: Chat, envelope: Envelope) -> Sends:
        if envelope.connection is None:
            return REMOVED
        urls = self.urls.split()
        if url := envelope.connection.url:
            urls = [url]
            if url.partition("://")[0].lower() not in self.schemes.lower().split():
                return Refused("this channel's `schemes` has not the scheme of the connection's address")
        outcomes: list[SendOutcome] = []
        for each in urls:
            reply = yield AppriseNotification(each, content.summary, content.markdown)
            outcomes.append(_outcome(reply))
        return _best(outcomes)


def _outcome(reply: AppriseReply) -> SendOutcome:
    if reply.is_sent:
        return Sent()
    if reply.is_malformed:
        return Refused(reply.error)
    return failed(HttpReply(reply.status)) if reply.status else Unknown(f"Apprise could not deliver: {reply.error}")


def _best(outcomes: list[SendOutcome]) -> SendOutcome:
    """Tried again only when nobody has it."""
    for kind in (Sent, Unknown, Retry):
        for each in outcomes:
            if isinstance(each, kind):
                return each
    return outcomes[-1] if outcomes else Bounced("there is no address to send to")
