from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorbell.embedded import free_port
from notify_workers import http_client
from notify_workers import settings as settings_module
from notify_workers.http_client import call, perform
from notify_workers.providers import HttpReply, HttpRequest
from notify_workers.settings import Settings, choose
from notify_workers.signatures import signature
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer, silence, trickle
from workflows.effects import HttpCall

SECRET = "hunter2"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


@pytest.fixture
def limit() -> Iterator[Callable[[int], None]]:
    """Makes the largest answer smaller, for one test."""
    before = settings_module._chosen
    yield lambda bytes: choose(replace(before or Settings(), http_response_limit=bytes))
    settings_module._chosen = before


def get(url: str, **request: Any) -> HttpReply:
    return perform(HttpRequest(request.pop("method", "GET"), url, **request))


# What the server hears


def test_a_request_arrives_as_it_was_given(server: HttpServer) -> None:
    reply = get(server.url("/a b?x=1"), method="POST", headers={"X-Name": "Jäne"}, body=b"\x00body")
    (heard,) = server.heard
    assert heard.line == "POST /a%20b?x=1 HTTP/1.1"
    assert (heard.headers["x-name"], heard.headers["user-agent"], heard.body) == ("Jäne", "Doorbell", b"\x00body")
    assert reply == HttpReply(200, {"content-length": "0"})


def test_what_the_caller_says_of_itself_stands(server: HttpServer) -> None:
    get(server.url(), headers={"User-Agent": "mine"})
    assert server.heard[0].headers["user-agent"] == "mine"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("/", "/?k=v+%26&k=2"),
        ("/?", "/?k=v+%26&k=2"),
        ("/?a=1", "/?a=1&k=v+%26&k=2"),
        ("/?a=1&", "/?a=1&k=v+%26&k=2"),
        ("/?a=1#part", "/?a=1&k=v+%26&k=2"),
    ],
)
def test_parameters_come_after_those_of_the_url(url: str, line: str, server: HttpServer) -> None:
    get(server.url(url), query_params=(("k", "v &"), ("k", "2")))
    assert server.heard[0].line == f"GET {line} HTTP/1.1"


def test_a_connection_is_used_again(server: HttpServer) -> None:
    server.will_say(answer(body=b"first"), answer(204), answer(500, b"third"))
    assert [get(server.url()).status for _ in range(4)] == [200, 204, 500, 200]
    assert server.connections == 1


def test_a_connection_that_the_server_has_closed_is_not(server: HttpServer) -> None:
    server.will_say(answer(connection="close"))
    assert [get(server.url()).status for _ in range(2)] == [200, 200]
    assert server.connections == 2


def test_a_redirect_is_an_answer(server: HttpServer) -> None:
    server.will_say(answer(302, location="/elsewhere"))
    reply = get(server.url())
    assert (reply.status, reply.headers["location"], len(server.heard)) == (302, "/elsewhere", 1)


# What goes wrong


def test_a_server_that_is_not_there_has_nothing() -> None:
    reply = get(f"http://127.0.0.1:{free_port()}/")
    assert (reply.status, reply.failure) == (0, "unsent")
    assert reply.error == "the server cannot be reached: Connection refused"


def test_a_server_that_does_not_speak_tls_has_nothing(server: HttpServer) -> None:
    reply = get(server.url().replace("http:", "https:"), timeout=0.3)
    assert (reply.status, reply.failure, server.heard[1:]) == (0, "unsent", [])


def test_a_server_that_hangs_up_may_have_it(server: HttpServer) -> None:
    server.will_say(HANG_UP)
    reply = get(server.url(), method="POST", body=b"x")
    assert (reply.status, reply.failure, len(server.heard)) == (0, "lost", 1)


def test_nonsense_is_no_answer(server: HttpServer) -> None:
    server.will_say(b"SMTP ready\r\n\r\n")
    assert get(server.url()).failure == "lost"


def timed(url: str) -> tuple[HttpReply, bool]:
    """The reply, and whether it came within about its time of 0.3 seconds."""
    start = time.monotonic()
    reply = get(url, timeout=0.3)
    return reply, time.monotonic() - start < 2


def test_a_silent_server_is_given_up_in_time(server: HttpServer) -> None:
    server.will_say(silence)
    reply, in_time = timed(server.url())
    assert (reply.status, reply.failure, in_time) == (0, "timeout", True)
    assert reply.error == "the server did not answer in time"


def test_a_server_that_trickles_its_headers_is_given_up_in_time(server: HttpServer) -> None:
    server.will_say(trickle(b"HTTP/1.1 200 OK\r\n" + b"x-more: and more\r\n" * 100 + b"\r\n"))
    reply, in_time = timed(server.url())
    assert (reply.status, reply.failure, in_time) == (0, "timeout", True)


def test_of_a_server_that_trickles_its_body_the_status_is_known(server: HttpServer) -> None:
    server.will_say(lambda script, connection: trickle_body(script, connection))
    reply, in_time = timed(server.url())
    assert (reply.status, reply.failure, in_time) == (201, "timeout", True)


def trickle_body(script: HttpServer, connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 201 Created\r\ncontent-length: 1000\r\n\r\n")
    send = trickle(b"x" * 1000)
    assert callable(send)
    send(script, connection)


def test_an_answer_that_breaks_off_is_not_whole(server: HttpServer) -> None:
    server.will_say(answer(200, b"half", content_length="8", connection="close"))
    reply = get(server.url())
    assert (reply.status, reply.failure) == (200, "lost")


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_an_answer_is_read_up_to_the_limit(framing: str, server: HttpServer, limit: Callable[[int], None]) -> None:
    limit(1000)
    for size, failure in ((1000, None), (1001, "too_large"), (300_000, "too_large")):
        server.will_say(framed(framing, b"x" * size))
        reply = get(server.url())
        assert (reply.status, reply.body, reply.failure) == (200, b"x" * min(size, 1000), failure)


def framed(framing: str, body: bytes) -> bytes:
    if framing == "chunked":
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        return head + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    if framing == "close":
        return b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body
    return answer(body=body)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "//example.com/",
        "ftp://example.com/",
        "https://",
        "https://exa mple.com/",
        "https://[::1",
        "https://example.com:port/",
        "https://" + "x" * 70 + ".test/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_is_malformed(url: str) -> None:
    reply = get(url)
    assert (reply.status, reply.failure) == (0, "malformed")
    assert reply.error


@pytest.mark.parametrize("headers", [{"bad name": "x"}, {"X-Key": f"{SECRET}\r\nX-More: 1"}, {"": "x"}])
def test_a_header_that_cannot_be_sent_is_malformed(headers: dict[str, str], server: HttpServer) -> None:
    reply = get(server.url(), headers=headers)
    assert (reply.failure, server.heard) == ("malformed", [])
    assert SECRET not in reply.error


@pytest.mark.parametrize(
    ("code", "failure"),
    [(socket.EAI_NONAME, "unresolved"), (socket.EAI_AGAIN, "unsent"), (socket.EAI_FAIL, "unresolved")],
)
def test_a_name_that_does_not_exist_is_told_from_a_name_server_that_does_not_answer(
    code: int, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*arguments: object, **options: object) -> None:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert get("https://nowhere.test/").failure == failure


def test_neither_errors_nor_logs_quote_the_address(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.will_say(answer(), HANG_UP, b"HTTP/1.1 200 OK\r\n broken header\r\n\r\n", b"nonsense\r\n\r\n")
    replies = [get(server.url(f"/{SECRET}?key={SECRET}"), timeout=0.5) for _ in range(4)]
    replies.append(get(f"http://127.0.0.1:{free_port()}/{SECRET}"))
    assert len({reply.failure for reply in replies}) > 2
    assert SECRET not in caplog.text + "".join(reply.error for reply in replies)


@given(st.text())
def test_any_text_as_an_address_has_a_reply(text: str) -> None:
    assert get(text if "://" not in text else "x").failure == "malformed"


def test_one_threads_time_is_not_anothers(server: HttpServer) -> None:
    """Threads share connections; each request still has the time that it was given."""
    arrived = Event()

    def say_nothing(script: HttpServer, connection: Any) -> None:
        arrived.set()
        silence(script, connection)

    server.will_say(say_nothing)
    with ThreadPoolExecutor(8) as threads:
        late = threads.submit(get, server.url(), timeout=0.5)
        assert arrived.wait(10)
        replies = list(threads.map(lambda _: get(server.url(), timeout=30), range(200)))
    assert {reply.status for reply in replies} == {200}
    assert late.result().failure == "timeout"
    assert server.connections < 20


# Effects of steps


def test_a_call_is_answered_with_status_and_text(server: HttpServer) -> None:
    server.will_say(answer(201, b'{"a": "\xc3\xa4"}'))
    reply = call(HttpCall("PUT", server.url("/x"), {"content-type": "application/json"}, (("q", "1"),), '{"b": "ä"}'))
    assert (reply.status, reply.text, reply.error, reply.is_timeout) == (201, '{"a": "ä"}', "", False)
    assert server.heard[0].line == "PUT /x?q=1 HTTP/1.1"
    assert json.loads(server.heard[0].body) == {"b": "ä"}


def test_a_call_is_signed_over_what_is_sent(server: HttpServer) -> None:
    call(HttpCall("POST", server.url(), body='{"b": "ä"}', signing_key="key"))
    call(HttpCall("GET", server.url(), signing_key="key"))
    for heard in server.heard:
        said = heard.headers["x-knock-signature"]
        at = int(said.split(",")[0][2:]) / 1000
        assert abs(at - time.time()) < 60
        assert said == signature("key", heard.body, at + 0.0001)


@pytest.mark.parametrize(
    ("said", "charset"), [("ä".encode("latin-1"), "iso-8859-1"), ("ä".encode(), '"UTF-8"'), ("ä".encode(), "no-such")]
)
def test_the_text_is_read_by_the_charset_that_it_names(said: bytes, charset: str, server: HttpServer) -> None:
    server.will_say(answer(200, said, content_type=f"text/plain; charset={charset}"))
    assert call(HttpCall("GET", server.url())).text == "ä"


def test_bytes_that_are_no_text_are_replaced(server: HttpServer) -> None:
    server.will_say(answer(200, b"a\xff"))
    assert call(HttpCall("GET", server.url())).text == "a\N{REPLACEMENT CHARACTER}"


def test_of_a_call_that_may_be_repeated_it_is_said(server: HttpServer, limit: Callable[[int], None]) -> None:
    limit(10)
    half = answer(200, b"half", content_length="8", connection="close")
    server.will_say(HANG_UP, half, silence, answer(200, b"x" * 11))
    replies = [call(HttpCall("GET", server.url(), timeout=0.5)) for _ in range(4)]
    replies += [call(HttpCall("GET", url)) for url in (f"http://127.0.0.1:{free_port()}/", "nowhere")]
    assert [(reply.status, reply.is_timeout) for reply in replies] == [
        *[(0, True)] * 3,
        (0, False),
        (0, True),
        (0, False),
    ]
    assert all(reply.error for reply in replies)


def test_a_server_error_is_one_whatever_comes_of_its_body(server: HttpServer, limit: Callable[[int], None]) -> None:
    limit(10)
    server.will_say(answer(503, b"x" * 11))
    assert call(HttpCall("GET", server.url())).status == 503
