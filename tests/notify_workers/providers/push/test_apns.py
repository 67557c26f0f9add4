"""APNs, played after
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import jwt
import pytest

from notify_workers import exchanges, http2_client
from notify_workers.providers import Bounced, Refused, Retry, SendOutcome, Sent, Unknown
from tests.notify_workers.http2_server import Http2Server, write_certificate
from tests.notify_workers.http2_server import answer as answering
from tests.notify_workers.providers.push.keys import EC, RSA, pem
from tests.notify_workers.providers.vendor import ID, answer, asked, json_body, load, outcome
from workflows.content import Push

SETTINGS = {"team_id": "TEAM123456", "key_id": "KEY1234567", "private_key": pem(EC), "bundle_id": "com.acme.app"}
APNS = load("apns", SETTINGS)
TOKEN = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
HELLO = Push(TOKEN, "hello", "world")


def test_the_request_is_the_vendors() -> None:
    request = asked(APNS, HELLO)
    assert (request.method, request.url) == ("POST", f"https://api.push.apple.com/3/device/{TOKEN}")
    assert request.http_version == "2"
    headers = dict(request.headers)
    scheme, _, token = headers.pop("authorization").partition(" ")
    assert (scheme, UUID(headers.pop("apns-id")).version) == ("bearer", 5)
    assert headers == {
        "content-type": "application/json",
        "apns-topic": "com.acme.app",
        "apns-push-type": "alert",
        "apns-priority": "10",
    }
    written = f'{{"aps":{{"alert":{{"title":"hello","body":"world"}}}},"knock_message_id":"{ID}"}}'
    assert request.body == written.encode()
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "KEY1234567", "typ": "JWT"}
    claims = jwt.decode(token, EC.public_key(), ["ES256"])
    assert (sorted(claims), claims["iss"]) == (["iat", "iss"], "TEAM123456")


def test_every_attempt_has_the_same_name_and_the_same_token() -> None:
    first, second = (asked(APNS, HELLO).headers for _ in range(2))
    assert first == second


def test_a_token_is_used_for_three_quarters_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    first = asked(APNS, HELLO).headers["authorization"]
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + 2600)
    assert asked(APNS, HELLO).headers["authorization"] == first
    monkeypatch.setattr("time.monotonic", lambda: now + 2701)
    assert asked(APNS, HELLO).headers["authorization"] != first


def test_a_silent_message_shows_nothing() -> None:
    request = asked(APNS, Push(TOKEN, "", "", is_silent=True))
    assert (request.headers["apns-push-type"], request.headers["apns-priority"]) == ("background", "5")
    assert json_body(request) == {"aps": {"content-available": 1}, "knock_message_id": ID}


def test_overrides_go_over_the_payload() -> None:
    content = Push(TOKEN, "hello", "world", overrides={"aps": {"badge": 3, "alert": {"subtitle": "!"}}, "a": 1})
    alert = {"title": "hello", "body": "world", "subtitle": "!"}
    assert json_body(asked(APNS, content)) == {"aps": {"alert": alert, "badge": 3}, "knock_message_id": ID, "a": 1}


def test_development_builds_have_a_host_of_their_own() -> None:
    sandbox = load("apns", SETTINGS, host="api.sandbox.push.apple.com")
    assert asked(sandbox, HELLO).url == f"https://api.sandbox.push.apple.com/3/device/{TOKEN}"


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (410, "Unregistered", Bounced("the vendor answered 410: Unregistered", is_gone=True)),
        (410, "ExpiredToken", Bounced("the vendor answered 410: ExpiredToken", is_gone=True)),
        (400, "BadDeviceToken", Bounced("the vendor answered 400: BadDeviceToken", is_gone=True)),
        (400, "DeviceTokenNotForTopic", Bounced("the vendor answered 400: DeviceTokenNotForTopic")),
        (400, "BadTopic", Refused("the vendor answered 400: BadTopic")),
        (403, "InvalidProviderToken", Refused("the vendor answered 403: InvalidProviderToken")),
        (413, "PayloadTooLarge", Refused("the vendor answered 413: PayloadTooLarge")),
        (429, "TooManyRequests", Retry("the vendor answered 429: TooManyRequests", 7.0)),
        (500, "InternalServerError", Unknown("the vendor answered 500: InternalServerError")),
        (503, "Shutdown", Retry("the vendor answered 503: Shutdown", 7.0)),
    ],
)
def test_an_answer_is_what_the_vendor_means_by_it(status: int, reason: str, expected: SendOutcome) -> None:
    assert outcome(APNS, HELLO, answer(status, {"reason": reason}, retry_after="7")) == expected


def test_a_token_that_is_too_old_is_renewed_once() -> None:
    expired = answer(403, {"reason": "ExpiredProviderToken"})
    assert outcome(APNS, HELLO, expired, answer(200, apns_id="id-1")) == Sent("id-1")
    assert outcome(APNS, HELLO, expired, expired) == Refused("the vendor answered 403: ExpiredProviderToken")


@pytest.mark.parametrize("key", ["", "key", pem(RSA)])
def test_what_is_no_key_is_told(key: str) -> None:
    said = Refused("the channel's private_key is not the key of a .p8 file")
    assert outcome(load("apns", SETTINGS, private_key=key), HELLO) == said


# Over a real connection


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http2Server]:
    certificate = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http2_client.close()
    with Http2Server(certificate, streams=1) as running:
        yield running
        http2_client.close()


def test_messages_go_over_one_connection(server: Http2Server) -> None:
    provider = load("apns", SETTINGS, host=server.url("").removeprefix("https://"))
    server.will_do(answering(200, apns_id="id-1"), answering(410, b'{"reason":"Unregistered","timestamp":1}'))
    outcomes = [exchanges.send(provider, HELLO.as_json(), ID) for _ in range(2)]
    assert [each for each, _ in outcomes] == [
        Sent("id-1"),
        Bounced("the vendor answered 410: Unregistered", is_gone=True),
    ]
    assert [logged["response"]["status"] for _, (logged,) in outcomes] == [200, 410]
    assert len(server.conversations) == 1
    assert [each.headers[":path"] for each in server.heard] == [f"/3/device/{TOKEN}"] * 2
    assert server.heard[0].headers["authorization"].startswith("bearer ")
