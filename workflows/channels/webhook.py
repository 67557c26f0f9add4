"""Webhook (`http`): a request to somebody's own service (contract: workflow-schema §6.3, semantics §12)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.channels import NoAddress
from workflows.channels.json_template import read_json
from workflows.content import Call
from workflows.email.headers import header_value
from workflows.errors import StepFailed
from workflows.liquid.environment import Template, compile_template
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import RequestTemplate, Resources

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CompiledPairs:
    """Names with a template each, or one template that renders to a JSON object or list of keys with values."""

    templates: tuple[tuple[str, Template], ...] | Template
    name: str

    def render(self, variables: Mapping[str, Any]) -> Pairs:
        if not isinstance(self.templates, Template):
            return tuple((name, template.render(variables)) for name, template in self.templates)
        text = self.templates.render(variables)
        value = read_json(text, self.name) if text.strip() else {}
        if isinstance(value, dict):
            return tuple((name, _text(each)) for name, each in value.items())
        if isinstance(value, list) and all(isinstance(each, dict) and "key" in each for each in value):
            return tuple((_text(each["key"]), _text(each.get("value"))) for each in value)
        raise StepFailed(f"{self.name} must render to a JSON object or to a list of keys with values")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


@dataclass(frozen=True, slots=True)
class CompiledWebhook:
    method: str
    url: Template
    headers: CompiledPairs
    query_params: CompiledPairs
    body: Template | None
    name: str

    def addresses(self, context: StepContext, _channel: ChannelView, /) -> tuple[str, ...]:
        """The URL. Nothing about the recipient is needed, unless the URL is made of it."""
        url = self.url.render(context.variables).strip()
        if not url:
            raise NoAddress("the webhook's URL is empty")
        return (url,)

    def render(self, context: StepContext, _channel: ChannelView, address: str, /) -> Call:
        variables = context.variables
        rendered = self.headers.render(variables)
        headers = {header_value(name): header_value(value) for name, value in rendered if header_value(name)}
        return Call(
            method=self.method.upper(),
            url=address,
            headers=headers,
            query_params=self.query_params.render(variables),
            body=self._body(variables, headers),
        )

    def _body(self, variables: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
        """As written, once it is known to be JSON where it is called that, which it is without a content type."""
        text = self.body.render(variables).strip() if self.body else ""
        if not text:
            return None
        kinds = [value for name, value in headers.items() if name.lower() == "content-type"]
        if "json" in (kinds or ["application/json"])[-1].lower():
            read_json(text, f"{self.name}/body")
        return text


def compile_webhook(step: ChannelStep, resources: Resources) -> CompiledWebhook:
    template = step.template
    assert isinstance(template, RequestTemplate)

    def compiled(source: str, name: str) -> Template:
        return compile_template(source, name=f"{step.ref}/{name}", resources=resources)

    def pairs(source: Pairs | str, name: str) -> CompiledPairs:
        if isinstance(source, str):
            return CompiledPairs(compiled(source, name), f"{step.ref}/{name}")
        each = tuple((key, compiled(value, f"{name}/{key}")) for key, value in source)
        return CompiledPairs(each, f"{step.ref}/{name}")

    return CompiledWebhook(
        method=template.method,
        url=compiled(template.url, "url"),
        headers=pairs(template.headers, "headers"),
        query_params=pairs(template.query_params, "query_params"),
        body=None if template.body is None else compiled(template.body, "body"),
        name=step.ref,
    )
