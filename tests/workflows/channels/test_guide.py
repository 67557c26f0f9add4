from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.effects import ChangeAudience
from workflows.model import ChannelStep
from workflows.outcomes import Continue, Skip
from workflows.scope import ChannelView, Preferences, StepContext
from workflows.templates import GuideTemplate

CHANNELS = {"in-app-guide": ChannelView("ch_1", "in-app-guide", "in_app_guide", "in_app_guide")}
STEP = ChannelStep(
    ref="guide_1",
    type="channel",
    channel_type="in_app_guide",
    channel_key="in-app-guide",
    template=GuideTemplate("onboarding"),
)


@pytest.fixture
def context(make_context: Callable[..., StepContext]) -> Callable[..., StepContext]:
    return lambda **fields: make_context(channels=CHANNELS, **fields)


@pytest.mark.parametrize(("changed", "word"), [(True, "now"), (False, "already")])
def test_the_recipient_enters_the_guides_audience(
    changed: bool, word: str, context: Callable[..., StepContext]
) -> None:
    played = play(STEP, context(), {ChangeAudience: changed})
    assert played.only(ChangeAudience) == ChangeAudience("guide:onboarding", adds=True)
    assert played.outcome == Continue(f"the recipient is {word} in the audience `guide:onboarding`")


def test_nobody_enters_who_does_not_want_such_messages(context: Callable[..., StepContext]) -> None:
    preferences = Preferences(recipient={"channel_types": {"in_app_guide": False}})
    played = play(STEP, context(preferences=preferences))
    assert isinstance(played.outcome, Skip)
    assert not any(isinstance(effect, ChangeAudience) for effect in played.effects)


def test_nobody_enters_in_sandbox_mode(context: Callable[..., StepContext]) -> None:
    assert play(STEP, context(sandbox_mode=True)).outcome == Skip("sandbox mode: nobody is made eligible for a guide")


def test_nobody_enters_by_a_channel_in_the_sandbox(make_context: Callable[..., StepContext]) -> None:
    channels = {key: replace(each, is_sandboxed=True) for key, each in CHANNELS.items()}
    assert isinstance(play(STEP, make_context(channels=channels)).outcome, Skip)


def test_objects_see_no_guides(context: Callable[..., StepContext], make_scope: Callable[..., Any]) -> None:
    scope = make_scope(recipient={"id": "p1", "collection": "projects"})
    assert play(STEP, context(scope=scope)).outcome == Skip("only users can see a guide")
