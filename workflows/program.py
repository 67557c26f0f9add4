"""One version of a workflow, ready to run."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.email.render import CompiledEmail, compile_email
from workflows.errors import StepFailed
from workflows.model import EmailStep, Layout, Workflow


class Program:
    """A workflow with its layouts. Templates are compiled when first needed and kept for as long as the program is.

    Threads may share one; at worst two of them compile the same step at the same time.
    """

    def __init__(self, workflow: Workflow, layouts: Mapping[str, Layout]) -> None:
        self.workflow = workflow
        self.layouts = layouts
        self._emails: dict[str, CompiledEmail] = {}

    def email(self, step: EmailStep) -> CompiledEmail:
        """Raises `TemplateError`, and `StepFailed` when the step names a layout that does not exist."""
        if step.ref not in self._emails:
            self._emails[step.ref] = compile_email(step, self._layout_of(step))
        return self._emails[step.ref]

    def _layout_of(self, step: EmailStep) -> Layout | None:
        key = step.template.layout_key
        if key is None:
            return None
        if key not in self.layouts:
            raise StepFailed(f"step `{step.ref}` uses the layout `{key}`, which does not exist")
        return self.layouts[key]
