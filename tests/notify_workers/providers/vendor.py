"""Playing a vendor: what a provider asks for, and what becomes of an answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from notify_workers.providers import Connection, Envelope, HttpReply, HttpRequest, Provider, SendOutcome, load_provider
from workflows.content import Content

ID = "3MQs49RN5zB4aVoOsSpLViWRwmW"
ENVELOPE = Envelope(ID, ID)


def asked(provider: Provider, content: Content, connection: Connection | None = ENVELOPE.connection) -> HttpRequest:
    """The first request."""
    request = next(provider.send(content, Envelope(ID, ID, connection)))
    assert isinstance(request, HttpRequest)
    return request


def outcome(
    provider: Provider, content: Content, *replies: Any, connection: Connection | None = ENVELOPE.connection
) -> SendOutcome:
    """What the provider makes of these answers, one after the other; of none, when it asks nobody."""
    sending = provider.send(content, Envelope(ID, ID, connection))
    try:
        next(sending)
        for reply in replies:
            sending.send(reply)
    except StopIteration as end:
        found: SendOutcome = end.value
        return found
    raise AssertionError("asks for more")


def answer(status: int, body: Any = None, **headers: str) -> HttpReply:
    """An answer of JSON, or of the bytes given. Underscores in headers' names stand for hyphens."""
    written = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return HttpReply(status, {name.replace("_", "-"): value for name, value in headers.items()}, written)


def json_body(request: HttpRequest) -> Any:
    assert request.headers["content-type"] == "application/json"
    return json.loads(request.body)


def load(name: str, settings: Mapping[str, Any], **others: Any) -> Provider:
    return load_provider(name, {**settings, **others})
