from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import SSLError
from urllib3.exceptions import SSLError as Urllib3SslError

from doorbell.embedded import free_port
from notify_workers import aws
from notify_workers import settings as settings_module
from notify_workers.providers import AwsCredentials, AwsReply, AwsRequest, Refused, Retry, Sent, Unknown
from notify_workers.settings import Settings, choose, settings
from tests.notify_workers.amazon import REGION, json_error, load, sent, xml_error, xml_result
from tests.notify_workers.http_server import HANG_UP, HttpServer, answer, silence
from workflows.content import Email, Sms

KEY = AwsCredentials("AKIAEXAMPLE", "hunter2")
DONE = xml_result("Publish", {"MessageId": "id-1"})


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither the environment's credentials nor its files."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    yield
    aws.close()


def publish(url: str, credentials: AwsCredentials = KEY, timeout: float = 30.0, **parameters: Any) -> AwsReply:
    given = {"PhoneNumber": "+1", "Message": "the body", **parameters}
    return aws.perform(AwsRequest("sns", "publish", REGION, given, credentials, url, timeout))


# What AWS says


def test_an_answer_is_the_operations_output(http_server: HttpServer) -> None:
    http_server.will_say(DONE)
    assert publish(http_server.url("")) == AwsReply(200, {"MessageId": "id-1"}, request_id="r-1")


def test_an_error_has_amazons_code_and_words(http_server: HttpServer) -> None:
    http_server.will_say(xml_error(400, "InvalidParameter", "Invalid parameter: PhoneNumber"))
    expected = AwsReply(400, code="InvalidParameter", message="Invalid parameter: PhoneNumber", request_id="r-1")
    assert publish(http_server.url("")) == expected


def test_nothing_is_tried_again_here(http_server: HttpServer) -> None:
    http_server.will_say(xml_error(500, "InternalError", "oops"), xml_error(400, "Throttling", "slower"))
    assert (publish(http_server.url("")).code, len(http_server.heard)) == ("InternalError", 1)
    assert (publish(http_server.url("")).code, len(http_server.heard)) == ("Throttling", 2)


def test_an_error_without_a_body_is_one_too(http_server: HttpServer) -> None:
    http_server.will_say(answer(503))
    assert (reply := publish(http_server.url(""))).status == 503
    assert reply.output == {}


# What goes wrong on the way


def test_what_did_not_reach_it_was_not_sent() -> None:
    reply = publish(f"http://127.0.0.1:{free_port()}")
    assert reply == AwsReply(0, failure="unsent", error="AWS cannot be reached: EndpointConnectionError")


@pytest.mark.parametrize(("errno", "failure"), [(socket.EAI_NONAME, "unresolved"), (socket.EAI_AGAIN, "unsent")])
def test_no_such_host_is_told_from_no_name_server(errno: int, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*asked: Any, **how: Any) -> Any:
        raise socket.gaierror(errno, "no")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert publish("http://sns.vendor.test").failure == failure


def test_an_answer_that_does_not_come_is_a_timeout(http_server: HttpServer) -> None:
    http_server.will_say(silence)
    assert publish(http_server.url(""), timeout=2.0) == AwsReply(
        0, failure="timeout", error="AWS did not answer in time"
    )


def test_a_connection_that_breaks_after_the_request_is_lost(http_server: HttpServer) -> None:
    http_server.will_say(HANG_UP, answer(200, b"<Publish", content_type="text/xml"))
    assert publish(http_server.url("")).failure == "lost"
    assert publish(http_server.url("")) == AwsReply(0, failure="lost", error="AWS' answer cannot be read")


def test_a_certificate_that_is_wrong_was_met_before_anything_was_sent() -> None:
    def failed(inner: Exception) -> str:
        return aws._failure(SSLError(endpoint_url="https://vendor.test", error=Urllib3SslError(inner)))

    assert failed(ssl.SSLCertVerificationError("self-signed")) == "unsent"
    assert failed(ssl.SSLError("bad record")) == "lost"


def test_parameters_that_are_none_are_not_quoted() -> None:
    reply = publish("http://127.0.0.1:1", Message=7, Colour="the body")
    assert reply == AwsReply(0, failure="malformed", error="the request cannot be made: ParamValidationError")


@pytest.mark.parametrize(("region", "url"), [(REGION, "nonsense"), ("eu central", None)])
def test_an_address_that_is_none_is_refused(region: str, url: str | None) -> None:
    reply = aws.perform(AwsRequest("sns", "publish", region, {"PhoneNumber": "+1", "Message": "Hi"}, KEY, url))
    assert (reply.status, reply.failure) == (0, "malformed")


# Credentials


@pytest.mark.parametrize("role", [None, "arn:aws:iam::123456789012:role/sender"])
def test_without_any_nothing_is_asked_until_there_are_some(
    role: str | None, sts: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = AwsCredentials(role_arn=role)
    expected = AwsReply(0, failure="unsent", error="no AWS credentials: NoCredentialsError")
    assert (publish(sts.url(""), nothing), sts.heard) == (expected, [])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    sts.will_say(*([ASSUMED] if role else []), DONE)
    assert publish(sts.url(""), nothing).status == 200


def test_without_a_key_the_machines_own_are_used(http_server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    http_server.will_say(DONE)
    assert publish(http_server.url(""), AwsCredentials()).status == 200
    assert "Credential=AKIAMACHINE/" in http_server.heard[0].headers["authorization"]


def test_a_session_token_goes_with_the_key(http_server: HttpServer) -> None:
    http_server.will_say(DONE)
    publish(http_server.url(""), replace(KEY, session_token="t-1"))
    assert http_server.heard[0].headers["x-amz-security-token"] == "t-1"


ROLE = replace(KEY, role_arn="arn:aws:iam::123456789012:role/sender", external_id="e-1")
ASSUMED = xml_result(
    "AssumeRole",
    {
        "Credentials": "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
        "<SessionToken>t-2</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    },
)


@pytest.fixture
def sts(http_server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> HttpServer:
    """The scripted server is the one that hands out roles, too."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", http_server.url(""))
    return http_server


def test_a_role_is_assumed_once_and_used_for_everything(sts: HttpServer) -> None:
    sts.will_say(ASSUMED, DONE, DONE)
    assert [publish(sts.url(""), ROLE).status for _ in range(2)] == [200, 200]
    assumed, first, second = sts.heard
    assert b"Action=AssumeRole" in assumed.body
    assert b"RoleSessionName=doorbell" in assumed.body
    assert b"ExternalId=e-1" in assumed.body
    for heard in (first, second):
        assert "Credential=ASIAROLE/" in heard.headers["authorization"]
        assert heard.headers["x-amz-security-token"] == "t-2"


def test_a_role_that_may_not_be_assumed_says_so(sts: HttpServer) -> None:
    sts.will_say(xml_error(403, "AccessDenied", "not yours"))
    assert (reply := publish(sts.url(""), ROLE)).status == 403
    assert (reply.code, reply.message) == ("AccessDenied", "no credentials: not yours")


@pytest.mark.parametrize("said", [xml_error(500, "InternalFailure", "oops"), HANG_UP, silence])
def test_whatever_happens_before_there_are_credentials_has_sent_nothing(said: Any, sts: HttpServer) -> None:
    sts.will_say(said)
    reply = publish(sts.url(""), ROLE, timeout=3.0)
    assert (reply.status, reply.failure) == (0, "unsent")


# Clients


def test_clients_are_kept_for_each_region_and_credentials(http_server: HttpServer) -> None:
    url = http_server.url("")
    kept = [
        aws._client("sns", region, key, url, 30.0, 16)[1] for region in ("us-east-1", REGION) for key in (KEY, ROLE)
    ]
    assert len({id(client) for client in kept}) == 4
    assert aws._client("sns", REGION, KEY, url, 30.0, 16)[1] is kept[2]


def test_every_thread_of_a_worker_has_a_connection(http_server: HttpServer) -> None:
    threads = settings().worker_threads
    http_server.will_say(*[DONE] * threads)
    with ThreadPoolExecutor(threads) as pool:
        replies = list(pool.map(lambda _: publish(http_server.url("")), range(threads)))
    assert {reply.status for reply in replies} == {200}
    assert (
        aws._client("sns", REGION, KEY, http_server.url(""), 30.0, threads)[1].meta.config.max_pool_connections
        == threads
    )


# Deliveries

EMAIL = Email(to="jane@example.com", subject="the subject", html="the body", text="the body")


def test_an_exchange_is_shown_without_secrets_and_without_bodies(
    http_server: HttpServer, caplog: pytest.LogCaptureFixture
) -> None:
    http_server.will_say(answer(200, b'{"MessageId": "id-1"}', x_amzn_requestid="r-1"))
    provider = load("ses", from_address="hi@acme.test", session_token="hunter3", endpoint_url=http_server.url(""))
    with caplog.at_level(logging.DEBUG):
        found, (logged,) = sent(provider, EMAIL)
    assert found == Sent("id-1")
    assert logged == {
        "request": {
            "method": "POST",
            "host": f"127.0.0.1:{http_server.port}",
            "path": "/sesv2/send_email",
            "query": None,
            "headers": {},
            "body": {"parameters": ["Content", "Destination", "EmailTags", "FromEmailAddress"]},
        },
        "response": {
            "status": 200,
            "headers": {"x-amzn-requestid": "r-1"},
            "body": {"code": None, "error": None},
        },
    }
    for secret in ("hunter2", "hunter3", "the body", "the subject"):
        assert secret not in caplog.text
        assert secret not in repr(logged)


def test_secrets_are_not_shown_with_a_request() -> None:
    shown = repr(
        AwsRequest("sns", "publish", REGION, {}, AwsCredentials("AKIA", "hunter2", "hunter2", None, "hunter2"))
    )
    assert "hunter2" not in shown


@pytest.fixture
def short_lease() -> Iterator[None]:
    before = settings_module._chosen
    choose(replace(before or Settings(), delivery_lease=3.0, smtp_timeout=1.0))
    yield
    settings_module._chosen = before


def test_a_lost_answer_leaves_the_outcome_unknown_within_the_lease(http_server: HttpServer, short_lease: None) -> None:
    http_server.will_say(HANG_UP, silence)
    provider = load("aws_sns", endpoint_url=http_server.url(""))
    assert isinstance(sent(provider, Sms("+1", "Hello"))[0], Unknown)
    started = time.monotonic()
    assert sent(provider, Sms("+1", "Hello"))[0] == Unknown("AWS did not answer in time")
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (json_error(400, "MessageRejected", "not verified"), Refused("AWS answered 400 MessageRejected not verified")),
        (
            json_error(429, "TooManyRequestsException", "slower"),
            Retry("AWS answered 429 TooManyRequestsException slower"),
        ),
        (json_error(403, "ExpiredTokenException", "old"), Retry("AWS answered 403 ExpiredTokenException old")),
        (
            json_error(403, "UnrecognizedClientException", "who"),
            Refused("AWS answered 403 UnrecognizedClientException who"),
        ),
    ],
)
def test_amazons_errors_arrive_as_outcomes(said: bytes, expected: Any, http_server: HttpServer) -> None:
    http_server.will_say(said)
    provider = load("ses", from_address="hi@acme.test", endpoint_url=http_server.url(""))
    assert sent(provider, EMAIL)[0] == expected
