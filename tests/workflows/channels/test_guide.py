from __future__ import annotations

from tests.workflows.channels.conftest import MakeSender
from workflows.templates import GuideTemplate


def test_a_guide_that_does_not_exist_is_shown_to_nobody(sender: MakeSender) -> None:
    assert sender(GuideTemplate("onboarding"), "in_app_guide").reason() == "guide `onboarding` does not exist"
