"""What https://docs.knock.app/template-editor/reference-liquid-helpers promises."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.errors import TemplateError
from workflows.liquid.environment import _TEXT, compile_template
from workflows.liquid.lookups import EntityNeeded

AT = "2023-12-31T14:30:45+00:00"
VARIABLES: dict[str, Any] = {
    "timestamp": AT,
    "new_york": "2023-12-31T23:30:00-05:00",
    "now": "2026-03-02T09:30:00+00:00",
    "one": ["Acme Corp", "InGen", {"a": 1}, 1, "InGen"],
    "two": ["InGen", {"a": 1}, True, "x"],
    "text": '{"a": [1, "b"]}',
    "html": "<b>",
    "md": "# Hello <script>x</script> [a](javascript:x) [b](https://b.example)",
}


def render(expression: str, *, html: bool = False, **variables: Any) -> str:
    return compile_template("{{ " + expression + " }}", name="t", html=html).render({**VARIABLES, **variables})


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("'2024-01-01T00:30:00Z' | timezone: 'America/New_York'", "2023-12-31T19:30:00-05:00"),
        ("timestamp | timezone: 'Nowhere/Land'", "2023-12-31T14:30:45+00:00"),
        ("'now' | timezone: 'Europe/Berlin'", "2026-03-02T10:30:00+01:00"),
        ("'soon' | timezone: 'Europe/Berlin'", "soon"),
        ("'2023-12-31T19:30:00Z' | date: '%-I:%M %p %Z', 'America/New_York'", "2:30 PM EST"),
        ("timestamp | date: '%s %L %N %:z %%s', 'Asia/Kolkata'", "1704033045 000 000000000 +05:30 %s"),
        ("timestamp | format_date_in_locale: 'en-GB', 'long'", "31 December 2023"),
        ("timestamp | format_date_in_locale: 'en-US'", "12/31/23"),
        ("timestamp | format_date_in_locale: 'en-GB', 'short'", "31/12/2023"),
        ("timestamp | format_date_in_locale: 'en-US', 'medium'", "Dec 31, 2023"),
        ("timestamp | format_date_in_locale: 'en-GB', 'full'", "Sunday, 31 December 2023"),
        ("timestamp | format_date_in_locale: 'de', 'full'", "Sonntag, 31. Dezember 2023"),
        ("timestamp | format_date_in_locale: 'xx-YY', 'long'", "December 31, 2023"),
        ("new_york | format_date_in_locale: 'en', 'long'", "December 31, 2023"),
        ("'soon' | format_date_in_locale: 'en'", "soon"),
        ("timestamp | format_datetime_in_locale: 'en-GB', 'medium', 'short'", "31 Dec 2023, 14:30"),
        ("timestamp | format_datetime_in_locale: 'en-US', 'medium', 'medium'", "Dec 31, 2023, 2:30:45 PM"),
        ("timestamp | timezone: 'Asia/Tokyo' | format_datetime_in_locale: 'en-GB'", "31/12/2023, 23:30"),
        ("10000 | format_number: 'en'", "10,000"),
        ("10000 | format_number: 'de-DE'", "10.000"),
        ("'1234.5' | format_number", "1,234.5"),
        ("'many' | format_number: 'en'", "many"),
        ("10 | currency", "$10.00"),
        ("10 | currency: 'GBP', 'en'", "£10.00"),
        ("1234.5 | currency: 'EUR', 'de'", "1.234,50\xa0€"),
        ("10 | currency: 'JPY', 'en'", "¥10"),
        ("10.99 | rounded_currency: 'GBP', 'en'", "£11"),
        ("10.5 | rounded_currency", "$11"),
        ("nothing | currency", ""),
        ("one | json", '["Acme Corp","InGen",{"a":1},1,"InGen"]'),
        ("1 | pluralize: 'user', 'users'", "user"),
        ("2 | pluralize: 'user', 'users'", "users"),
        ("0 | pluralize: 'user', 'users'", "users"),
        ("'1' | pluralize: 'user', 'users'", "user"),
        ("nothing | pluralize: 'user', 'users'", "users"),
        ("'my project  NAME' | titlecase", "My Project  Name"),
        ("'a' | md5", "0cc175b9c0f1b6a831c399e269772661"),
        ("'abc' | sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "'The quick brown fox jumps over the lazy dog' | hmac_sha256: 'key'",
            "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
        ),
        ("one | intersect: two | json", '["InGen",{"a":1}]'),
        ("nothing | intersect: two | json", "[]"),
        ("'1.0.0' | compare_versions: '2.0.0'", "-1"),
        ("'1.10.0' | compare_versions: '1.9.9'", "1"),
        ("'1.0.0+a' | compare_versions: '1.0.0+b'", "0"),
        ("'1.0.0-rc.1' | compare_versions: '1.0.0'", "-1"),
        ("'1.0.0-alpha.beta' | compare_versions: '1.0.0-alpha.1'", "1"),
        ("'1.2' | compare_versions: '1.2.0'", "0"),
        ("'new' | compare_versions: '1.2.0'", ""),
        ("nothing | compare_versions: '1.2.0'", ""),
        ("'a' | equals: 'a'", "true"),
        ("1 | equals: true", "false"),
        ("one | equals: one", "true"),
        ("nothing | equals: nil", "true"),
        ("'**a**' | from_markdown", "<p><strong>a</strong></p>\n"),
    ],
)
def test_filters(expression: str, text: str) -> None:
    assert render(expression) == text


def test_from_json_gives_a_value_whatever_it_is_given() -> None:
    source = "{% assign v = text | from_json %}{{ v.a[1] }}{{ v.a | from_json | first }}{{ nothing | from_json }}"
    assert compile_template(source, name="t").render(VARIABLES) == "b1"
    captured = "{% capture c %}{{ text }}{% endcapture %}{% assign v = c | from_json %}{{ v.a[1] }}"
    assert compile_template(captured, name="t", html=True).render(VARIABLES) == "b"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("'{' | from_json", "from_json: Expecting property name"),
        ("timestamp | format_date_in_locale: 'en', 'tiny'", "'tiny' is none of short, medium, long, full"),
        ("10 | currency: 'DUCATS'", "currency: 'DUCATS' is no currency"),
        ("'1e40' | format_number", "format_number: the number is too large"),
        ("one | json: 99", "json: an indent is between 0 and 16"),
        ("'a' | object", "object"),
        ("'a' | safe: environment: 1", "multiple values for keyword argument 'environment'"),
    ],
)
def test_wrong_uses_are_errors_of_the_template(expression: str, message: str) -> None:
    with pytest.raises(TemplateError, match="line 1, column") as caught:
        render(expression)
    assert message in str(caught.value)


def test_markdown_from_a_variable_brings_no_html_and_no_scripts_into_a_mail() -> None:
    assert render("md | from_markdown", html=True) == (
        '<h1>Hello &lt;script&gt;x&lt;/script&gt; [a](javascript:x) <a href="https://b.example">b</a></h1>\n'
    )
    assert render("'a <b>c</b>' | from_markdown", html=True) == "<p>a <b>c</b></p>\n"


def test_results_made_of_variables_are_escaped_in_html() -> None:
    for expression in ("html | titlecase", "html | pluralize: 'x', html", "one | intersect: one", "html | strip_html"):
        assert "<b>" not in render(expression, html=True, one=["<b>"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(
    name=st.sampled_from(sorted(_TEXT.filters)), value=JSON, arguments=st.lists(JSON, max_size=3), html=st.booleans()
)
def test_no_filter_fails_otherwise_than_as_an_error_of_the_template(
    name: str, value: Any, arguments: list[Any], html: bool
) -> None:
    given_ = ", ".join(f"a{number}" for number in range(len(arguments)))
    source = f"{{{{ value | {name}{': ' if given_ else ''}{given_} }}}}"
    template = compile_template(source, name="t", html=html)
    try:
        text = template.render({"value": value, **{f"a{number}": item for number, item in enumerate(arguments)}})
    except (TemplateError, EntityNeeded):
        return
    assert isinstance(text, str)
