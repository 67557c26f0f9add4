"""Templates that must render to JSON: overrides of a provider's request, a chat message's own shape, a webhook's body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from workflows.errors import StepFailed
from workflows.liquid.environment import Template, compile_template
from workflows.templates import Resources


@dataclass(frozen=True, slots=True)
class JsonTemplate:
    """Renders to a JSON object; nothing rendered is an empty one."""

    template: Template
    name: str

    @classmethod
    def compile(cls, source: str | None, name: str, resources: Resources) -> Self | None:
        """None when there is no such template. Raises `TemplateError`."""
        return None if source is None else cls(compile_template(source, name=name, resources=resources), name)

    def render(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Raises `TemplateError`, and `StepFailed` for anything but an object."""
        text = self.template.render(variables)
        value = read_json(text, self.name) if text.strip() else {}
        if not isinstance(value, dict):
            raise StepFailed(f"{self.name} must render to a JSON object, not to {_KINDS[type(value)]}")
        return value


_KINDS = {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}


def read_json(text: str, name: str) -> Any:
    """Raises `StepFailed` with the place where the JSON breaks, and nothing of its text: it may hold secrets."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise StepFailed(f"{name} does not render to JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
