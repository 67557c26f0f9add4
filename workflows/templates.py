"""What a channel step sends, as written: one class per channel type, and the resources that templates share.

Every text is Liquid. Source of the shapes: https://docs.knock.app/mapi-reference/workflows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Padding:
    """The space around a visual block, in pixels."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class MarkdownBlock:
    content: str
    padding: Padding | None = None


@dataclass(frozen=True, slots=True)
class HtmlBlock:
    content: str
    padding: Padding | None = None


@dataclass(frozen=True, slots=True)
class ImageBlock:
    """`width` is CSS (`25%`, `120px`); `action` is where a click leads."""

    url: str
    alt: str = ""
    action: str = ""
    width: str = ""
    align: Literal["left", "center", "right"] = "left"
    padding: Padding | None = None


@dataclass(frozen=True, slots=True)
class DividerBlock:
    padding: Padding | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """Colours are CSS or a brand's (`primary_color`, `primary_color_contrast`); None leaves the variant's own."""

    label: str
    action: str
    variant: Literal["solid", "outline"] = "solid"
    size: Literal["sm", "md", "lg"] = "md"
    is_fullwidth: bool = False
    background_color: str | None = None
    border_color: str | None = None
    border_radius: int | None = None
    border_width: int | None = None
    text_color: str | None = None


@dataclass(frozen=True, slots=True)
class ButtonSetBlock:
    buttons: tuple[Button, ...]
    column_gap: int = 8
    align: Literal["left", "center", "right"] = "left"
    padding: Padding | None = None


@dataclass(frozen=True, slots=True)
class PartialBlock:
    """A partial as a block of its own; `attrs` are its variables."""

    key: str
    attrs: Mapping[str, Any] = field(default_factory=dict)
    padding: Padding | None = None


EmailBlock = MarkdownBlock | HtmlBlock | ImageBlock | DividerBlock | ButtonSetBlock | PartialBlock


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    """Exactly one of `html_body` (code mode) and `blocks` (visual mode) is set.

    `layout_key` None means that the template brings the whole document. `text_body` None means: made from the HTML.
    `attachment_key` is the path in the data where a trigger puts attachments.
    """

    subject: str
    html_body: str | None = None
    blocks: tuple[EmailBlock, ...] | None = None
    text_body: str | None = None
    is_mjml: bool = False
    layout_key: str | None = None
    pre_content: str | None = None
    attachment_key: str = "attachments"


@dataclass(frozen=True, slots=True)
class SmsTemplate:
    """`to_number` replaces the recipient's `phone_number`; `payload_overrides` renders to JSON."""

    text_body: str
    to_number: str | None = None
    payload_overrides: str | None = None


@dataclass(frozen=True, slots=True)
class PushTemplate:
    title: str
    text_body: str
    delivery_type: Literal["content", "silent"] = "content"
    payload_overrides: str | None = None


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """`json_body` renders to JSON (Block Kit, Adaptive Card …) and goes before `markdown_body`."""

    markdown_body: str = ""
    json_body: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class ActionButton:
    label: str
    action: str


@dataclass(frozen=True, slots=True)
class FeedTemplate:
    markdown_body: str
    action_url: str | None = None
    action_buttons: tuple[ActionButton, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """An HTTP request: a webhook step's, or what an http_fetch step asks for.

    `headers` and `query_params` are pairs of templates, or one template that renders to a JSON object or list of pairs.
    """

    method: Literal["get", "post", "put", "delete", "patch"]
    url: str
    headers: tuple[tuple[str, str], ...] | str = ()
    query_params: tuple[tuple[str, str], ...] | str = ()
    body: str | None = None


@dataclass(frozen=True, slots=True)
class GuideTemplate:
    """An in-app guide has no template: the step makes the recipient eligible for it."""

    guide_key: str


Template = EmailTemplate | SmsTemplate | PushTemplate | ChatTemplate | FeedTemplate | RequestTemplate | GuideTemplate


@dataclass(frozen=True, slots=True)
class Layout:
    """An e-mail layout: Liquid around the rendered body, which it outputs as `{{ content }}`.

    `branding_overrides` replace the environment's branding, and are replaced by the tenant's.
    """

    key: str
    name: str
    html: str
    text: str
    footer_links: tuple[Mapping[str, str], ...] = ()
    is_mjml: bool = False
    branding_overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Partial:
    """A piece of template that others `{% render 'key' %}`; `defaults` are values of its inputs that are not given."""

    key: str
    name: str
    type: Literal["html", "markdown", "text", "json"]
    content: str
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Translation:
    """Texts of one language or language and region (`locale`: `en`, `fr-BE`), perhaps only for one tenant's recipients."""

    locale: str
    content: Mapping[str, Any]
    namespace: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What templates of an environment may refer to."""

    layouts: Mapping[str, Layout] = field(default_factory=dict)
    partials: Mapping[str, Partial] = field(default_factory=dict)
    translations: tuple[Translation, ...] = ()
    default_locale: str = "en"


NO_RESOURCES = Resources()
