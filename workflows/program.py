"""One version of a workflow, ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from jsonschema.protocols import Validator

from workflows.channels import CompiledContent, compile_content
from workflows.liquid.environment import Template, compile_template
from workflows.model import ChannelStep, Workflow
from workflows.templates import NO_RESOURCES, Resources
from workflows.trigger_data import data_validator, first_problem


class Program:
    """A workflow with what its templates refer to. Templates are compiled when first needed, and kept.

    Threads may share one; at worst two of them compile the same template at the same time.
    """

    def __init__(self, workflow: Workflow, resources: Resources = NO_RESOURCES) -> None:
        self.workflow = workflow
        self.resources = resources
        self._templates: dict[tuple[str, str, bool], Template] = {}
        self._contents: dict[str, CompiledContent] = {}

    @cached_property
    def _data_validator(self) -> Validator | None:
        schema = self.workflow.trigger_data_json_schema
        return data_validator(schema) if schema else None

    def data_problem(self, data: Mapping[str, Any]) -> str | None:
        """Why the workflow does not take a trigger's data, in words; None when it does."""
        return first_problem(self._data_validator, data) if self._data_validator is not None else None

    def template(self, name: str, source: str, *, strict: bool = False) -> Template:
        """A text template of a step; `name` (`fetch_1/url`) is what an error calls it. Raises `TemplateError`."""
        key = name, source, strict
        if key not in self._templates:
            self._templates[key] = compile_template(source, name=name, strict=strict, resources=self.resources)
        return self._templates[key]

    def content(self, step: ChannelStep) -> CompiledContent:
        """Raises `TemplateError`, and `StepFailed` when the step names a layout that does not exist."""
        if step.ref not in self._contents:
            self._contents[step.ref] = compile_content(step, self.resources)
        return self._contents[step.ref]
