"""Access tokens of vendors (OAuth 2.0), kept by this process until shortly before they end."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from notify_workers.providers import HttpReply, HttpRequest, TokenReply, TokenRequest
from notify_workers.providers.answers import is_success, json_of

TOKENS_KEPT = 1000
EXPIRY_MARGIN = 60.0
"""Seconds before its end from which a token is not used any more."""

K = TypeVar("K", bound=Hashable)


class Tokens(Generic[K]):
    """The one used longest ago is forgotten first. Times are the process' own, in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[K, tuple[str, float]] = OrderedDict()

    def get(self, key: K) -> str | None:
        with self._lock:
            token, until = self._known.get(key, ("", 0.0))
            if time.monotonic() >= until:
                self._known.pop(key, None)
                return None
            self._known.move_to_end(key)
            return token

    def put(self, key: K, token: str, seconds: float) -> None:
        """`seconds` is how long the vendor says that it is good; one that ends at once is not kept."""
        with self._lock:
            self._known[key] = (token, time.monotonic() + seconds - EXPIRY_MARGIN)
            while len(self._known) > TOKENS_KEPT:
                self._known.popitem(last=False)

    def forget(self, key: K) -> None:
        with self._lock:
            self._known.pop(key, None)


_tokens: Tokens[tuple[str, ...]] = Tokens()


def find(wanted: TokenRequest, perform: Callable[[HttpRequest], HttpReply]) -> TokenReply:
    """The kept token, or a new one from who hands them out."""
    key = (wanted.request.url, *wanted.key)
    if wanted.is_renewed:
        _tokens.forget(key)
    if known := _tokens.get(key):
        return TokenReply(known, HttpReply(200), is_kept=True)
    answer = perform(wanted.request)
    said = json_of(answer)
    token, seconds = (said.get("access_token"), said.get("expires_in")) if isinstance(said, dict) else (None, None)
    if not is_success(answer) or not isinstance(token, str):
        return TokenReply("", answer)
    if isinstance(seconds, int | float):
        _tokens.put(key, token, seconds)
    return TokenReply(token, answer)


def forget_all() -> None:
    """As a new process begins."""
    global _tokens
    _tokens = Tokens()
