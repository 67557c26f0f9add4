"""What a schema cannot say about channel steps: one check per channel type (contract: workflow-schema §5 and §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workflows.checks.nodes import Place
from workflows.checks.requests import request_problems
from workflows.checks.texts import json_template, liquid
from workflows.conditions import has_liquid
from workflows.errors import Problem
from workflows.send_windows import send_window_problems
from workflows.shape import join

ADDRESSING = ("to_address", "from_address", "from_name", "cc_address", "bcc_address", "reply_to_address")


def channel_problems(step: Place) -> Iterator[Problem]:
    yield from _channel(step)
    yield from send_window_problems(join(step.path, "send_windows"), step.node.get("send_windows"))
    overrides = step.part("channel_overrides")
    yield from liquid(overrides, *ADDRESSING)
    yield from json_template(overrides, "json_overrides")
    check = _TEMPLATES.get(str(step.node.get("channel_type")))
    if check and step.has("template"):
        template = step.part("template")
        yield from check(template)
        yield from json_template(template.part("settings"), "payload_overrides")


def _channel(step: Place) -> Iterator[Problem]:
    key, group = step.node.get("channel_key"), step.node.get("channel_group_key")
    if key is None and group is None:
        yield step.problem("channel_key", "channel_key or channel_group_key")
    elif key is not None and group is not None:
        yield step.problem("channel_group_key", "channel_key or channel_group_key, not both")


def _email(template: Place) -> Iterator[Problem]:
    node = template.node
    yield from template.missing("subject", "a subject")
    yield from liquid(template, "subject", "text_body")
    yield from liquid(template, "html_body", html=True)
    yield from liquid(template.part("settings"), "pre_content", html=True)
    for block in template.items("visual_blocks"):
        yield from _block(block)
    if "html_body" not in node and "visual_blocks" not in node:
        yield template.problem("html_body", "html_body or visual_blocks")
    elif "html_body" in node and "visual_blocks" in node:
        yield template.problem("visual_blocks", "html_body or visual_blocks, not both")
    elif node.get("is_mjml") is True:
        yield from _mjml(template)


def _mjml(template: Place) -> Iterator[Problem]:
    """A body without a layout is a whole document; inside of a layout it is a piece of one."""
    body, layout = template.node.get("html_body"), template.part("settings").node.get("layout_key")
    if body is None:
        yield template.problem("is_mjml", "false: blocks are rendered to HTML, only html_body can be MJML")
    elif isinstance(body, str) and body.strip() and not _is_mjml(body, whole=layout is None):
        yield template.problem("html_body", "MJML: " + ("<mj-…> tags" if layout else "a document in <mjml> … </mjml>"))


def _is_mjml(source: str, *, whole: bool) -> bool:
    """Liquid may bring the tags from elsewhere (a partial, a variable), which only rendering shows."""
    return ("<mjml" if whole else "<mj") in source or has_liquid(source)


def _block(block: Place) -> Iterator[Problem]:
    kind = block.node.get("type")
    if kind in ("markdown", "html"):
        yield from block.missing("content", "text")
    yield from liquid(block, "content", html=True)
    yield from liquid(block, "url", "alt", "action")
    for button in block.items("buttons"):
        yield from liquid(button, "label", "action")
    if kind == "partial":
        yield from liquid(block.part("attrs"), *(str(name) for name in block.part("attrs").node))


def _sms(template: Place) -> Iterator[Problem]:
    yield from template.missing("text_body", "text")
    yield from liquid(template, "text_body")
    yield from liquid(template.part("settings"), "to_number")


def _push(template: Place) -> Iterator[Problem]:
    """A silent notification wakes the app and shows nothing, so it needs no text."""
    if template.part("settings").node.get("delivery_type") != "silent":
        yield from template.missing("text_body", "text")
    yield from liquid(template, "title", "text_body")


def _chat(template: Place) -> Iterator[Problem]:
    if "markdown_body" not in template.node and "json_body" not in template.node:
        yield template.problem("markdown_body", "markdown_body or json_body")
    yield from liquid(template, "markdown_body", "summary")
    yield from json_template(template, "json_body")


def _feed(template: Place) -> Iterator[Problem]:
    yield from template.missing("markdown_body", "text")
    yield from liquid(template, "markdown_body", "action_url")
    for button in template.items("action_buttons"):
        yield from liquid(button, "label", "action")


_TEMPLATES: dict[str, Callable[[Place], Iterator[Problem]]] = {
    "email": _email,
    "sms": _sms,
    "push": _push,
    "chat": _chat,
    "in_app_feed": _feed,
    "http": request_problems,
}
