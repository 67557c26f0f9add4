from typing import Any

import pytest

from workflows.email.blocks import compile_block, markdown_to_html
from workflows.errors import TemplateError
from workflows.model import EmailBlock, HtmlBlock, MarkdownBlock, Padding


def render(block: EmailBlock, **variables: Any) -> str:
    return compile_block(block, name="email_1/visual_blocks/1.content").render(variables)


def test_a_markdown_block_is_rendered_after_its_liquid() -> None:
    block = MarkdownBlock("Hi *{{ name }}*, [open]({{ url }})")
    html = render(block, name="Jane", url="https://example.com/?a=1&b=2")
    assert html == '<p>Hi <em>Jane</em>, <a href="https://example.com/?a=1&amp;b=2">open</a></p>\n'


def test_an_html_block_is_left_as_it_is() -> None:
    assert render(HtmlBlock("<td>{{ name }}</td>"), name="*Jane*") == "<td>*Jane*</td>"


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


@pytest.mark.parametrize("url", ["javascript:alert(1)", "vbscript:x", "data:text/html,x", "java&#115;cript:alert(1)"])
def test_a_variable_cannot_make_a_link_run_code(url: str) -> None:
    html = render(MarkdownBlock("[x]({{ url }})"), url=url)
    assert 'href="javascript:' not in html
    assert 'href="vbscript:' not in html
    assert 'href="data:' not in html


def test_a_variable_in_code_is_escaped_once() -> None:
    html = render(MarkdownBlock("`{{ code }}`\n\n```\n{{ code }}\n```"), code="a < b && 'c'")
    assert html == ("<p><code>a &lt; b &amp;&amp; 'c'</code></p>\n<pre><code>a &lt; b &amp;&amp; 'c'\n</code></pre>\n")


def test_tables_and_strikethrough_are_markdown_and_bare_addresses_are_not() -> None:
    assert "<td>~</td>" in markdown_to_html("| a |\n|---|\n| ~ |")
    assert markdown_to_html("~~a~~ https://example.com") == "<p><s>a</s> https://example.com</p>\n"


def test_padding_is_written_around_the_block() -> None:
    html = render(HtmlBlock("<p>x</p>", Padding(top=1, right=2, bottom=3, left=4)))
    assert html == '<div style="padding:1px 2px 3px 4px">\n<p>x</p>\n</div>'


@pytest.mark.parametrize(("block_class", "file"), [(MarkdownBlock, "1.content.md"), (HtmlBlock, "1.content.html")])
def test_a_broken_block_is_named_like_its_file(block_class: Any, file: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_block(block_class("a\nb {{ c"), name="email_1/visual_blocks/1.content")
    message = f"email_1/visual_blocks/{file}, line 2, column 3: expected '}}}}', found end of file\nb {{{{ c\n  ^"
    assert str(caught.value) == message
