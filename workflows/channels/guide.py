"""In-app guide: the step sends nothing, it makes the recipient eligible for a guide (contract: workflow-schema §6)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from workflows.effects import ChangeAudience, Effect
from workflows.guides import managed_audience
from workflows.outcomes import Continue, Skip
from workflows.scope import StepContext
from workflows.templates import GuideTemplate


def make_eligible(template: GuideTemplate, context: StepContext) -> Generator[Effect, Any, Continue | Skip]:
    """Adds the recipient to the guide's managed audience, in the run's tenant. In sandbox mode nobody is."""
    if "collection" in context.scope.recipient:
        return Skip("only users can see a guide")
    if context.sandbox_mode:
        return Skip("sandbox mode: nobody is made eligible for a guide")
    audience = managed_audience(template.guide_key)
    changed = yield ChangeAudience(audience, adds=True)
    return Continue(f"the recipient is {'now' if changed else 'already'} in the audience `{audience}`")
