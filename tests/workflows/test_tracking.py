from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.tracking import tracked_html, tracked_text


def shortened(url: str) -> str:
    return f"https://us.test/l/{len(url)}?a&b"


def rewritten(html: str) -> str:
    return tracked_html(html, shortened, links=True)


NEW = '="https://us.test/l/{}?a&amp;b"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<a href="https://a.test/">x</a>', f"<a href{NEW.format(15)}>x</a>"),
        ("<A class=b HREF='https://a.test/' >x</A>", f"<A class=b HREF{NEW.format(15)} >x</A>"),
        ("<a href=https://a.test/>x</a>", f"<a href{NEW.format(15)}>x</a>"),
        ('<a\n  href = " HTTPS://a.test/?b=1&amp;c=2 "\n>x</a>', f"<a\n  href{NEW.format(23)}\n>x</a>"),
        ('<map><area href="https://a.test/"/></map>', f"<map><area href{NEW.format(15)}/></map>"),
        ('é<br>\n<p>\n<a href="https://a.test/">x</a>', f"é<br>\n<p>\n<a href{NEW.format(15)}>x</a>"),
        ('<a data-x=" href=" href="https://a.test/">x</a>', f'<a data-x=" href=" href{NEW.format(15)}>x</a>'),
        ('<a title="a > b" href="https://a.test/">x</a>', f'<a title="a > b" href{NEW.format(15)}>x</a>'),
        (
            '<a href="https://a.test/" href="https://b.test/">x</a>',
            f'<a href{NEW.format(15)} href="https://b.test/">x</a>',
        ),
        ('<a href="https://a.test/" data-knock-no-track>x</a>', '<a href="https://a.test/">x</a>'),
        ('<a data-knock-no-track="true" href="https://a.test/">x</a>', '<a href="https://a.test/">x</a>'),
    ],
)
def test_links_to_https_are_replaced_and_nothing_else(before: str, after: str) -> None:
    assert rewritten(before) == after


@pytest.mark.parametrize(
    "html",
    [
        '<a href="http://a.test/">x</a>',
        '<a href="mailto:a@b.test">x</a>',
        '<a href="tel:+1555">x</a>',
        '<a href="/path">x</a> https://a.test/',
        '<a href="#x">x</a><a name="y" href>y</a>',
        '<img src="https://a.test/x.png"><link href="https://a.test/x.css">',
        '<!--[if mso]><a href="https://a.test/">x</a><![endif]-->',
        "<style>a[href='https://a.test/'] { color: red }</style>",
        "<p>no links & nothing else <",
        "",
    ],
)
def test_the_rest_stays_as_it_was_written(html: str) -> None:
    assert rewritten(html) == html


def test_a_link_that_stays_is_not_even_written_anew() -> None:
    html = "<a href='https://a.test/?b=1&amp;c=é'>x</a>"
    assert tracked_html(html, lambda url: url, links=True) == html


def test_several_links_in_one_text() -> None:
    html = '<a href="https://a.test/">x</a> <a href="http://b.test/">y</a> <a href="https://c.test/1">z</a>'
    assert rewritten(html).count("us.test") == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [("<p>x</p>", "<p>x</p>{}"), ("<html><body><p>x</p></body></html>", "<html><body><p>x</p>{}</body></html>")],
)
def test_the_picture_is_the_last_thing_in_the_body(before: str, after: str) -> None:
    picture = '<img src="https://us.test/o/1.gif?a&amp;b" width="1" height="1" alt="" style="border:0">'
    assert tracked_html(before, shortened, links=False, pixel="https://us.test/o/1.gif?a&b") == after.format(picture)


@given(st.text(st.sampled_from("<>/=\"' \n!-abhref:stp&;")))
def test_whatever_is_written_it_can_be_read(html: str) -> None:
    assert tracked_html(html, lambda url: url, links=True).replace(" data-knock-no-track", "") == html


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("See https://a.test/b?c=1#d.", "See <https://a.test/b?c=1#d>."),
        ("https://a.test/x, https://b.test!", "<https://a.test/x>, <https://b.test>!"),
        ("(https://a.test/b_(c)) HTTPS://A.test", "(<https://a.test/b_(c)>) <HTTPS://A.test>"),
        ("http://a.test/ a.test https:// https://. x", "http://a.test/ a.test https:// https://. x"),
    ],
)
def test_addresses_in_a_text_end_where_people_think(before: str, after: str) -> None:
    assert tracked_text(before, lambda url: f"<{url}>") == after


@given(st.text(st.sampled_from("htps:/ ab.()[]!?")))
def test_a_text_without_another_address_stays(text: str) -> None:
    assert tracked_text(text, lambda url: url) == text
