"""What is asked on behalf of users reaches no private address, however it is written, and whatever a name resolves to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from notify_workers import http_client
from notify_workers.address_guard import Forbidden, is_permitted, permitted
from notify_workers.providers import HttpRequest, Refused, load_provider
from tests.notify_workers.http_server import HttpServer, answer
from tests.notify_workers.providers.vendor import outcome
from workflows.content import Call

ChangeSettings = Callable[..., None]
SAID = "the host's addresses are private (DOORBELL_ALLOWED_NETWORKS may allow them)"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running
        http_client.close()


@pytest.fixture(autouse=True)
def production(change_settings: ChangeSettings) -> None:
    change_settings(development=False, allowed_networks=None)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *(
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.1.2.3",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fe80::1%eth0",
        ),
        *(
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ),
    ],
)
def test_private_and_special_addresses_are_refused(address: str) -> None:
    assert not is_permitted(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_permitted(address: str) -> None:
    assert is_permitted(address)


def test_networks_that_the_setting_names_are_permitted(change_settings: ChangeSettings) -> None:
    change_settings(allowed_networks="10.1.0.0/16,fd00::/8")
    assert [is_permitted(each) for each in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "10.2.0.1", "127.0.0.1")] == [
        *(True, True, True, False, False)
    ]


def test_the_development_stack_may_reach_its_own_machine_unless_the_setting_says_otherwise(
    change_settings: ChangeSettings,
) -> None:
    change_settings(development=True)
    assert [is_permitted("127.0.0.1"), is_permitted("10.0.0.1")] == [True, False]
    change_settings(development=True, allowed_networks="")
    assert not is_permitted("127.0.0.1")


def guarded(url: str) -> HttpRequest:
    return HttpRequest("GET", url, timeout=5.0, is_guarded=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_a_guarded_request_reaches_no_private_address_in_any_notation(server: HttpServer, host: str) -> None:
    reply = http_client.perform(guarded(f"http://{host}:{server.port}/"))
    assert (reply.status, reply.failure in ("forbidden", "unresolved", "malformed")) == (0, True)
    assert server.heard == []


def test_an_open_connection_of_another_request_is_not_used(server: HttpServer) -> None:
    server.answers += [answer(200), answer(200)]
    assert http_client.perform(HttpRequest("GET", server.url())).status == 200
    reply = http_client.perform(guarded(server.url()))
    assert (reply.failure, reply.error) == ("forbidden", SAID)
    assert len(server.heard) == 1


def test_what_was_checked_is_what_is_connected_to(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to a public address for the check and to a private one a moment later."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def rebinding(host: str, port: int, *rest: object, **others: object) -> object:
        if host != "rebinding.test":
            asked.append(host)
            return resolve(host, port, *rest, **others)  # type: ignore[arg-type]
        return resolve("203.0.113.1" if asked.count(host) else "192.0.2.7", port, *rest, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(Forbidden):
        permitted("rebinding.test", 80)
    monkeypatch.setattr("notify_workers.http_client.permitted", lambda host, port: ["127.0.0.1"])
    server.answers += [answer(204)]
    assert http_client.perform(guarded(f"http://rebinding.test:{server.port}/")).status == 204
    assert asked == ["127.0.0.1"]
    assert server.heard[0].headers["host"] == f"rebinding.test:{server.port}"


def test_a_webhook_to_a_private_address_is_refused_for_good() -> None:
    (provider,) = (load_provider("webhook", {}),)
    reply = http_client.perform(guarded("https://10.0.0.1/"))
    assert outcome(provider, Call("POST", "https://10.0.0.1/"), reply) == Refused(SAID)
