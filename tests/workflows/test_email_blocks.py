from typing import Any

import pytest

from tests.workflows.email_blocks import CODE, buttons, elements, render, rendered, styles, text
from workflows.errors import TemplateError
from workflows.templates import Button, DividerBlock, EmailBlock, HtmlBlock, ImageBlock, MarkdownBlock, Padding


def test_a_markdown_block_is_rendered_after_its_liquid() -> None:
    block = MarkdownBlock("Hi *{{ name }}*, [open]({{ url }})")
    html = render(block, name="Jane", url="https://example.com/?a=1&b=2")
    assert '<p>Hi <em>Jane</em>, <a href="https://example.com/?a=1&amp;b=2">open</a></p>\n' in html


def test_an_html_block_is_left_as_it_is() -> None:
    assert "\n<b>{name}</b> *Jane*\n</td></tr></table>" in render(HtmlBlock("<b>{name}</b> {{ name }}"), name="*Jane*")


@pytest.mark.parametrize("block_class", [MarkdownBlock, HtmlBlock])
def test_a_variable_brings_no_html(block_class: Any) -> None:
    html = render(block_class("<b>{{ name }}</b>"), name="<script>alert(1)</script>")
    assert "<script" not in html
    assert "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>" in html


@pytest.mark.parametrize(
    "name",
    [
        "x\n\n<script>alert(1)</script>\n\n",
        "</div>\n\n<img src=x onerror=alert(1)>",
        "<!-- ",
        "<https://example.com/<script>>",
        '![x](https://example.com/x "<script>")',
        "`<script>`\n\n    <script>\n\n```\n<script>\n```",
        "&lt;script&gt;",
        '"><script>',
    ],
)
def test_a_variable_cannot_make_markdown_write_html_for_it(name: str) -> None:
    html = render(MarkdownBlock('{{ name }}\n\n<div title="{{ name }}">\n{{ name }}\n</div>\n'), name=name)
    assert "<script" not in html
    assert "onerror=alert(1)>" not in html
    assert "<!--" not in html


@pytest.mark.parametrize("url", [*CODE, "java&#115;cript:alert(1)"])
def test_a_variable_cannot_make_a_link_run_code(url: str) -> None:
    html = render(MarkdownBlock("[x]({{ url }})"), url=url)
    for scheme in ("javascript:", "vbscript:", "data:", "file:"):
        assert f'href="{scheme}' not in html.lower()


def test_a_variable_in_code_is_escaped_once() -> None:
    html = render(MarkdownBlock("`{{ code }}`\n\n```\n{{ code }}\n```"), code="a < b && 'c'")
    assert "<p><code>a &lt; b &amp;&amp; 'c'</code></p>\n<pre><code>a &lt; b &amp;&amp; 'c'\n</code></pre>\n" in html


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (MarkdownBlock("x"), "markdown"),
        (HtmlBlock("x"), "html"),
        (ImageBlock("https://e.com/x.png"), "image"),
        (DividerBlock(), "divider"),
        (buttons(Button("x", "https://e.com")), "button_set"),
    ],
)
def test_a_block_stands_in_a_row_that_a_layout_can_style(block: EmailBlock, kind: str) -> None:
    table = elements(block).all("table")[0]
    assert table["class"] == f"block-row block-row--{kind}-v1"
    assert (table["role"], table["width"], styles(table)["margin"]) == ("presentation", "100%", "0")
    cell = elements(block).all("td")[0]
    assert cell["class"] == "block-row__cell"
    assert styles(cell)["padding"] == "8px 4px 8px 4px"


@pytest.mark.parametrize("block_class", [MarkdownBlock, HtmlBlock])
def test_padding_is_the_cells_since_outlook_knows_no_other(block_class: Any) -> None:
    cell = elements(block_class("x", padding=Padding(top=1, right=2, bottom=3, left=4))).all("td")[0]
    assert styles(cell)["padding"] == "1px 2px 3px 4px"


def test_mjml_in_an_html_block_has_no_row_around_it() -> None:
    assert render(HtmlBlock("<mj-section></mj-section>")) == "<mj-section></mj-section>"


@pytest.mark.parametrize(
    ("block", "file"),
    [
        (MarkdownBlock("a\nb {{ c"), "1.content.md"),
        (HtmlBlock("a\nb {{ c"), "1.content.html"),
        (ImageBlock("a\nb {{ c"), "1.url"),
        (ImageBlock("x", alt="a\nb {{ c"), "1.alt"),
        (buttons(Button("x", "x"), Button("a\nb {{ c", "x")), "1.buttons/2.label"),
        (buttons(Button("x", "a\nb {{ c")), "1.buttons/1.action"),
        (buttons(Button("x", "x", text_color="a\nb {{ c")), "1.buttons/1.text_color"),
    ],
)
def test_a_broken_block_is_named_like_its_file(block: EmailBlock, file: str) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(block)
    message = f"email_1/visual_blocks/{file}, line 2, column 3: expected '}}}}', found end of file\nb {{{{ c\n  ^"
    assert str(caught.value) == message


# Images and dividers


def test_an_image_has_its_source_its_description_and_its_link() -> None:
    block = ImageBlock("{{ base }}/a.png", "Our {{ thing }}", "{{ base }}/?a=1&b=2", "25%", "center")
    parsed = elements(block, base="https://e.com", thing="logo")
    (image,) = parsed.all("img")
    assert (image["src"], image["alt"], image["width"]) == ("https://e.com/a.png", "Our logo", "25%")
    assert styles(image)["width"] == "25%"
    assert parsed.all("a")[0]["href"] == "https://e.com/?a=1&b=2"
    assert parsed.all("td")[0]["align"] == "center"


@pytest.mark.parametrize(
    ("width", "css", "attribute"),
    [
        ("120px", "120px", "120"),
        ("120", "120px", "120"),
        ("33.3%", "33.3%", "33.3%"),
        ("12.5PX", "12.5px", "12"),
        ("", None, None),
        ("wide", None, None),
        ("1px;position:fixed", None, None),
        ('1px" onload="x', None, None),
    ],
)
def test_a_width_is_for_browsers_and_for_outlook(width: str, css: str | None, attribute: str | None) -> None:
    (image,) = elements(ImageBlock("x.png", width=width)).all("img")
    assert (styles(image).get("width"), image.get("width")) == (css, attribute)
    assert styles(image)["max-width"] == "100%"
    assert "onload" not in image


def test_an_image_without_a_link_is_none() -> None:
    assert elements(ImageBlock("x.png")).all("a") == []


@pytest.mark.parametrize("url", [*CODE, "", " "])
def test_an_image_that_is_none_is_left_out(url: str) -> None:
    block = ImageBlock("{{ url }}", "Logo")
    assert render(block, url=url) == ""
    assert text(block, url=url) == "[Logo]"


@pytest.mark.parametrize("url", ["data:image/png;base64,AAAA", "cid:logo", "HTTPS://e.com/x.png", "/relative.png"])
def test_an_image_may_be_in_the_mail_itself(url: str) -> None:
    assert elements(ImageBlock(url)).all("img")[0]["src"] == url


def test_an_image_of_svg_may_not_since_it_holds_scripts() -> None:
    assert render(ImageBlock("data:image/svg+xml,<svg onload=x>")) == ""


@pytest.mark.parametrize("evil", ['"><script>x</script>', "' onerror='x", '" onerror="x', "</a></td>"])
def test_no_value_leaves_its_attribute(evil: str) -> None:
    block = ImageBlock("https://e.com/{{ evil }}", "{{ evil }}", "https://e.com/{{ evil }}")
    parsed = elements(block, evil=evil)
    (image,) = parsed.all("img")
    assert (image["alt"], image["src"]) == (evil, f"https://e.com/{evil}")
    assert set(image) == {"src", "alt", "style"}
    assert parsed.all("script") == []


@pytest.mark.parametrize("action", CODE)
def test_a_link_that_would_run_code_is_dropped_from_the_image(action: str) -> None:
    assert elements(ImageBlock("x.png", "Logo", "{{ action }}"), action=action).all("a") == []


@pytest.mark.parametrize(
    ("alt", "action", "expected"),
    [
        ("Logo", "https://e.com", "Logo (https://e.com)"),
        ("Logo", "", "[Logo]"),
        ("", "https://e.com", "[https://e.com]"),
        ("", "", ""),
    ],
)
def test_an_image_is_read_as_what_it_shows(alt: str, action: str, expected: str) -> None:
    assert text(ImageBlock("x.png", alt, action)) == expected


def test_a_divider_is_a_line_in_both_parts() -> None:
    line = elements(DividerBlock()).all("td")[1]
    assert line["class"] == "block-divider"
    assert styles(line)["border-bottom"] == "1px solid #dddee1"
    assert text(DividerBlock()) == "--------------------"
