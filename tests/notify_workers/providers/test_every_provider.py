"""The questions that every provider answers alike, whoever the vendor is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from itertools import islice
from typing import Any, get_type_hints

import pytest

from notify_workers import providers
from notify_workers.providers import (
    AppriseNotification,
    AppriseReply,
    AwsReply,
    AwsRequest,
    Bounced,
    Delivered,
    Envelope,
    Exchange,
    HttpFailure,
    HttpReply,
    HttpRequest,
    OutboxEntry,
    Provider,
    ProviderMisconfigured,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    SmtpReply,
    SmtpSubmission,
    TokenReply,
    TokenRequest,
    Unknown,
    load_provider,
)
from tests.notify_workers.providers import samples
from tests.notify_workers.providers.samples import SAMPLES
from workflows.content import Call, Chat, Content, Email, FeedItem, GuideContent, Push, Sms

NAMES = sorted(providers._registry)
ENVELOPE = Envelope("3MQs49RN5zB4aVoOsSpLViWRwmW", "3MQs49RN5zB4aVoOsSpLViWRwmW")
CONTENTS: Mapping[str, Content] = {
    "email": Email(to="jane@example.com", subject="Hello", html="<p>Hello</p>", text="Hello", sender=""),
    "sms": Sms("+15550001", "Hello"),
    "push": Push("token", "Hello", "there"),
    "chat": Chat(
        {
            "channel_id": "C1",
            "chat_id": "1",
            "phone_number": "+15550001",
            "ms_teams_team_id": "t1",
            "ms_teams_channel_id": "19:c1@thread.tacv2",
        },
        "Hello",
    ),
    "in_app_feed": FeedItem(({"name": "body", "type": "markdown", "content": "Hello", "rendered": "<p>Hello</p>"},)),
    "in_app_guide": GuideContent({"title": "Hello"}),
    "http": Call("POST", "https://vendor.test/hook", body="{}"),
}
OUTCOMES = (Sent, Delivered, Bounced, Refused, Retry, Unknown)


def settings_of(name: str) -> dict[str, Any]:
    """A value for each setting that has no default, telling in itself which it is."""
    if name in SAMPLES:
        return dict(SAMPLES[name])
    return {each.name: f"{each.name}@vendor.test" for each in fields(providers._registry[name]) if is_required(each)}


def is_required(setting: Field[Any]) -> bool:
    return setting.default is MISSING and setting.default_factory is MISSING


def load(name: str, **settings: Any) -> Provider:
    return load_provider(name, {**settings_of(name), **settings})


def content_for(provider: Provider) -> Content:
    return samples.CONTENTS.get(provider.name, CONTENTS[provider.channel_type])


def exchanges_of(provider: Provider) -> list[Exchange]:
    """What a provider asks for first; nothing, when it delivers without asking anybody."""
    return list(islice(provider.send(content_for(provider), ENVELOPE), 1))


ASKING = [name for name in NAMES if exchanges_of(load(name))]


@pytest.fixture(params=ASKING)
def asking(request: pytest.FixtureRequest) -> Provider:
    """A provider that hands the message to somebody."""
    return load(request.param)


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> Provider:
    return load(request.param)


def test_providers_are_found_without_a_list() -> None:
    assert {"smtp", "webhook", "in_app", "sandbox_sms"} <= set(NAMES)
    assert set(NAMES) - set(ASKING) == {"in_app", "in_app_guide"}


def test_a_provider_is_a_frozen_dataclass_of_its_settings(provider: Provider) -> None:
    assert is_dataclass(provider)
    assert provider.__dataclass_params__.frozen
    assert set(get_type_hints(type(provider))) >= {each.name for each in fields(provider)}


def test_what_is_secret_is_a_setting(provider: Provider) -> None:
    assert is_dataclass(provider)
    assert provider.secrets <= {each.name for each in fields(provider)}


def test_every_missing_and_every_unknown_setting_is_named(provider: Provider) -> None:
    with pytest.raises(ProviderMisconfigured) as caught:
        load_provider(provider.name, {"colour": "red", "size": 1})
    assert is_dataclass(provider)
    required = [each.name for each in fields(provider) if is_required(each)]
    for name in (*required, "colour", "size"):
        assert f"`{name}`" in str(caught.value)


def test_an_unknown_provider_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ProviderMisconfigured, match=r"no provider `pigeon`; known are .*smtp"):
        load_provider("pigeon", {})


NAMELESS: frozenset[str] = frozenset({"apprise", "aws_sns", "discord", "fcm", "ms_teams", "telegram"})
"""Providers whose vendors take no name of ours for a message, or not in what is asked first."""


def test_a_repeated_attempt_carries_the_same_name(asking: Provider) -> None:
    is_named = all(ENVELOPE.idempotency_key in repr(exchanges_of(asking)) for _ in range(2))
    assert is_named != (asking.name in NAMELESS)
    assert is_named or not getattr(asking, "recognises_repeats", False)


SMTP = [
    SmtpReply(code, "said the vendor", stage, {})
    for code in (250, 299, 421, 450, 499, 500, 550, 554, -1)
    for stage in ("CONNECT", "AUTH", "MAIL", "RCPT", "DATA", "END")
]
FAILURES: tuple[HttpFailure, ...] = ("malformed", "unresolved", "unsent", "timeout", "lost", "too_large")
HTTP = [
    *(HttpReply(status, body=b"\xffnonsense") for status in range(200, 600)),
    *(HttpReply(0, failure=failure, error="said the vendor") for failure in FAILURES),
]


AWS = [
    *(AwsReply(status, code=code) for status in range(200, 600) for code in ("", "Throttling", "NotFound", "Nonsense")),
    *(AwsReply(0, failure=failure, error="said the vendor") for failure in FAILURES),
]
OTHERS: Mapping[type, list[Any]] = {
    AwsRequest: AWS,
    TokenRequest: [TokenReply("", each) for each in HTTP],
    AppriseNotification: [
        AppriseReply(is_sent=False, status=status, is_malformed=is_malformed, error="said the vendor")
        for status in (0, 400, 429, 500)
        for is_malformed in (True, False)
    ],
}


def test_every_answer_has_an_outcome_and_a_failure_says_why(asking: Provider) -> None:
    replies: Mapping[type, list[Any]] = {SmtpSubmission: SMTP, HttpRequest: HTTP, OutboxEntry: [None], **OTHERS}
    (wanted,) = exchanges_of(asking)
    for reply in replies[type(wanted)]:
        outcome = answered(asking, reply)
        assert isinstance(outcome, OUTCOMES)
        if not isinstance(outcome, Sent | Delivered):
            assert "said the vendor" in outcome.reason or str(getattr(reply, "answer", reply).status) in outcome.reason


def vendors() -> list[str]:
    """Providers that speak HTTP with a vendor, not with somebody's own service."""
    return [each for each in ASKING if isinstance(exchanges_of(load(each))[0], HttpRequest) and each != "webhook"]


@pytest.fixture(params=vendors())
def vendor(request: pytest.FixtureRequest) -> Provider:
    return load(request.param)


def test_what_proves_that_nothing_was_accepted_is_tried_again_when_the_vendor_says(vendor: Provider) -> None:
    for status in (429, 503):
        outcome = answered(vendor, HttpReply(status, {"retry-after": "7"}, b"{}"))
        assert isinstance(outcome, Retry), status
        assert outcome.after == 7.0


def test_what_proves_nothing_is_unknown(vendor: Provider) -> None:
    for status in (500, 502, 504):
        assert isinstance(answered(vendor, HttpReply(status, {}, b"<html>oops")), Unknown), status


def test_what_was_never_sent_is_tried_again_or_refused(vendor: Provider) -> None:
    assert isinstance(answered(vendor, HttpReply(0, failure="unsent", error="said")), Retry)
    assert isinstance(answered(vendor, HttpReply(0, failure="malformed", error="said")), Refused)


def test_secrets_are_in_no_address_and_no_reason(vendor: Provider) -> None:
    (wanted,) = exchanges_of(vendor)
    assert isinstance(wanted, HttpRequest)
    for name in vendor.secrets:
        secret = getattr(vendor, name)
        if secret:
            assert secret not in wanted.url or vendor.name in IN_ADDRESSES, name
            assert secret not in repr(answered(vendor, HttpReply(400, {}, b"{}")))


IN_ADDRESSES: frozenset[str] = frozenset({"telegram"})
"""Providers whose vendors want a secret in the URL's path; the delivery log hides it there."""


def answered(provider: Provider, reply: Any) -> SendOutcome:
    sending = provider.send(content_for(provider), ENVELOPE)
    next(sending)
    with pytest.raises(StopIteration) as end:
        sending.send(reply)
    outcome: SendOutcome = end.value.value
    return outcome
