"""What chat providers make of a message's connection."""

from __future__ import annotations

from urllib.parse import urlsplit

from notify_workers.providers import Bounced, Connection, Envelope, Refused
from workflows.content import Chat

REMOVED = Bounced("the recipient's connection was removed")
"""It was there when the message was made."""


def has_webhook(content: Chat) -> bool:
    return "incoming_webhook" in content.connection


def webhook_of(envelope: Envelope, hosts: str) -> str | Bounced | Refused:
    """The incoming webhook's URL, by https and at one of the vendor's hosts (apart by blanks; `.example.com` is all below).

    Whoever may write channel data says what it is: it must not lead to just any machine.
    """
    if envelope.connection is None:
        return REMOVED
    return envelope.connection.url if _leads_to(envelope.connection.url, hosts) else FOREIGN


FOREIGN = Refused("the incoming webhook's URL does not begin with https:// and a host that this channel may ask")


def token_of(envelope: Envelope, own: str | None) -> str | Bounced | Refused:
    """The connection's access token, or else the channel's own."""
    connection: Connection | None = envelope.connection
    if connection is None:
        return REMOVED
    return connection.access_token or own or Refused("there is no access token: nobody has connected yet")


def _leads_to(url: str, hosts: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        is_plain = parts.port in (None, 443) and parts.username is None
    except ValueError:
        return False
    if parts.scheme != "https" or not is_plain:
        return False
    return any(host == each or (each.startswith(".") and host.endswith(each)) for each in hosts.lower().split())
