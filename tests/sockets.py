"""A client of the socket that speaks Phoenix frames, one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from api_shim.realtime import PATH
from tests.conftest import CheckedClient

KEY = "?&api_key=pk_test_doorbell&&vsn=2.0.0"

OK = {"status": "ok", "response": {}}


class Client:
    """One socket. `say` sends a frame, `hear` takes the next one."""

    def __init__(self, session: WebSocketTestSession) -> None:
        self.session = session

    def say(self, join_ref: str | None, ref: str, topic: str, event: str, payload: Mapping[str, Any]) -> None:
        self.session.send_json([join_ref, ref, topic, event, payload])

    def hear(self) -> list[Any]:
        frame: list[Any] = self.session.receive_json()
        return frame

    def join(self, topic: str, ref: str = "1", payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.say(ref, ref, topic, "phx_join", payload or {})
        join_ref, answered, of, event, answer = self.hear()
        assert (join_ref, answered, of, event) == (ref, ref, topic, "phx_reply")
        assert isinstance(answer, dict)
        return answer

    def told(self) -> tuple[str, dict[str, Any]]:
        """The next push: its event and data."""
        _, ref, topic, event, payload = self.hear()
        assert (ref, payload["topic"], payload["event"]) == (None, topic, event)
        return event, payload["data"]

    def beats(self) -> None:
        """The link is alive, and nothing else was said before."""
        self.say(None, "beat", "phoenix", "heartbeat", {})
        assert self.hear() == [None, "beat", "phoenix", "phx_reply", {"status": "ok", "response": {}}]

    def closed_with(self) -> int:
        try:
            while True:
                self.session.receive_json()
        except WebSocketDisconnect as closed:
            return closed.code


@contextmanager
def connected(api: CheckedClient, query: str = KEY) -> Iterator[Client]:
    with api.websocket_connect(f"{PATH}{query}") as session:
        yield Client(session)
