from typing import Any

import pytest
from liquid import Environment
from liquid.parser import Parser
from liquid.stream import TokenStream

from workflows.errors import TemplateError
from workflows.liquid.environment import check_template, compile_template
from workflows.templates import Partial, Resources, Translation


def resources(**contents: str) -> Resources:
    return Resources(partials={key: Partial(key, key, "html", content) for key, content in contents.items()})


def typed(kind: Any, content: str) -> Resources:
    return Resources(partials={"p": Partial("p", "P", kind, content)})


def render(source: str, res: Resources, *, html: bool = False, **variables: Any) -> str:
    return compile_template(source, name="body.html", html=html, resources=res).render(variables)


def failure(source: str, res: Resources, **variables: Any) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        render(source, res, **variables)
    return caught.value


def test_a_partial_sees_its_inputs_and_nothing_of_the_templates_variables() -> None:
    res = resources(card="[{{ title }}|{{ recipient.name }}|{{ data }}|{{ x }}]")
    source = "{% assign x = 1 %}{% render 'card', title: recipient.name %}"
    assert render(source, res, recipient={"name": "Jane"}, data="d") == "[Jane|||]"


def test_what_a_partial_assigns_stays_inside() -> None:
    res = resources(card="{% assign x = 'inside' %}{% increment n %}{{ x }}")
    assert render("{% render 'card' %}{{ x }}{% render 'card' %}", res) == "0inside0inside"


def test_inputs_are_values_of_any_kind() -> None:
    res = resources(rows="{% for row in rows %}{{ row.name }},{% endfor %}{% unless shown %}hidden{% endunless %}")
    assert (
        render("{% render 'rows', rows: data.rows, shown: false %}", res, data={"rows": [{"name": "a"}]}) == "a,hidden"
    )


def test_defaults_fill_inputs_that_are_not_given() -> None:
    res = Resources(partials={"p": Partial("p", "P", "text", "{{ a }}{{ b }}", {"a": "A", "b": "B"})})
    assert render("{% render 'p', b: 'x' %}", res) == "Ax"


def test_variables_in_a_partial_are_escaped_in_html_and_its_own_html_is_not() -> None:
    res = resources(card="<b>{{ x }}</b>")
    assert render("{% render 'card', x: x %}", res, html=True, x="<i>") == "<b>&lt;i&gt;</b>"
    assert render("{% render 'card', x: x %}", res, x="<i>") == "<b><i></b>"


def test_a_markdown_partial_is_html_in_html_and_markdown_in_text() -> None:
    res = typed("markdown", "# {{ x }}")
    assert render("{% render 'p', x: x %}", res, html=True, x="<i>*a*") == "<h1>&lt;i&gt;<em>a</em></h1>\n"
    assert render("{% render 'p', x: 'a' %}", res) == "# a"


def test_a_json_partial_stays_json_in_html_and_cannot_end_a_script() -> None:
    res = typed("json", '{"name": {{ x | json }}}')
    assert render("{% render 'p', x: x %}", res, html=True, x='"</script>') == '{"name": "\\"\\u003c/script\\u003e"}'
    assert render("{% render 'p', x: x %}", res, x="</script>") == '{"name": "</script>"}'


def test_partials_work_in_loops_blocks_and_captures() -> None:
    res = resources(li="<li>{{ x }}</li>")
    source = "{% for x in (1..3) %}{% if x != 2 %}{% render 'li', x: x %}{% endif %}{% endfor %}"
    assert render(source, res) == "<li>1</li><li>3</li>"
    assert render("{% capture a %}{% render 'li', x: 1 %}{% endcapture %}{{ a | upcase }}", res) == "<LI>1</LI>"


def test_a_filter_in_a_partial_still_knows_now_and_the_recipients_language() -> None:
    res = Resources(
        partials={"p": Partial("p", "P", "text", "{{ 'now' | date: '%Y' }} {{ 'hi' | t }}")},
        translations=(Translation("fr", {"hi": "Salut"}),),
    )
    variables: dict[str, Any] = {"now": "2026-03-02T09:30:00+00:00", "recipient": {"locale": "fr"}}
    assert render("{% render 'p' %}", res, **variables) == "2026 Salut"


def nest(depth: int) -> Resources:
    inner = {f"p{number}": f"{{% render 'p{number + 1}' %}}" for number in range(1, depth)}
    return resources(**inner, **{f"p{depth}": "end"})


def test_partials_nest_five_deep_and_no_deeper() -> None:
    assert render("{% render 'p1' %}", nest(5)) == "end"
    error = failure("a\n{% render 'p1' %}", nest(6))
    assert str(error).startswith("body.html, line 2, column 11: partial 'p1' nests 6 deep, at most 5\n")


def test_a_partial_that_renders_itself_is_refused_with_the_way_it_does() -> None:
    res = resources(a="{% render 'b' %}", b="{% if x %}{% render 'a' %}{% endif %}")
    assert "partials/b, line 1, column 21: partial 'a' renders itself: a → b → a" in str(
        failure("{% render 'a' %}", res)
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% render 'nope' %}", "line 1, column 11: unknown partial 'nope'"),
        ("{% render nope %}", "line 1, column 11: expected a partial's key in quotes"),
        ("{% render 'p' for xs %}", "line 1, column 15: render has no 'for'; pass values as name: value"),
        ("{% render 'p' with x %}", "line 1, column 15: render has no 'with'; pass values as name: value"),
        ("{% include 'p' %}", "line 1, column 4: unexpected tag 'include'"),
    ],
)
def test_a_wrong_render_tag_is_an_error_when_compiling(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(source, name="body.html", resources=resources(p="x"))
    assert message in str(caught.value)


def test_errors_in_a_partial_show_the_partials_place() -> None:
    broken = failure("{% render 'p' %}", resources(p="a\n{{ b | shout }}"))
    assert str(broken).startswith("partials/p, line 2, column 8: unknown filter 'shout'\n{{ b | shout }}")
    failing = failure("1\n2\n{% render 'p' %}", resources(p="a\n{{ 5 | divided_by: 0 }}"))
    assert str(failing) == (
        "partials/p, line 2, column 8: divided_by: can't divide by 0\n{{ 5 | divided_by: 0 }}\n       ^"
    )


def test_limits_hold_across_partials() -> None:
    res = resources(a="{% for i in (1..1000) %}{% render 'b' %}{% endfor %}", b="{% for i in (1..1000) %}{% endfor %}")
    assert "loop iteration limit reached" in str(failure("{% render 'a' %}", res))


def test_nothing_is_parsed_while_rendering_and_a_partial_once_per_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    parses = []
    parse = Parser.parse

    def counted(parser: Parser, stream: TokenStream) -> Any:
        parses.append(parser.env.autoescape)
        return parse(parser, stream)

    monkeypatch.setattr(Parser, "parse", counted)
    res = resources(card="<b>{% render 'name', name: x %}</b>", name="{{ name }}")
    templates = [
        compile_template("{% render 'card', x: x %}{% render 'name', name: x %}", name="t", html=html, resources=res)
        for html in (True, True, False)
    ]
    compiled = len(parses)
    for number in range(50):
        assert {template.render({"x": number}) for template in templates} == {f"<b>{number}</b>{number}"}
    assert compiled == 3 + 2 * 2
    assert len(parses) == compiled
    assert isinstance(templates[0]._bound.env, Environment)


def test_a_document_looked_at_alone_may_name_any_partial_but_no_unknown_filter() -> None:
    assert check_template("{% render 'elsewhere' %}{{ content }}", name="t").uses("content")
    with pytest.raises(TemplateError, match="unknown filter 'shout'"):
        check_template("{% render 'elsewhere' %}{{ x | shout }}", name="t")
