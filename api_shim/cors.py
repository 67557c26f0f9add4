"""Which web pages may call the API (CORS; contract: feed-protocol §3).

Outermost, so that refusals and failures carry the headers too: a page cannot read an answer that has none of them.
"""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Scope

from notify_workers.settings import settings

METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS")

EXPOSED = (
    *("x-request-id", "Retry-After", "retry-after-ms", "idempotent-replayed", "original-x-request-id"),
    *("x-ratelimited-message_ids", "x-doorbell-cancelled"),
)
"""Headers of an answer that a page may read."""

MAX_AGE = 7200
"""Seconds for which a browser asks no second time; Chromium takes no more."""


def cors(app: ASGIApp) -> CORSMiddleware:
    """Any header may be sent, and preflights name those that were asked for: `*` would not cover `Authorization`."""
    return CORSMiddleware(
        app,
        allow_origins=settings().allowed_origins.split(","),
        allow_methods=METHODS,
        allow_headers=["*"],
        expose_headers=EXPOSED,
        max_age=MAX_AGE,
    )


def from_a_page(scope: Scope) -> bool:
    """Whether a browser says which page asks."""
    return any(name == b"origin" for name, _ in scope["headers"])


def is_allowed(origin: str | None) -> bool:
    """Whether a page of this origin may open a socket, which CORS does not cover. No origin: it is no page."""
    allowed = settings().allowed_origins.split(",")
    return origin is None or "*" in allowed or origin in allowed
