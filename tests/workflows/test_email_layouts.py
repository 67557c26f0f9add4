from typing import Any

import pytest

from workflows.email.layouts import CompiledLayout
from workflows.errors import TemplateError
from workflows.model import Layout


def layout(**fields: Any) -> Layout:
    return Layout(
        **{"key": "default", "name": "D", "html": "<b>{{ content }}</b>", "text": "[{{ content }}]", **fields}
    )


def test_content_is_html_in_the_html_layout_and_text_in_the_text_layout() -> None:
    compiled = CompiledLayout.compile(layout())
    assert compiled.wrap_html("<p>a & b</p>", {}) == "<b><p>a & b</p></b>"
    assert compiled.wrap_text("a & b", {}) == "[a & b]"


def test_without_a_text_layout_the_text_stands_alone() -> None:
    assert CompiledLayout.compile(layout(text=" \n")).wrap_text("a", {}) == "a"


def test_variables_in_a_layout_are_escaped() -> None:
    compiled = CompiledLayout.compile(layout(html="{{ recipient.name }}{{ content }}"))
    assert compiled.wrap_html("<p>", {"recipient": {"name": "<Jane>"}}) == "&lt;Jane&gt;<p>"


def test_footer_links_are_liquid_and_are_escaped_when_they_are_output() -> None:
    html = "{% for link in footer_links %}<a href='{{ link.url }}'>{{ link.text }}</a>{% endfor %}{{ content }}"
    links = ({"text": "{{ tenant.name }}", "url": "{{ vars.app_url }}/?a&b"},)
    compiled = CompiledLayout.compile(layout(html=html, footer_links=links))
    scope = compiled.scope({"tenant": {"name": "<Acme>"}, "vars": {"app_url": "https://example.com"}})
    assert compiled.wrap_html("", scope) == "<a href='https://example.com/?a&amp;b'>&lt;Acme&gt;</a>"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"html": "{{ x"}, "layouts/default/html_layout.html"),
        ({"text": "{{ x"}, "layouts/default/text_layout.txt"),
        ({"footer_links": ({"text": "x", "url": "{{ x"},)}, "layouts/default/footer_links/1.url"),
    ],
)
def test_a_broken_layout_is_named_like_its_file(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(TemplateError) as caught:
        CompiledLayout.compile(layout(**fields))
    assert caught.value.name == name
