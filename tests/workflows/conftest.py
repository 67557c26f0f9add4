"""What most tests of the language start from: a recipient, a moment, and steps and contexts made to measure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from workflows.model import AnyStep, ChannelStep, Overrides, Workflow
from workflows.program import Program
from workflows.scope import ChannelView, Scope, StepContext
from workflows.templates import EmailTemplate

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_scope() -> Callable[..., Scope]:
    def make(**fields: Any) -> Scope:
        return Scope(**{"data": {}, "recipient": {"id": "jane", "email": "jane@example.com", "name": "Jane"}, **fields})

    return make


@pytest.fixture
def make_email_step() -> Callable[..., ChannelStep]:
    def make(overrides: Overrides | None = None, **template: Any) -> ChannelStep:
        template = {"subject": "Hello", **template}
        if "blocks" not in template:
            template.setdefault("html_body", "<p>Hello</p>")
        return ChannelStep(
            ref="email_1",
            type="channel",
            channel_type="email",
            channel_key="email",
            template=EmailTemplate(**template),
            overrides=overrides or Overrides(),
        )

    return make


@pytest.fixture
def make_context(make_scope: Callable[..., Scope]) -> Callable[..., StepContext]:
    def make(*steps: AnyStep, scope: Scope | None = None, **fields: Any) -> StepContext:
        defaults: dict[str, Any] = {
            "now": NOW,
            "channels": {"email": ChannelView("ch_1", "email", "email", "smtp")},
            "program": Program(Workflow("welcome", "Welcome", steps)),
        }
        return StepContext(scope=scope or make_scope(), **{**defaults, **fields})

    return make
