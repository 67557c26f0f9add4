"""No template keeps a worker for long: what is endless or merely enormous hits a limit, counted and not timed."""

from typing import Any

import pytest

from workflows.errors import TemplateError
from workflows.liquid import limits
from workflows.liquid.context import Buffer, Context
from workflows.liquid.environment import compile_template
from workflows.liquid.limits import WORK_LIMIT, extent
from workflows.templates import Partial, Resources

BIG = "x" * 4_000_000
DEEP = {"rows": [{"i": number, "s": f"v{number}"} for number in range(60_000)]}
VARIABLES: dict[str, Any] = {
    "big": BIG,
    "big2": BIG + "",
    "list": list(range(500_000)),
    "deep": DEEP,
    "deep2": {"rows": [dict(row) for row in DEEP["rows"]]},
    "words": ["w"] * 100_000,
    "scripts": "<script" * 500_000,
    "brackets": "[" * 40_000,
}


@pytest.fixture
def less_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the real limit, so that reaching it does not take seconds."""
    monkeypatch.setattr(limits, "WORK_LIMIT", WORK_LIMIT // 10)


def failure(source: str) -> str:
    with pytest.raises(TemplateError) as caught:
        compile_template(source, name="t").render(VARIABLES)
    return str(caught.value)


def loop(body: str) -> str:
    return "{% for i in (1..100000) %}" + body + "{% endfor %}"


@pytest.mark.parametrize(
    "source",
    [
        loop("") * 100,
        loop("{{ big | upcase | size }}"),
        loop("{% if list contains 'x' %}{% endif %}"),
        loop("{% if (1..100000) contains 'x' %}{% endif %}"),
        loop("{% if big == big2 %}{% endif %}"),
        loop("{% if deep == deep2 %}{% endif %}"),
        loop("{% case deep %}{% when deep2 %}{% endcase %}"),
        loop("{% for x in list reversed limit: 1 %}{% endfor %}"),
        loop("{% capture s %}{{ big }}{% endcapture %}"),
        loop("{% if " + " or ".join(["1 == 2"] * 300) + " %}{% endif %}"),
        loop("{% if false %}" + "{% elsif false %}" * 300 + "{% endif %}"),
        loop("{{ big | split: '' | size }}"),
        loop("{{ list | sort | size }}"),
        loop("{{ brackets | from_markdown | size }}"),
    ],
)
@pytest.mark.timeout(60)
@pytest.mark.usefixtures("less_patience")
def test_much_work_hits_the_work_limit(source: str) -> None:
    assert "work limit reached" in failure(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ big | replace: 'x', big }}",
        "{{ words | join: big }}",
        "{% assign s = 'aaaaaaaa' %}{% for i in (1..99) %}{% assign s = s | append: s %}{% endfor %}",
        "{{ big | append: big }}",
        "{{ big | url_encode | append: big }}",
    ],
)
def test_long_texts_hit_the_output_limit_before_they_are_made(source: str) -> None:
    assert "more than 5000000 characters, output limit reached" in failure(source)


def test_lists_of_references_to_one_long_text_are_measured_as_what_they_would_be_written_as() -> None:
    source = "{% assign a = big | split: 'y' %}{% for i in (1..99) %}{% assign a = a | concat: a %}{% endfor %}"
    assert "concat: the value is too large" in failure(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{" * 100_000, "'{{' is never closed"),
        ("{% raw %}" * 50_000, "'raw' is never closed"),
        ("{{" + " " * 100_000, "200 spaces in a tag"),
        ("x" * 1_000_001, "a template of more than 1000000 characters"),
        ("{% if " + " and ".join(["a"] * 5_000) + " %}{% endif %}", "t, line 1"),
        ("{{ " + "a[" * 3_000 + "b" + "]" * 3_000 + " }}", "t, line 1"),
        ("{% t %}" * 40, "block nesting limit reached"),
    ],
)
@pytest.mark.timeout(60)
def test_sources_that_take_long_to_read_are_refused(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template(source, name="t")
    assert message in str(caught.value)


@pytest.mark.usefixtures("less_patience")
def test_work_of_partials_counts_for_the_template_that_renders_them() -> None:
    rows = Partial("p", "P", "text", "{% for i in (1..900) %}{{ i }}{% endfor %}")
    source = "{% for i in (1..100) %}{% capture x %}{% render 'p' %}{% endcapture %}{% endfor %}" * 20
    template = compile_template(source, name="t", resources=Resources(partials={"p": rows}))
    with pytest.raises(TemplateError, match=r"partials/p.*work limit reached"):
        template.render({})


def test_texts_of_hostile_html_are_stripped_in_one_go() -> None:
    assert compile_template("{{ scripts | strip_html | size }}", name="t").render(VARIABLES) == "3500000"


def test_a_large_mail_uses_a_small_part_of_the_budget() -> None:
    rows = [{"name": f"Item {number}", "price": number} for number in range(1_000)]
    source = (
        "{% for row in rows %}<tr><td>{{ row.name | upcase }}</td><td>{{ row.price | times: 2 }}</td></tr>{% endfor %}"
    )
    template = compile_template(source, name="t", html=True)
    context = Context(template._bound, {"rows": rows}, template._bound.compiled.translations)
    template._bound.render_with_context(context, Buffer(context.budget))
    assert 0 < WORK_LIMIT - context.budget.left < WORK_LIMIT / 50


def test_the_extent_of_a_value_counts_all_its_levels() -> None:
    assert extent({"a": ["bc", {"d": "efg"}], "h": 1}) == (2 + 2 + 1, 5)
    assert extent("abc") == (0, 3)
    assert extent(range(9)) == (9, 0)
    assert extent(7) == (0, 0)
