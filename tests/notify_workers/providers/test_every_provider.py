"""The questions that every provider answers alike, whoever the vendor is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints

import pytest

from notify_workers import providers
from notify_workers.providers import (
    Bounced,
    Delivered,
    Envelope,
    Exchange,
    Provider,
    ProviderMisconfigured,
    Refused,
    Retry,
    SendOutcome,
    Sent,
    SmtpReply,
    load_provider,
)
from workflows.content import Content, Email

NAMES = sorted(providers._registry)
ENVELOPE = Envelope("3MQs49RN5zB4aVoOsSpLViWRwmW", "3MQs49RN5zB4aVoOsSpLViWRwmW")
CONTENTS: Mapping[str, Content] = {
    "email": Email(to="jane@example.com", subject="Hello", html="<p>Hello</p>", text="Hello", sender="")
}
OUTCOMES = (Sent, Delivered, Bounced, Refused, Retry)


def settings_of(name: str) -> dict[str, Any]:
    """A value for each setting that has no default, telling in itself which it is."""
    return {
        each.name: f"{each.name}@vendor.test"
        for each in fields(providers._registry[name])
        if each.default is MISSING and each.default_factory is MISSING
    }


def load(name: str, **settings: Any) -> Provider:
    return load_provider(name, {**settings_of(name), **settings})


def exchange_of(provider: Provider) -> Exchange:
    return next(provider.send(CONTENTS[provider.channel_type], ENVELOPE))


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> Provider:
    return load(request.param)


def test_providers_are_found_without_a_list() -> None:
    assert "smtp" in NAMES


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
    for name in (*settings_of(provider.name), "colour", "size"):
        assert f"`{name}`" in str(caught.value)


def test_an_unknown_provider_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ProviderMisconfigured, match=r"no provider `pigeon`; known are .*smtp"):
        load_provider("pigeon", {})


def test_a_repeated_attempt_carries_the_same_name(provider: Provider) -> None:
    for _ in range(2):
        assert ENVELOPE.idempotency_key in repr(exchange_of(provider))


@pytest.mark.parametrize("code", [250, 299, 421, 450, 499, 500, 550, 554, -1])
def test_every_answer_has_an_outcome_and_a_failure_says_why(code: int, provider: Provider) -> None:
    for stage in ("CONNECT", "AUTH", "MAIL", "RCPT", "DATA", "END"):
        outcome = answered(provider, SmtpReply(code, "said the vendor", stage, {}))
        assert isinstance(outcome, OUTCOMES)
        if not isinstance(outcome, Sent | Delivered):
            assert "said the vendor" in outcome.reason


def answered(provider: Provider, reply: SmtpReply) -> SendOutcome:
    sending = provider.send(CONTENTS[provider.channel_type], ENVELOPE)
    next(sending)
    with pytest.raises(StopIteration) as end:
        sending.send(reply)
    outcome: SendOutcome = end.value.value
    return outcome
