from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.errors import TemplateError
from workflows.liquid.environment import compile_template
from workflows.liquid.translations import Translations
from workflows.templates import Resources, Translation

ENGLISH = {
    "hi": "Hello",
    "like": "{{ actorName }} liked your photo {{ photo }}!",
    "orders": {"shipping": {"zero": "No orders.", "one": "One order.", "other": "{{ count }} orders."}},
    "few": {"one": "One.", "other": "{{ count }} of them."},
    "dotted.key": "dots",
    "bold": "<b>{{ name }}</b>",
}


def texts(*translations: Translation, default: str = "en") -> Resources:
    return Resources(translations=(Translation("en", ENGLISH), *translations), default_locale=default)


def render(source: str, resources: Resources, *, html: bool = False, **variables: Any) -> str:
    return compile_template(source, name="t", html=html, resources=resources).render(variables)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'hi' | t", "Hello"),
        ("'like' | t: actorName: 'Jane', photo: 7", "Jane liked your photo 7!"),
        ("'like' | t: actorName: 'Jane'", "Jane liked your photo !"),
        ("'orders.shipping' | t: count: 0", "No orders."),
        ("'orders.shipping' | t: count: 1", "One order."),
        ("'orders.shipping' | t: count: 2", "2 orders."),
        ("'orders.shipping' | t: count: '1'", "One order."),
        ("'few' | t: count: 0", "0 of them."),
        ("'few' | t", " of them."),
        ("'dotted.key' | t", "dots"),
        ("'hi' | t | upcase", "HELLO"),
        ("'no.such' | t", "no.such"),
        ("'orders' | t", "orders"),
        ("nothing | t", ""),
    ],
)
def test_texts_by_key(expression: str, text: str) -> None:
    assert render("{{ " + expression + " }}", texts()) == text


def test_a_namespace_goes_before_the_key() -> None:
    shipping = Translation("en", {"canceled": "Your shipment was cancelled.", "a": {"b": "c"}}, namespace="shipping")
    resources = texts(shipping, Translation("en", {"canceled": "Cancelled."}))
    assert render("{{ 'shipping:canceled' | t }} {{ 'canceled' | t }} {{ 'shipping:a.b' | t }}", resources) == (
        "Your shipment was cancelled. Cancelled. c"
    )


def test_in_html_a_text_is_the_authors_and_its_variables_are_escaped() -> None:
    assert render("{{ 'bold' | t: name: name }}", texts(), html=True, name="<i>") == "<b>&lt;i&gt;</b>"
    assert render("{{ key | t }}", texts(), html=True, key="<i>") == "&lt;i&gt;"
    assert render("{{ 'bold' | t: name: name }}", texts(), name="<i>") == "<b><i></b>"


SOURCES = {
    ("acme", "fr-BE"): 6,
    ("acme", "fr"): 5,
    ("acme", "en"): 4,
    (None, "fr-BE"): 3,
    (None, "fr"): 2,
    (None, "en"): 1,
}
"""Tenant and locale of each source of a Belgian recipient of acme, with its rank."""


@given(present=st.sets(st.sampled_from(sorted(SOURCES, key=str)), min_size=1), order=st.randoms())
def test_the_most_important_source_that_has_the_text_wins(present: set[tuple[str | None, str]], order: Any) -> None:
    translations = [
        Translation(locale, {"k": {"k": f"{tenant}/{locale}"}}, tenant=tenant) for tenant, locale in present
    ]
    order.shuffle(translations)
    table = Translations(Resources(translations=tuple(translations))).table("acme", "fr-BE")
    tenant, locale = max(present, key=lambda source: SOURCES[source])
    assert table == {"": {"k": {"k": f"{tenant}/{locale}"}}}


def test_sources_are_merged_deeply() -> None:
    resources = texts(
        Translation("fr", {"hi": "Salut", "orders": {"shipping": {"one": "Une commande."}}}),
        Translation("fr-BE", {"hi": "Bonjour"}),
    )
    source = "{{ 'hi' | t }} {{ 'orders.shipping' | t: count: 1 }} {{ 'orders.shipping' | t: count: 0 }}"
    assert render(source, resources, recipient={"locale": "fr-BE"}) == "Bonjour Une commande. No orders."
    assert render(source, resources, recipient={"locale": "fr_fr"}) == "Salut Une commande. No orders."


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({}, "Hello"),
        ({"recipient": {"locale": "xx-YY"}}, "Hello"),
        ({"recipient": {"locale": 7}}, "Hello"),
        ({"recipient": {"locale": None}, "tenant": None}, "Hello"),
        ({"recipient": {"locale": "de"}}, "Hallo"),
        ({"recipient": {"locale": "de"}, "tenant": {"id": "acme"}}, "Moin"),
        ({"recipient": {"locale": "de"}, "tenant": {"id": "other"}}, "Hallo"),
    ],
)
def test_the_recipients_locale_and_the_runs_tenant_choose(variables: Mapping[str, Any], text: str) -> None:
    resources = texts(Translation("de", {"hi": "Hallo"}), Translation("de", {"hi": "Moin"}, tenant="acme"))
    assert render("{{ 'hi' | t }}", resources, **variables) == text


def test_the_default_locale_is_the_environments() -> None:
    resources = texts(Translation("de", {"hi": "Hallo"}), default="de")
    assert render("{{ 'hi' | t }}", resources, recipient={"locale": "fr"}) == "Hallo"


def test_tables_are_kept_by_what_there_is_and_not_by_what_recipients_bring() -> None:
    translations = Translations(texts(Translation("fr", {"hi": "Salut"})))
    tables = {id(translations.table(f"tenant {number}", f"x{number}-YY")) for number in range(100)}
    assert len(tables) == 1
    assert translations.table(None, "fr-CA") is translations.table("acme", "FR")


SYSTEM = Translation(
    "fr", {"Congratulations, {{ recipient.name }}!": "Bravo, {{ recipient.name | upcase }} !"}, namespace="system"
)
TAG = "{% t %}Congratulations, {{ recipient.name }}!{% endt %}"


def test_the_tag_shows_its_own_text_unless_there_is_a_translation_which_sees_the_same_variables() -> None:
    resources = texts(SYSTEM)
    assert render(TAG, resources, recipient={"name": "Jane"}) == "Congratulations, Jane!"
    assert render(TAG, resources, recipient={"name": "Jane", "locale": "fr"}) == "Bravo, JANE !"
    assert render(
        f"{{% for x in (1..2) %}}{TAG}{{% endfor %}}", resources, recipient={"name": "J", "locale": "fr"}
    ) == ("Bravo, J !Bravo, J !")


def test_the_tags_variables_are_escaped_in_html() -> None:
    recipient = {"name": "<i>", "locale": "fr"}
    assert render(TAG, texts(SYSTEM), html=True, recipient=recipient) == "Bravo, &lt;I&gt; !"


def test_a_template_tells_its_texts_to_translate_as_they_are_written() -> None:
    template = compile_template("{%- t -%}  a\n {{b}} {%- endt -%}{% if x %}{% t %}c{% endt %}{% endif %}", name="t")
    assert template.phrases() == ("a\n {{b}}", "c")


def test_a_translation_that_needs_itself_is_an_error_and_no_crash() -> None:
    endless = Translation("en", {"a": "{% t %}a{% endt %}"}, namespace="system")
    with pytest.raises(TemplateError):
        render("{% t %}a{% endt %}", texts(endless))


@pytest.mark.parametrize("source", ["{% t %}a", "{% t a %}a{% endt %}", "{% endt %}"])
def test_a_wrong_tag_is_an_error_when_compiling(source: str) -> None:
    with pytest.raises(TemplateError, match="line 1, column"):
        compile_template(source, name="t")
