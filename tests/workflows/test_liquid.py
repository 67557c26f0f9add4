from collections.abc import Mapping
from typing import Any

import pytest

from workflows.errors import TemplateError
from workflows.liquid.environment import compile_template


def render(source: str, variables: Mapping[str, Any] | None = None, *, html: bool = False) -> str:
    return compile_template(source, name="email_1/subject.txt", html=html).render(variables or {})


def failure(source: str, variables: Mapping[str, Any] | None = None) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        render(source, variables)
    return caught.value


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "Hello\n  {{ name",
            "email_1/subject.txt, line 2, column 3: expected '}}', found end of file\n  {{ name\n  ^",
        ),
        (
            "Hello {% nope %}",
            "email_1/subject.txt, line 1, column 10: unexpected tag 'nope'\nHello {% nope %}\n         ^",
        ),
        (
            "a\n{{ name | shout }}\nb",
            "email_1/subject.txt, line 2, column 11: unknown filter 'shout'\n{{ name | shout }}\n          ^",
        ),
        (
            "{% if name %}\nHello",
            "email_1/subject.txt, line 1, column 4: expected tag endif, found end of expression\n{% if name %}\n   ^",
        ),
        (
            "Hello {{ }}!",
            "email_1/subject.txt, line 1, column 7: expected a primitive expression, found end of expression\n"
            "Hello {{ }}!\n      ^",
        ),
        (
            "{% render 'footer' %}",
            "email_1/subject.txt, line 1, column 11: unknown partial 'footer'\n{% render 'footer' %}\n          ^",
        ),
    ],
)
def test_broken_liquid_shows_template_line_column_and_caret(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(source, name="email_1/subject.txt")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Total:\n{{ 5 | divided_by: 0 }}", "line 2, column 8: divided_by: can't divide by 0"),
        ("{% if x %}\n{{ x | base64_decode }}{% endif %}", "line 2, column 8: base64_decode: invalid base64-encoded"),
        ("{{ x | truncate: x }}", "line 1, column 8: truncate expected an integer, found str"),
        ("{{ x | split }}", "line 1, column 8: split() missing 1 required positional argument: 'sep'"),
        ("{{ '1e999' | round }}", "line 1, column 14: round: the number is too large"),
        ("{{ list | sum }}", "line 1, column 11: sum: not a number"),
    ],
)
def test_a_failing_filter_shows_its_place(source: str, message: str) -> None:
    assert message in str(failure(source, {"x": "a", "list": ["<"]}))


def test_undefined_variables_render_as_nothing() -> None:
    assert render("[{{ a }}{{ a.b.c }}{{ a[0].d | upcase }}{% for x in a %}{{ x }}{% endfor %}]") == "[]"


def test_html_is_escaped_where_the_output_is_html_and_nowhere_else() -> None:
    variables = {"name": '<b>"O\'Neil" & co</b>'}
    assert render("{{ name }}", variables) == variables["name"]
    assert render("{{ name }}", variables, html=True) == "&lt;b&gt;&#34;O&#39;Neil&#34; &amp; co&lt;/b&gt;"


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("{{ 'Hi <i>' | append: name }}", "Hi <i>&lt;b&gt;"),
        ("{{ nothing | default: '<i>' }}", "<i>"),
        ("{{ name | replace: 'b', '<i>' }}", "&lt;&lt;i&gt;&gt;"),
        ("{% capture greeting %}<i>{{ name }}</i>{% endcapture %}{{ greeting }}", "<i>&lt;b&gt;</i>"),
        ("{{ names | join: '<br>' }}", "&lt;b&gt;<br>c"),
        ("{{ names }}", "&lt;b&gt;c"),
        ("{{ name | escape }}", "&lt;b&gt;"),
        ("{{ name | json }}", "&#34;&lt;b&gt;&#34;"),
        ("{{ name | safe }}", "<b>"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
    ],
)
def test_what_the_author_writes_is_html_and_what_variables_bring_is_not(source: str, html: str) -> None:
    assert render(source, {"name": "<b>", "names": ["<b>", "c"]}, html=True) == html


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}",
        "{% for i in (1..count) reversed %}{% endfor %}",
        "{% tablerow i in (1..count) %}{% endtablerow %}",
        "{{ (1..count) | join }}",
        "{% if (1..count) contains 'x' %}{% endif %}",
        "{% assign s = 'aaaaaaaa' %}{% for i in (1..99) %}{% assign s = s | append: s %}{% endfor %}",
        "{% assign n = 9 %}{% for i in (1..99) %}{% assign n = n | times: n %}{% endfor %}",
        "{% for i in (1..99999) %}{{ long }}{% endfor %}",
        "{% for i in (1..99999) %}{% capture s %}{{ s }}{{ long }}{% endcapture %}{% endfor %}",
    ],
)
@pytest.mark.timeout(20)
def test_templates_that_never_end_or_grow_without_bound_hit_a_limit(source: str) -> None:
    error = failure(source, {"count": 10**12, "long": "x" * 10_000})
    assert any(limit in str(error) for limit in ("limit reached", "more than 100000 numbers", "number is too large"))
    assert error.line == 1


def test_a_large_mail_stays_within_the_limits() -> None:
    rows = [{"cells": ["x" * 20] * 20} for _ in range(500)]
    source = "{% for row in rows %}{% for cell in row.cells %}{{ cell }}{% endfor %}{% endfor %}"
    assert len(render(source, {"rows": rows})) == 200_000


def test_deep_nesting_is_an_error_of_the_template() -> None:
    with pytest.raises(TemplateError, match="block nesting limit reached"):
        compile_template("{% if a %}" * 50 + "{% endif %}" * 50, name="t")


def test_text_that_cannot_be_encoded_is_an_error_of_the_template() -> None:
    assert str(failure("{{ x }}", {"x": "\ud800"})).startswith("email_1/subject.txt: cannot be rendered: 'utf-8' codec")


def test_a_template_never_sees_the_machines_clock() -> None:
    assert render("[{{ now }}{{ today }}{{ 'now' | date: '%Y' }}]") == "[]"


def test_names_that_the_library_uses_itself_stay_the_datas() -> None:
    assert render("{{ partial }} {{ template }}", {"partial": "p", "template": "t"}) == "p t"


def test_evaluating_also_gives_what_the_template_assigned() -> None:
    rendered = compile_template("x{% assign a = 1 %}{% capture b %}<i>{% endcapture %}", name="t", html=True).evaluate(
        {}
    )
    assert rendered.text == "x"
    assert rendered.assigned == {"a": 1, "b": "<i>"}


def test_a_template_knows_which_variables_it_uses() -> None:
    template = compile_template("{% if a %}{{ b.c | append: d }}{% endif %}", name="t")
    assert [template.uses(name) for name in ("a", "b", "c", "d")] == [True, True, False, True]


def test_a_template_may_be_rendered_again_and_forgets_the_last_time() -> None:
    template = compile_template("{% increment n %}{{ x }}{% assign x = 'left over' %}", name="t")
    assert [template.render({}), template.render({})] == ["0", "0"]
