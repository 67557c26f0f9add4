"""The socket under the server that serves it in production, and guides through Knock's own Python SDK."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from knockapi import Knock
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from api_shim.app import make_app
from api_shim.realtime import PATH
from doorbell.embedded import free_port
from notify_workers.ids import guide_id
from notify_workers.settings import Settings
from tests.answers import eventually
from tests.engine import DEVELOPMENT, Engine
from tests.guides import CHANNEL, guide_step, publish


class Server:
    def __init__(self) -> None:
        self.port = free_port()
        options: dict[str, Any] = {"loop": "uvloop", "http": "httptools", "log_level": "warning", "ws_max_size": 65_536}
        self.uvicorn = uvicorn.Server(uvicorn.Config(make_app, factory=True, port=self.port, **options))
        self.thread = threading.Thread(target=self.uvicorn.run)

    def start(self) -> None:
        self.thread.start()
        eventually(lambda: self.uvicorn.started)

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self.thread.join()

    def socket(self, query: str = "?&api_key=pk_test_doorbell&&vsn=2.0.0") -> ClientConnection:
        return connect(f"ws://127.0.0.1:{self.port}{PATH}{query}", proxy=None)


@pytest.fixture
def server(engine: Engine, stores: Settings) -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def knock(server: Server) -> Iterator[Knock]:
    """The SDK, which raises when an answer is not exactly what it expects."""
    address = f"http://127.0.0.1:{server.port}"
    with Knock(api_key="sk_test_doorbell", base_url=address, _strict_response_validation=True, max_retries=0) as client:
        yield client


def join(socket: ClientConnection) -> None:
    topic = f"guides:{CHANNEL}"
    socket.send(json.dumps(["3", "3", topic, "phx_join", {"user_id": "jane"}]))
    assert json.loads(socket.recv()) == ["3", "3", topic, "phx_reply", {"status": "ok", "response": {}}]


def test_a_change_is_told_over_a_real_link(server: Server) -> None:
    with server.socket() as socket:
        join(socket)
        publish("tour")
        _, _, _, event, payload = json.loads(socket.recv())
        assert (event, payload["data"]["guide"]["key"]) == ("guide.added", "tour")


def test_a_wrong_key_refuses_the_upgrade(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        server.socket("?api_key=pk_wrong")
    assert refused.value.response.status_code == 403


def test_a_server_that_stops_closes_with_a_code_after_which_clients_come_back(server: Server) -> None:
    with server.socket() as socket:
        join(socket)
        server.stop()
        with pytest.raises(ConnectionClosed):
            socket.recv()
        assert socket.close_code == 1012


def test_a_frame_that_is_too_large_closes_the_link(server: Server) -> None:
    with server.socket() as socket:
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed):
            socket.recv()
        assert socket.close_code == 1009


def test_the_sdk_gets_guides_and_marks_them(knock: Knock) -> None:
    publish("tour", guide_step(title="{{ data.plan }}"))
    channel, identifier = str(CHANNEL), str(guide_id(DEVELOPMENT, "tour"))
    named: Any = {"guide_key": "tour", "guide_id": identifier, "guide_step_ref": "step_1", "channel_id": channel}
    shown = knock.users.guides.get_channel("jane", channel, data='{"plan": "pro"}')
    assert shown.entries[0].steps is not None
    assert shown.entries[0].steps[0].content == {"title": "pro"}
    of = knock.users.guides
    assert of.mark_message_as_seen("jane", content={"title": "pro"}, **named).status == "ok"
    assert of.mark_message_as_interacted("jane", metadata={"a": 1}, **named).status == "ok"
    assert of.mark_message_as_archived("jane", **named).status == "ok"
    (message,) = knock.messages.list()
    assert message.source.type == "guide"
    assert message.engagement_statuses is not None
    assert set(message.engagement_statuses) == {"seen", "read", "interacted", "archived"}
    (gone,) = of.get_channel("jane", channel).ineligible_guides
    assert (gone.key, gone.reason) == ("tour", "marked_as_archived")


def test_the_sdk_takes_marks_back(knock: Knock) -> None:
    publish("tour")
    channel, identifier = str(CHANNEL), str(guide_id(DEVELOPMENT, "tour"))
    named: Any = {"guide_key": "tour", "guide_id": identifier, "guide_step_ref": "step_1", "channel_id": channel}
    of = knock.users.guides
    for take_back in (of.unarchive_guide_message, of.reset_guide_engagements):
        of.mark_message_as_archived("jane", **named)
        assert of.get_channel("jane", channel).entries == []
        assert take_back("jane", guide_key="tour").status == "ok"
        assert [each.key for each in of.get_channel("jane", channel).entries] == ["tour"]
