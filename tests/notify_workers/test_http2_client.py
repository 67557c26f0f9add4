"""The HTTP/2 driver against a real server over TLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from h2.errors import ErrorCodes

from doorbell.embedded import free_port
from notify_workers import http2_client, http2_connection
from notify_workers import settings as settings_module
from notify_workers.http2_client import perform
from notify_workers.providers import HttpReply, HttpRequest
from notify_workers.settings import Settings, choose
from tests.notify_workers.http2_server import (
    Conversation,
    Heard,
    Http2Server,
    Step,
    answer,
    hang_up,
    silence,
    write_certificate,
)
from tests.notify_workers.http_server import HttpServer


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that this process trusts for the length of a test."""
    path = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    http2_client.close()
    yield path
    http2_client.close()


@pytest.fixture
def server(certificate: Path) -> Iterator[Http2Server]:
    with Http2Server(certificate) as running:
        yield running
        http2_client.close()


def post(url: str, body: bytes = b"x", **request: Any) -> HttpReply:
    return perform(HttpRequest("POST", url, body=body, **{"timeout": 5.0, **request}))


def test_a_request_arrives_as_it_was_given(server: Http2Server) -> None:
    server.will_do(answer(201, b"made", x_name="a"))
    reply = post(server.url("/a b?x=1"), b"\x00body", headers={"X-Name": "Jäne"}, query_params=(("k", "v &"),))
    (heard,) = server.heard
    assert heard.headers == {
        ":method": "POST",
        ":scheme": "https",
        ":authority": server.url("").removeprefix("https://"),
        ":path": "/a%20b?x=1&k=v+%26",
        "user-agent": "Doorbell",
        "content-length": "5",
        "x-name": "Jäne",
    }
    assert heard.body == b"\x00body"
    assert reply == HttpReply(201, {"x-name": "a"}, b"made")


def test_threads_share_one_connection(server: Http2Server) -> None:
    together = Barrier(8)

    def ask(number: int) -> bytes:
        together.wait()
        return b"".join(post(server.url(), str(number).encode()).body for _ in range(5))

    server.will_do(*[lambda said, stream: said.answer(stream, 200, b"%d," % stream)] * 40)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(8)))
    assert len(server.conversations) == 1
    assert sorted(int(each) for said in answers for each in said.split(b",") if each) == list(range(1, 81, 2))


def test_no_more_requests_are_under_way_than_the_server_takes(certificate: Path) -> None:
    most: list[int] = []

    def count(said: Conversation, stream: int) -> None:
        most.append(said.h2.open_inbound_streams)
        said.answer(stream)

    with Http2Server(certificate, streams=1) as server, ThreadPoolExecutor(8) as pool:
        server.will_do(*[count] * 16)
        assert {reply.status for reply in pool.map(post, [server.url()] * 16)} == {200}
        http2_client.close()
    assert max(most) == 1


def test_a_body_larger_than_the_servers_window_is_sent_as_it_makes_room(server: Http2Server) -> None:
    body = bytes(300_000)
    assert post(server.url(), body).status == 200
    assert server.heard[0].body == body


def test_a_connection_that_the_server_has_closed_is_not_used_again(server: Http2Server) -> None:
    def then_go(said: Conversation, stream: int) -> None:
        said.answer(stream)
        said.hang_up()

    server.will_do(then_go)
    assert post(server.url()).status == 200
    assert server.conversations[0].is_over.wait(5)
    assert [post(server.url()).status for _ in range(2)] == [200, 200]
    assert len(server.conversations) == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    server: Http2Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http2_connection, "IDLE", 0.0)
    assert [post(server.url()).status for _ in range(2)] == [200, 200]
    assert len(server.conversations) == 2


def test_what_is_under_way_when_the_server_goes_away_is_answered_yet(server: Http2Server) -> None:
    def go(said: Conversation, stream: int) -> None:
        state = said.h2.state_machine.state
        said.h2.close_connection(last_stream_id=stream)
        said.flush()
        said.h2.state_machine.state = state
        said.answer(stream, 200, b"yet")

    server.will_do(go)
    assert post(server.url()) == HttpReply(200, {}, b"yet")
    assert post(server.url()).status == 200
    assert len(server.conversations) == 2


# What goes wrong


def go_away(said: Conversation, stream: int) -> None:
    """What came after the stream before this one is not processed."""
    said.h2.close_connection(last_stream_id=max(0, stream - 2))
    said.flush()


def reset(code: ErrorCodes) -> Step:
    def step(said: Conversation, stream: int) -> None:
        said.h2.reset_stream(stream, code)

    return step


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        (go_away, "unsent"),
        (reset(ErrorCodes.REFUSED_STREAM), "unsent"),
        (reset(ErrorCodes.INTERNAL_ERROR), "lost"),
        (hang_up, "lost"),
        (lambda said, _: said.socket.sendall(b"\0\0\4\x03\0\0\0\0\0four"), "lost"),
    ],
)
def test_what_was_not_processed_is_told_from_what_may_have_been(step: Step, failure: str, server: Http2Server) -> None:
    server.will_do(step)
    reply = post(server.url())
    assert (reply.status, reply.failure, len(server.heard)) == (0, failure, 1)
    assert post(server.url()).status == 200


def test_a_silent_server_is_given_up_in_time_and_its_connection_with_it(server: Http2Server) -> None:
    server.will_do(answer(), silence)
    post(server.url())
    reply = post(server.url(), timeout=1.0)
    assert (reply.failure, reply.error) == ("timeout", "the server did not answer in time")
    assert post(server.url()).status == 200
    assert len(server.conversations) == 2


class MuteServer(Http2Server):
    """Takes connections, and says nothing at all."""

    def converse(self, connection: socket.socket) -> None:
        with self._tls.wrap_socket(connection, server_side=True) as secure:
            self.heard.append(Heard({}, 0))
            while secure.recv(65536):
                pass


def test_a_server_that_does_not_begin_has_nothing_and_its_connection_is_given_up(certificate: Path) -> None:
    with MuteServer(certificate) as server:
        assert [post(server.url(), timeout=0.5).failure for _ in range(2)] == ["unsent", "unsent"]
        http2_client.close()
        assert len(server.heard) == 2


def test_of_an_answer_that_does_not_come_whole_the_status_is_known(server: Http2Server) -> None:
    server.will_do(answer(), lambda said, stream: said.h2.send_headers(stream, [(":status", "410")]))
    post(server.url())
    reply = post(server.url(), timeout=1.0)
    assert (reply.status, reply.failure) == (410, "timeout")


def test_a_server_that_is_not_there_has_nothing(certificate: Path) -> None:
    reply = post(f"https://127.0.0.1:{free_port()}/")
    assert (reply.failure, "cannot be reached" in reply.error) == ("unsent", True)


def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    http2_client.close()
    with Http2Server(write_certificate(tmp_path)) as server:
        assert post(server.url()).failure == "unsent"
        assert server.heard == []
        http2_client.close()


def test_a_server_that_does_not_speak_tls_gets_nothing(certificate: Path) -> None:
    with HttpServer() as server:
        assert post(server.url().replace("http:", "https:")).failure == "unsent"


def test_a_host_that_does_not_exist_is_unresolved(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*asked: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert post("https://vendor.test/").failure == "unresolved"


def test_an_answer_has_a_limit(server: Http2Server) -> None:
    before = settings_module._chosen
    choose(replace(before or Settings(), http_response_limit=10))
    try:
        server.will_do(answer(200, b"0123456789+"))
        reply = post(server.url())
    finally:
        settings_module._chosen = before
    assert (reply.status, reply.body, reply.failure) == (200, b"0123456789", "too_large")


@pytest.mark.parametrize(
    ("url", "headers"),
    [("http://vendor.test/", {}), ("https://", {}), ("https://vendor.test/", {"a": "b\r\nc: d"})],
)
def test_what_cannot_be_sent_is_malformed(url: str, headers: dict[str, str]) -> None:
    assert post(url, headers=headers).failure == "malformed"
