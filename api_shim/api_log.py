"""Listening to a request and its answer as they pass, for the API log."""

from __future__ import annotations

import time
from uuid import UUID

from starlette.types import Message, Receive, Scope, Send

from api_shim.limits import operation_of
from notify_workers.api_log import Exchange, Writer
from notify_workers.settings import settings
from notify_workers.store.environments import ApiKey

NO_ANSWER = 499
"""The status of a request whose client went away before it was answered."""


def is_logged(scope: Scope) -> bool:
    """Whether a request belongs to the API: health, documentation and pages do not, and what others send has other logs."""
    path: str = scope["path"]
    if not path.startswith("/v1/") or path == "/v1/openapi" or path.startswith("/v1/sources/"):
        return False
    return not (path.startswith("/v1/providers/") and "/events/" in path)


class Body:
    """A body that passes by, kept as long as it is small."""

    __slots__ = ("_chunks", "_left")

    def __init__(self, most: int) -> None:
        self._chunks: list[bytes] = []
        self._left = most

    def add(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left >= 0:
            self._chunks.append(chunk)

    def whole(self) -> bytes | None:
        """None when it was too large."""
        return b"".join(self._chunks) if self._left >= 0 else None


class Recorder:
    """Notes one exchange, and hands it to the writer when it is over."""

    def __init__(self, writer: Writer, scope: Scope) -> None:
        self._writer = writer
        self._scope = scope
        self._came = time.monotonic()
        self._status = NO_ANSWER
        self._request = Body(settings().api_log_body)
        self._response = Body(0 if "/feeds/" in scope["path"] else settings().api_log_body)

    def receiving(self, receive: Receive) -> Receive:
        async def receive_and_note() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                self._request.add(message.get("body", b""))
            return message

        return receive_and_note

    def sending(self, send: Send) -> Send:
        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            else:
                self._response.add(message.get("body", b""))
            await send(message)

        return send_and_note

    def done(self) -> None:
        scope, state = self._scope, self._scope["state"]
        key: ApiKey | None = state.get("key")
        elapsed = time.monotonic() - self._came
        self._writer.put(
            Exchange(
                request_id=state["request_id"],
                came=time.time() - elapsed,
                method=scope["method"],
                path=scope["path"],
                query=scope["query_string"].decode("latin-1"),
                operation=operation_of(scope) or None,
                status=self._status,
                duration_ms=elapsed * 1000,
                request=self._request.whole(),
                response=self._response.whole(),
                user_agent=_user_agent(scope),
                environment_id=_environment(key),
                key_id=key.id if key else None,
                user_id=state.get("user_id"),
            )
        )


def _environment(key: ApiKey | None) -> UUID | None:
    return key.environment_id if key else None


def _user_agent(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")
