from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.email.mjml import DEEPEST, MjmlInvalid, as_document, as_text, mjml_to_html


def document(body: str, head: str = "") -> str:
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


def column(content: str) -> str:
    return document(f"<mj-section><mj-column>{content}</mj-column></mj-section>")


def test_mjml_becomes_a_document_of_tables() -> None:
    html = mjml_to_html(
        column('<mj-text color="#123456">Hello</mj-text><mj-button href="https://e.com/?a=1&amp;b=2">Go</mj-button>')
    )
    assert html.startswith("<!doctype html>")
    assert "color:#123456;" in html
    assert '<a href="https://e.com/?a=1&amp;b=2"' in html
    assert "<mj-" not in html


@pytest.mark.parametrize(
    "html",
    [
        "a<br>b&nbsp;c",
        "<p>unclosed <b>bold",
        "<img src=x alt=y>",
        "<!-- no --> a < b && c",
        "<ul><li>1<li>2</ul>",
        "\ue000 7",
    ],
)
def test_html_in_a_text_is_any_html_and_arrives_as_it_is(html: str) -> None:
    assert f">{html}</div>".replace("\ue000", "") in mjml_to_html(column(f"<mj-text>{html}</mj-text>"))


def test_html_in_a_column_becomes_a_text_of_its_own() -> None:
    html = mjml_to_html(column("<p>loose<br></p>"))
    assert "<p>loose<br></p></div></td></tr>" in html


def test_rows_of_a_table_stand_in_a_column_as_they_are() -> None:
    assert "<tbody><tr><td>x</td></tr></tbody>" in mjml_to_html(column("<tr><td>x</td></tr>"))


def test_html_elsewhere_in_the_body_is_raw() -> None:
    assert ">x<hr></div></body>" in mjml_to_html(document("x<hr>"))


def test_html_in_the_head_stays_in_the_head() -> None:
    head, _, _ = mjml_to_html(document("", head='<meta name="x" content="y">')).partition("</head>")
    assert '<meta name="x" content="y">' in head


@pytest.mark.parametrize("name", ["mj-raw", "mjml-raw"])
def test_raw_is_known_by_both_of_its_names(name: str) -> None:
    assert "<b>raw</b>" in mjml_to_html(document(f"<{name}><b>raw</b></{name}>"))


@pytest.mark.parametrize("around", ["", "mj-wrapper", "mj-section", "mj-group"])
def test_a_text_outside_of_a_column_gets_one(around: str) -> None:
    body = as_text("<p>Hi</p>")
    for name in ("mj-section", "mj-group") if around == "mj-group" else (around,):
        body = f"<{name}>{body}</{name}>" if name and name != "mj-group" else body
    html = mjml_to_html(document(body))
    assert "mj-column-per-100" in html
    assert "<p>Hi</p>" in html


def test_a_prologue_is_passed_by() -> None:
    assert mjml_to_html(f'<?xml version="1.0"?>\n<!DOCTYPE mjml>\n{column("")}').startswith("<!doctype html>")


def test_a_style_a_title_and_a_preview_are_taken_over() -> None:
    html = mjml_to_html(
        document(
            "", head="<mj-style>.a > b { x: y }</mj-style><mj-title>A &amp; B</mj-title><mj-preview>soon</mj-preview>"
        )
    )
    assert ".a > b { x: y }" in html
    assert "<title>A &amp; B</title>" in html
    assert ">soon</div>" in html


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "unable to find mjml element"),
        ("<p>x</p>", "the document cannot hold text or HTML"),
        ("<mjml>x</mjml>", "mjml cannot hold text or HTML"),
        ("<mjml><mj-body><mj-section></mj-body></mjml>", "unexpected"),
        ("<mjml><mj-body><mj-text>x</mj-body></mjml>", "mj-text is not closed"),
        ("<mjml><mj-body><mj-section padding=1px></mj-section></mj-body></mjml>", "unable to parse"),
    ],
)
def test_what_is_no_mjml_is_told(source: str, problem: str) -> None:
    with pytest.raises(MjmlInvalid, match=problem) as caught:
        mjml_to_html(source)
    assert "root template" not in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "https://example.com/x.mjml"])
def test_nothing_is_read_from_elsewhere(path: str) -> None:
    with pytest.raises(MjmlInvalid, match="include"):
        mjml_to_html(document(f'<mj-include path="{path}" />'))


@pytest.mark.parametrize("name", ["mj-wrapper", "mj-section", "mj-unknown"])
def test_depth_is_refused_before_it_reaches_the_renderer(name: str) -> None:
    with pytest.raises(MjmlInvalid, match=f"more than {DEEPEST} elements"):
        mjml_to_html(document(f"<{name}>" * 5000 + f"</{name}>" * 5000))


def test_depth_in_html_is_nobodys_concern() -> None:
    html = "<div>" * 5000 + "</div>" * 5000
    assert html in mjml_to_html(column(html))


@given(st.text(st.sampled_from("<>/mj-textcolumn raw=\"'!ab "), max_size=60))
def test_any_source_is_rendered_or_refused(source: str) -> None:
    for written in (source, column(source), document(source), column(f"<mj-text {source}>x</mj-text>")):
        with suppress(MjmlInvalid):
            assert "\ue000" not in mjml_to_html(written)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001"), max_size=80))
def test_whatever_stands_in_a_text_is_left_alone(html: str) -> None:
    content = html.replace("</mj-text", "")
    assert f">{content}</div>" in mjml_to_html(column(f"<mj-text>{content}</mj-text>"))


def test_a_body_without_a_document_gets_one() -> None:
    assert as_document("<mj-section></mj-section>") == "<mjml><mj-body><mj-section></mj-section></mj-body></mjml>"
    assert as_document(column("")) == column("")
