"""Where vendors tell what became of a message, for those that let each request say so."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

from notify_workers.providers import Envelope

PARAMETER = "doorbell_message"


def naming(url: str, envelope: Envelope) -> str:
    """The URL with the message's id in its query, for vendors that have no other place for it."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({PARAMETER: envelope.message_id}))))
    return urlunsplit(parts._replace(query=query))
