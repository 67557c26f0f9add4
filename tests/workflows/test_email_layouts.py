from typing import Any

import pytest

from workflows.email.layouts import CompiledLayout
from workflows.errors import TemplateError
from workflows.templates import NO_RESOURCES, Layout, Partial, Resources


def layout(**fields: Any) -> Layout:
    return Layout(
        **{"key": "default", "name": "D", "html": "<b>{{ content }}</b>", "text": "[{{ content }}]", **fields}
    )


def compiled_layout(resources: Resources = NO_RESOURCES, **fields: Any) -> CompiledLayout:
    return CompiledLayout.compile(layout(**fields), resources)


def test_content_is_html_in_the_html_layout_and_text_in_the_text_layout() -> None:
    compiled = compiled_layout()
    assert compiled.wrap_html("<p>a & b</p>", {}) == "<b><p>a & b</p></b>"
    assert compiled.wrap_text("a & b", {}) == "[a & b]"


def test_without_a_text_layout_the_text_stands_alone() -> None:
    assert compiled_layout(text=" \n").wrap_text("a", {}) == "a"


def test_variables_in_a_layout_are_escaped() -> None:
    compiled = compiled_layout(html="{{ recipient.name }}{{ content }}")
    assert compiled.wrap_html("<p>", {"recipient": {"name": "<Jane>"}}) == "&lt;Jane&gt;<p>"


def test_footer_links_are_liquid_and_are_escaped_when_they_are_output() -> None:
    html = "{% for link in footer_links %}<a href='{{ link.url }}'>{{ link.text }}</a>{% endfor %}{{ content }}"
    links = ({"text": "{{ tenant.name }}", "url": "{{ vars.app_url }}/?a&b"},)
    compiled = compiled_layout(html=html, footer_links=links)
    scope = compiled.scope({"tenant": {"name": "<Acme>"}, "vars": {"app_url": "https://example.com"}})
    assert compiled.wrap_html("", scope) == "<a href='https://example.com/?a&amp;b'>&lt;Acme&gt;</a>"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"html": "{{ x"}, "layouts/default/html_layout.html"),
        ({"html": "{{ x", "is_mjml": True}, "layouts/default/html_layout.mjml"),
        ({"text": "{{ x"}, "layouts/default/text_layout.txt"),
        ({"footer_links": ({"text": "x", "url": "{{ x"},)}, "layouts/default/footer_links/1.url"),
    ],
)
def test_a_broken_layout_is_named_like_its_file(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compiled_layout(**fields)
    assert caught.value.name == name


def test_a_layout_may_render_partials() -> None:
    resources = Resources(partials={"foot": Partial("foot", "Foot", "html", "<i>{{ name }}</i>")})
    compiled = compiled_layout(resources, html="{{ content }}{% render 'foot', name: recipient.name %}")
    assert compiled.wrap_html("<p>", {"recipient": {"name": "<b>"}}) == "<p><i>&lt;b&gt;</i>"


@pytest.mark.parametrize(
    ("fields", "has_head"),
    [
        ({"html": "<html><head></head><body>{{ content }}</body></html>"}, True),
        ({"html": '<HEAD lang="en">{{ content }}'}, True),
        ({"html": "<header>{{ content }}</header>"}, False),
        ({"html": "{{ content }}", "is_mjml": True}, True),
    ],
)
def test_where_style_sheets_may_go_is_known(fields: dict[str, Any], has_head: bool) -> None:
    assert compiled_layout(**fields).has_head is has_head
