"""In-app feed: the blocks of a feed's item (contract: workflow-schema §6.2, feed-protocol §5).

A browser puts `rendered` into its page and follows an action's URL: variables are escaped in the first, and both are held
to the lists of `feed_safety`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflows.channels import NoAddress
from workflows.channels.feed_safety import SCHEMES, as_browsers_read, refusal, safe_html
from workflows.content import FeedItem
from workflows.errors import StepFailed
from workflows.liquid.environment import Template, compile_template
from workflows.liquid.limits import MARKDOWN_LIMIT
from workflows.liquid.markdown import markdown_to_html
from workflows.model import ChannelStep
from workflows.scope import ChannelView, StepContext
from workflows.templates import FeedTemplate, Resources

BUTTON_NAMES = ("primary", "secondary")

_ALLOWED = f"{', '.join(sorted(SCHEMES))}, a path, a query or a fragment"


@dataclass(frozen=True, slots=True)
class Source:
    """A template with its source: a block shows both, the source as `content`."""

    text: str
    template: Template
    name: str

    def url(self, variables: Mapping[str, Any]) -> str:
        """Raises `StepFailed` for one that an item must not lead to."""
        url = as_browsers_read(self.template.render(variables))
        if place := refusal(url):
            raise StepFailed(f"{self.name} leads to {place}; it may lead to {_ALLOWED}")
        return url

    def html(self, variables: Mapping[str, Any]) -> str:
        """Raises `StepFailed` for a text so long that it may take minutes, see `workflows.liquid.limits.markdown_work`."""
        text = self.template.render(variables)
        if len(text) > MARKDOWN_LIMIT:
            raise StepFailed(f"{self.name} has {len(text)} characters, of Markdown there may be {MARKDOWN_LIMIT}")
        return safe_html(markdown_to_html(text)).strip()


@dataclass(frozen=True, slots=True)
class CompiledButton:
    name: str
    label: Template
    action: Source


@dataclass(frozen=True, slots=True)
class CompiledFeed:
    body: Source
    action_url: Source | None
    buttons: tuple[CompiledButton, ...]

    def addresses(self, context: StepContext, _channel: ChannelView, /) -> tuple[str, ...]:
        recipient = context.scope.recipient
        if recipient.get("collection") not in (None, "$users"):
            raise NoAddress("an object has no in-app feed")
        return (recipient["id"],)

    def render(self, context: StepContext, _channel: ChannelView, _address: str, /) -> FeedItem:
        variables = context.variables
        body = self.body.html(variables)
        blocks: list[Mapping[str, Any]] = [
            {"name": "body", "type": "markdown", "content": self.body.text, "rendered": body}
        ]
        if self.action_url is not None:
            url = self.action_url.url(variables)
            blocks.append({"name": "action_url", "type": "text", "content": self.action_url.text, "rendered": url})
        if self.buttons:
            blocks.append({"name": "actions", "type": "button_set", "buttons": self._buttons(variables)})
        return FeedItem(tuple(blocks))

    def _buttons(self, variables: Mapping[str, Any]) -> list[dict[str, str]]:
        return [
            {
                "name": button.name,
                "label": button.label.render(variables).strip(),
                "action": button.action.url(variables),
            }
            for button in self.buttons
        ]


def compile_feed(step: ChannelStep, resources: Resources) -> CompiledFeed:
    template = step.template
    assert isinstance(template, FeedTemplate)

    def source(text: str, name: str, *, html: bool = False) -> Source:
        name = f"{step.ref}/{name}"
        return Source(text, compile_template(text, name=name, html=html, resources=resources), name)

    def button(number: int, label: str, action: str) -> CompiledButton:
        place = f"action_buttons/{number}"
        name = BUTTON_NAMES[number - 1] if number <= len(BUTTON_NAMES) else f"action_{number}"
        return CompiledButton(name, source(label, f"{place}/label").template, source(action, f"{place}/action"))

    return CompiledFeed(
        body=source(template.markdown_body, "markdown_body", html=True),
        action_url=source(template.action_url, "action_url") if template.action_url else None,
        buttons=tuple(
            button(number, each.label, each.action) for number, each in enumerate(template.action_buttons, start=1)
        ),
    )
