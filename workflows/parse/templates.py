"""Templates from documents without problems."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from workflows.templates import (
    ActionButton,
    Button,
    ButtonSetBlock,
    ChatTemplate,
    DividerBlock,
    EmailBlock,
    EmailTemplate,
    FeedTemplate,
    GuideTemplate,
    HtmlBlock,
    ImageBlock,
    MarkdownBlock,
    Padding,
    PartialBlock,
    PushTemplate,
    RequestTemplate,
    SmsTemplate,
    Template,
)

Node = Mapping[str, Any]

_SIDES = ("top", "right", "bottom", "left")


def build_template(channel_type: str, step: Node) -> Template:
    """What a channel step of that type sends."""
    if channel_type == "in_app_guide":
        return GuideTemplate(step["guide_key"])
    return _BUILDERS[channel_type](step.get("template", {}))


def build_request(node: Node) -> RequestTemplate:
    """A request; a webhook step's method and address may be its channel's: then the address is empty."""
    return RequestTemplate(
        method=node.get("method", "post"),
        url=node.get("url", ""),
        headers=_pairs(node.get("headers", ())),
        query_params=_pairs(node.get("query_params", ())),
        body=node.get("body"),
    )


def _pairs(given: Any) -> tuple[tuple[str, str], ...] | str:
    return given if isinstance(given, str) else tuple((pair["key"], pair["value"]) for pair in given)


def _email(node: Node) -> EmailTemplate:
    settings = node.get("settings", {})
    blocks = node.get("visual_blocks")
    return EmailTemplate(
        subject=node["subject"],
        html_body=node.get("html_body"),
        blocks=None if blocks is None else tuple(_block(block) for block in blocks),
        text_body=node.get("text_body"),
        is_mjml=node.get("is_mjml", False),
        layout_key=settings.get("layout_key"),
        pre_content=settings.get("pre_content"),
        attachment_key=settings.get("attachment_key", "attachments"),
    )


def _sms(node: Node) -> SmsTemplate:
    settings = node.get("settings", {})
    return SmsTemplate(node["text_body"], settings.get("to_number"), settings.get("payload_overrides"))


def _push(node: Node) -> PushTemplate:
    settings = node.get("settings", {})
    return PushTemplate(
        title=node.get("title", ""),
        text_body=node.get("text_body", ""),
        delivery_type=settings.get("delivery_type", "content"),
        payload_overrides=settings.get("payload_overrides"),
    )


def _chat(node: Node) -> ChatTemplate:
    return ChatTemplate(node.get("markdown_body", ""), node.get("json_body"), node.get("summary"))


def _feed(node: Node) -> FeedTemplate:
    """An empty `action_url` is none: that is how the dashboard saves a field left empty."""
    buttons = tuple(ActionButton(button["label"], button["action"]) for button in node.get("action_buttons", ()))
    return FeedTemplate(node["markdown_body"], node.get("action_url") or None, buttons)


_BUILDERS: dict[str, Callable[[Node], Template]] = {
    "email": _email,
    "sms": _sms,
    "push": _push,
    "chat": _chat,
    "in_app_feed": _feed,
    "http": build_request,
}


def _block(node: Node) -> EmailBlock:
    layout = node.get("layout_attrs", {})
    padding = _padding(layout)
    match node["type"]:
        case "markdown":
            return MarkdownBlock(node["content"], padding)
        case "html":
            return HtmlBlock(node["content"], padding)
        case "divider":
            return DividerBlock(padding)
        case "image":
            return _image(node, padding)
        case "button_set":
            buttons = tuple(_button(button) for button in node["buttons"])
            return ButtonSetBlock(buttons, layout.get("column_gap", 8), layout.get("horizontal_align", "left"), padding)
        case _:
            return PartialBlock(node["key"], node.get("attrs") or {}, padding)


def _image(node: Node, padding: Padding | None) -> ImageBlock:
    return ImageBlock(
        url=node["url"],
        alt=node.get("alt", ""),
        action=node.get("action", ""),
        width=node.get("style_attrs", {}).get("width", ""),
        align=node.get("layout_attrs", {}).get("horizontal_align", "left"),
        padding=padding,
    )


def _button(node: Node) -> Button:
    size, style = node.get("size_attrs", {}), node.get("style_attrs", {})
    return Button(
        label=node["label"],
        action=node["action"],
        variant=node.get("variant", "solid"),
        size=size.get("size", "md"),
        is_fullwidth=size.get("is_fullwidth", False),
        background_color=style.get("background_color"),
        border_color=style.get("border_color"),
        border_radius=_pixels(style.get("border_radius")),
        border_width=_pixels(style.get("border_width")),
        text_color=style.get("text_color"),
    )


def _pixels(value: float | None) -> int | None:
    return None if value is None else int(value)


def _padding(layout: Node) -> Padding | None:
    sides = {side: int(layout[f"padding_{side}"]) for side in _SIDES if f"padding_{side}" in layout}
    return Padding(**sides) if sides else None


def parsed_schema(source: str | None) -> dict[str, Any] | None:
    """The JSON Schema in a text, None when the text is empty."""
    return dict(json.loads(source)) if source and source.strip() else None
