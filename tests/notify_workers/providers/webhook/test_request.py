from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify_workers.providers import (
    Delivered,
    Envelope,
    HttpFailure,
    HttpReply,
    HttpRequest,
    ProviderMisconfigured,
    Refused,
    Retry,
    SendOutcome,
    load_provider,
    read_settings,
)
from notify_workers.signatures import signature
from workflows.content import Call

ENVELOPE = Envelope("m1", "m1")
HOOK = Call("POST", "https://x.test/hook", {"X-Name": "Jäne"}, (("q", "1"),), '{"a": "ä"}')


def asked(call: Call, **settings: Any) -> HttpRequest:
    request = next(load_provider("webhook", settings).send(call, ENVELOPE))
    assert isinstance(request, HttpRequest)
    return request


def outcome(reply: HttpReply, call: Call = HOOK, **settings: Any) -> SendOutcome:
    """What becomes of an answer, or of a request that is not made."""
    sending = load_provider("webhook", settings).send(call, ENVELOPE)
    try:
        next(sending)
        sending.send(reply)
    except StopIteration as end:
        found: SendOutcome = end.value
        return found
    raise AssertionError("asks a second time")


def test_the_request_is_the_steps() -> None:
    assert asked(HOOK) == HttpRequest(
        "POST",
        "https://x.test/hook",
        {"idempotency-key": "m1", "content-type": "application/json", "X-Name": "Jäne"},
        (("q", "1"),),
        '{"a": "ä"}'.encode(),
        50.0,
        is_guarded=True,
    )


def test_a_request_without_a_body_has_no_content_type() -> None:
    request = asked(Call("GET", "https://x.test/"), timeout=5.0)
    assert (request.headers, request.body, request.timeout) == ({"idempotency-key": "m1"}, b"", 5.0)


def test_the_authors_headers_go_before_ours() -> None:
    request = asked(Call("POST", "https://x.test/", {"Content-Type": "text/plain", "IDEMPOTENCY-KEY": "k"}, (), "Hi"))
    assert request.headers == {"Content-Type": "text/plain", "IDEMPOTENCY-KEY": "k"}


def test_a_channel_with_a_key_signs_what_is_sent() -> None:
    forged = Call("POST", "https://x.test/", {"X-Webhook-Signature": "forged"}, (), '{"a": "ä"}')
    for call in (forged, Call("GET", "https://x.test/")):
        request = asked(call, signing_key="key")
        said = request.headers["x-webhook-signature"]
        at = int(said.split(",")[0][2:]) / 1000
        assert abs(at - time.time()) < 60
        assert said == signature("key", request.body, at + 0.0001)
        assert "forged" not in request.headers.values()


@pytest.mark.parametrize(
    ("url", "allow_http", "reason"),
    [
        ("http://x.test/", False, "the URL must begin with https://"),
        ("http://x.test/", True, "the URL must begin with https://"),
        ("http://127.0.0.1:9/", False, "the URL must begin with https://"),
        ("http://127.0.0.1.x.test/", True, "the URL must begin with https://"),
        ("ftp://127.0.0.1/", True, "the URL must begin with https://"),
        ("x.test/hook", False, "the URL names no host"),
        ("https:///hook", False, "the URL names no host"),
        ("https://[::1", False, "the URL is malformed"),
    ],
)
def test_what_is_not_sent_is_refused(url: str, allow_http: bool, reason: str) -> None:
    assert outcome(HttpReply(200), Call("POST", url), allow_http=allow_http) == Refused(reason)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "http://localhost/", "http://[::1]/x", "https://x.test/"])
def test_plain_http_stays_on_this_machine(url: str) -> None:
    assert asked(Call("POST", url), allow_http=True).url == url


FINAL = {401, 403, 404, 405}


def test_only_a_2xx_is_delivered_and_only_four_answers_are_final() -> None:
    for status in range(200, 600):
        found = outcome(HttpReply(status))
        said = f"the server answered {status}"
        assert found == (Delivered() if status < 300 else Refused(said) if status in FINAL else Retry(said))


FAILURES: list[tuple[HttpFailure, type]] = [
    ("malformed", Refused),
    ("unresolved", Refused),
    ("unsent", Retry),
    ("timeout", Retry),
    ("lost", Retry),
]


@pytest.mark.parametrize(("failure", "expected"), FAILURES)
def test_without_an_answer_it_depends_on_the_reason(failure: HttpFailure, expected: type) -> None:
    assert outcome(HttpReply(0, failure=failure, error="why")) == expected("why")


def test_of_an_answer_that_did_not_come_whole_the_status_counts() -> None:
    assert outcome(HttpReply(200, failure="timeout", error="why")) == Delivered()
    assert outcome(HttpReply(404, failure="too_large", error="why")) == Refused("the server answered 404")


def waits(header: str) -> float | None:
    found = outcome(HttpReply(503, {"retry-after": header}))
    assert isinstance(found, Retry)
    return found.after


@pytest.mark.parametrize(
    ("header", "seconds"), [("0", 0), ("120", 120), ("9" * 500, 86_400), ("-1", None), ("1.5", None)]
)
def test_a_server_that_says_when_to_come_back_is_obeyed(header: str, seconds: float | None) -> None:
    assert waits(header) == seconds


def test_a_date_to_come_back_at_is_obeyed() -> None:
    soon = waits(formatdate(time.time() + 100, usegmt=True))
    assert soon is not None
    assert 90 < soon <= 100
    assert waits(formatdate(time.time() - 100, usegmt=True)) == 0
    assert waits("Fri, 31 Dec 9999 23:59:59 GMT") == 86_400


@given(st.text())
def test_any_other_wish_is_not(header: str) -> None:
    found = waits(header)
    assert found is None or 0 <= found <= 86_400


def test_settings_are_read_as_they_are_written() -> None:
    written = {"signing_key": "k", "timeout": "5", "allow_http": "true"}
    assert read_settings("webhook", written) == ("http", {"signing_key": "k", "timeout": 5.0, "allow_http": True})


def test_a_policy_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ProviderMisconfigured, match="on_unknown"):
        load_provider("webhook", {"on_unknown": "shrug"})
