from typing import Any

import pytest

from tests.workflows.email_blocks import rendered
from workflows.errors import StepFailed, TemplateError
from workflows.templates import Padding, Partial, PartialBlock


def partial(content: str, key: str = "card", **fields: Any) -> Partial:
    return Partial(**{"key": key, "name": key, "type": "html", "content": content, **fields})


def test_a_partial_is_rendered_with_its_attributes() -> None:
    block = PartialBlock("card", {"title": "Hi {{ recipient.name }}", "count": 3, "on": False})
    source = partial("<h1>{{ title }}</h1>{{ count | plus: 1 }}{% unless on %}off{% endunless %}")
    assert rendered(block, (source,), recipient={"name": "Jane"}).html == "<h1>Hi Jane</h1>4off"


def test_a_partial_escapes_what_variables_and_attributes_bring() -> None:
    block = PartialBlock("card", {"title": "<i>{{ name }}</i>", "url": "{{ url }}"})
    html = rendered(block, (partial('<a href="{{ url }}">{{ title }}</a>'),), name="<b>", url='x" onclick="y').html
    assert html == '<a href="x&#34; onclick=&#34;y">&lt;i&gt;&lt;b&gt;&lt;/i&gt;</a>'


def test_a_partial_sees_nothing_else_but_vars() -> None:
    html = rendered(
        PartialBlock("card"),
        (partial("[{{ name }}{{ vars.branding.primary_color }}]"),),
        name="x",
        vars={"branding": {"primary_color": "#fff"}},
    ).html
    assert html == "[#fff]"


@pytest.mark.parametrize("output", ["{{ data.rows }}", "{{- data.rows -}}", " {{ data.rows | reverse | reverse }} "])
def test_a_list_reaches_the_partial_as_a_list(output: str) -> None:
    block = PartialBlock("card", {"rows": output})
    source = partial("{% for row in rows %}<li>{{ row.name }}</li>{% endfor %}")
    html = rendered(block, (source,), data={"rows": [{"name": "a"}, {"name": "<b>"}]}).html
    assert html == "<li>a</li><li>&lt;b&gt;</li>"


def test_other_values_reach_the_partial_as_text() -> None:
    block = PartialBlock(
        "card", {"flag": "{{ data.flag }}", "both": "{{ a }} {{ b }}", "rows": ["{{ a }}", {"x": "{{ b }}"}]}
    )
    source = partial('{% if flag == "false" %}{{ both }}{% endif %} {{ rows[0] }}{{ rows[1].x }}')
    assert rendered(block, (source,), data={"flag": False}, a=1, b=2).html == "1 2 12"


def test_a_partial_has_a_row_only_where_a_padding_is_given() -> None:
    assert rendered(PartialBlock("card"), (partial("x"),)).html == "x"
    html = rendered(PartialBlock("card", padding=Padding(top=1)), (partial("x"),)).html
    assert 'class="block-row block-row--partial-v1"' in html
    assert 'style="padding:1px 0px 0px 0px"' in html


def test_a_partial_that_does_not_exist_is_named_with_its_block() -> None:
    with pytest.raises(StepFailed, match=r"email_1/visual_blocks/1 is the partial `gone`, which does not exist"):
        rendered(PartialBlock("gone"))


def test_a_broken_attribute_is_named() -> None:
    with pytest.raises(TemplateError, match=r"^email_1/visual_blocks/1\.attrs/title, line 1"):
        rendered(PartialBlock("card", {"title": "{{ x"}), (partial("x"),))


def test_an_attribute_whose_name_no_variable_has_is_passed_by() -> None:
    assert rendered(PartialBlock("card", {"a b": "x", "c": "y"}), (partial("{{ c }}"),)).html == "y"
