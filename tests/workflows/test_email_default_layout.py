"""Every kind of block in the layout that comes with Doorbell, with friendly and with hostile values."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import workflows
from workflows.content import Email
from workflows.email.render import compile_email
from workflows.email.text_part import html_to_text
from workflows.model import ChannelStep
from workflows.scope import ChannelView, Scope, StepContext
from workflows.templates import (
    Button,
    ButtonSetBlock,
    DividerBlock,
    HtmlBlock,
    ImageBlock,
    Layout,
    MarkdownBlock,
    Partial,
    PartialBlock,
    Resources,
)

FOLDER = Path(workflows.__file__).parent / "library" / "layouts" / "default"
LAYOUT = Layout(
    "default",
    "Default",
    (FOLDER / "html_layout.html").read_text(),
    (FOLDER / "text_layout.txt").read_text(),
    ({"text": "{{ data.value }}", "url": "https://e.com/help?q={{ data.value | url_encode }}"},),
)
CARD = Partial("card", "Card", "html", '<style>.card-x { color: red }</style><h2 title="{{ title }}">{{ title }}</h2>')
RESOURCES = Resources(layouts={"default": LAYOUT}, partials={"card": CARD})
BLOCKS = (
    MarkdownBlock(
        "# Hello {{ data.value }}\n\n[link](https://e.com/{{ data.value | url_encode }}) **{{ data.value }}**"
    ),
    HtmlBlock('<p title="{{ data.value }}">{{ data.value }}</p>'),
    ImageBlock("https://e.com/{{ data.value }}", "{{ data.value }}", "{{ data.action }}", "{{ data.value }}"),
    DividerBlock(),
    ButtonSetBlock(
        (
            Button(
                "{{ data.value }}", "{{ data.action }}", background_color="{{ data.value }}", text_color="primary_color"
            ),
            Button("Second", "https://e.com/?q={{ data.value }}", "outline", "lg", is_fullwidth=True),
        )
    ),
    PartialBlock("card", {"title": "{{ data.value }}"}),
)
HOSTILE = [
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</td></table></body></html>",
    "<!-- <style>",
    "</style><style>body { display: none }",
    "red; background: url(javascript:alert(1))",
    "{{ vars.secret }}{% assign x = 1 %}",
    "&lt;script&gt; & &amp;",
    "\ue0000\ue001\ue002\ue003",
]


class Document(HTMLParser):
    """Tags and attributes in order, the visible text, and whether every element is closed where it should be."""

    EMPTY = frozenset({"img", "br", "hr", "meta"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.is_balanced = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.is_balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.text += data


@pytest.fixture
def render(
    make_email_step: Callable[..., ChannelStep], make_context: Callable[..., StepContext]
) -> Callable[..., Email]:
    def make(value: str, action: str = "https://e.com/go", **fields: Any) -> Email:
        step = make_email_step(
            subject="{{ data.value }}",
            blocks=BLOCKS,
            layout_key="default",
            pre_content="{% assign preview_text = data.value %}",
        )
        recipient = {"id": "jane", "email": "jane@example.com"}
        scope = Scope(data={"value": value, "action": action}, recipient=recipient, **fields)
        email = compile_email(step, RESOURCES)
        return email.render(make_context(scope=scope), ChannelView("c", "email", "email", "smtp"), "jane@example.com")

    return make


def test_every_block_is_there_in_both_parts(render: Callable[..., Email]) -> None:
    email = render("World!")
    document = Document(email.html)
    assert document.is_balanced
    assert document.open == []
    for kind in ("markdown", "html", "image", "divider", "button_set"):
        assert ("class", f"block-row block-row--{kind}-v1") in document.attributes
    assert email.text == (
        "Hello World!\n\nlink (https://e.com/World%21) World!\n\nWorld!\n\nWorld! (https://e.com/go)\n\n--------------------"
        "\n\nWorld! (https://e.com/go)\nSecond (https://e.com/?q=World!)\n\nWorld!\n\n--\n"
        "World!: https://e.com/help?q=World%21"
    )
    assert ">World!</div>" in email.html  # the preview
    assert email.html.index("<style>.card-x") < email.html.index("</head>")
    assert "Hello World!" in html_to_text(email.html)


def test_a_brand_colours_links_and_buttons_and_brings_its_logo(render: Callable[..., Email]) -> None:
    brand = {"primary_color": "#abcdef", "dark_primary_color": "#fedcba", "logo_url": "https://e.com/l.png?a&b"}
    email = render("World!", vars={"branding": brand}, tenant={"id": "acme", "name": "Acme & Co"})
    assert "      a { color: #abcdef; }" in email.html
    assert "        .card a { color: #fedcba; }" in email.html
    assert '<img src="https://e.com/l.png?a&amp;b" alt="Acme &amp; Co"' in email.html
    assert "border:1px solid #abcdef" in email.html
    plain = render("World!").html
    assert "      a { color: #1d4ed8; }" in plain
    assert 'class="logo"' not in plain


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_changes_the_shape_of_the_document(value: str, render: Callable[..., Email]) -> None:
    email, harmless = render(value), Document(render("World!").html)
    document = Document(email.html)
    assert document.is_balanced
    assert document.tags == harmless.tags
    assert [name for name, _ in document.attributes] == [name for name, _ in harmless.attributes]
    assert "\n" not in email.subject
    styles = [text for name, text in document.attributes if name == "style"]
    assert styles == [text for name, text in harmless.attributes if name == "style"]


@pytest.mark.parametrize("action", ["javascript:alert(1)", "JAVA\tSCRIPT:alert(1)", " data:text/html,x", "vbscript:x"])
def test_no_action_runs_code(action: str, render: Callable[..., Email]) -> None:
    document = Document(render("World!", action).html)
    targets = [str(value).lower() for name, value in document.attributes if name in ("href", "src")]
    assert targets
    assert all(target.startswith("https://e.com/") for target in targets)
    assert document.is_balanced


@pytest.mark.parametrize("evil", ["red} body { display: none", "</style><script>alert(1)</script>"])
def test_no_tenant_writes_into_the_style_sheet(evil: str, render: Callable[..., Email]) -> None:
    tenant = {"id": "acme", "settings": {"branding": {"primary_color": evil, "dark_primary_color": evil}}}
    assert render("World!", tenant=tenant).html == render("World!", tenant={"id": "acme"}).html
