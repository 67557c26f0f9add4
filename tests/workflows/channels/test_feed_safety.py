from __future__ import annotations

from html import escape

import nh3
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflows.channels.feed_safety import (
    ATTRIBUTES,
    DROPPED,
    SCHEMES,
    STYLES,
    TAGS,
    as_browsers_read,
    refusal,
    safe_html,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.test/a?b=c:d",
        "HTTP://x.test",
        "//x.test",
        "https:\\\\x.test",
        "https:x",
        "mailto:a@x.test?subject=a%20b",
        "/a:b",
        "/",
        "a/b",
        "./a:b",
        "../a",
        "?a=javascript:b",
        "#javascript:b",
        "\\a",
        "",
        "/redirect?to=//x.test",
        "/é/日本",
    ],
)
def test_an_item_may_lead_there(url: str) -> None:
    assert as_browsers_read(url) == url
    assert refusal(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "javascript%3Aalert(1)",
        "%6Aavascript:alert(1)",
        "javascript&colon;alert(1)",
        "javaſcript:alert(1)",
        "javascript：alert(1)",
        "ĵavascript:alert(1)",
        "java script:alert(1)",
        "java\x00script:alert(1)",
        "java\x7fscript:alert(1)",
        "1javascript:alert(1)",
        ":javascript:alert(1)",
        "\u200bjavascript:alert(1)",
    ],
)
def test_what_browsers_read_as_a_path_is_one(url: str) -> None:
    assert refusal(as_browsers_read(url)) is None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("javascript:alert(1)", "`javascript:`"),
        ("JaVaScRiPt:alert(1)", "`JaVaScRiPt:`"),
        ("javascript://x.test/%0aalert(1)", "`javascript:`"),
        ("  javascript:alert(1)", "`javascript:`"),
        ("\x00\x01\x1fjavascript:alert(1)", "`javascript:`"),
        ("java\tscr\nipt\r:alert(1)", "`javascript:`"),
        ("\t\x0b\x0cjavascript:alert(1)", "`javascript:`"),
        ("\xa0\u2028\ufeff\x01javascript:alert(1)", "`javascript:`"),
        ("data:text/html,<script>alert(1)</script>", "`data:`"),
        ("data:image/png;base64,AA", "`data:`"),
        ("vbscript:x", "`vbscript:`"),
        ("blob:https://x.test/1", "`blob:`"),
        ("filesystem:https://x.test/1", "`filesystem:`"),
        ("view-source:https://x.test/", "`view-source:`"),
        ("file:///etc/passwd", "`file:`"),
        ("tel:+49", "`tel:`"),
        ("myapp://open", "`myapp:`"),
        ("ms-msdt:/id", "`ms-msdt:`"),
        ("httpsx://x.test", "`httpsx:`"),
        ("x.test:443/a", "`x.test:`"),
        ("a" * 50 + ":", f"`{'a' * 40}:`"),
    ],
)
def test_an_item_must_not_lead_to_another_scheme(url: str, place: str) -> None:
    assert refusal(as_browsers_read(url)) == place


def reading(url: str) -> str:
    """What the URL parser inside of nh3, written after the same standard, says of it."""
    relative: list[str] = []
    html = nh3.clean(f'<a href="{escape(url)}">', url_schemes=set(SCHEMES), url_relative=relative.append)
    return "relative" if relative else "allowed" if "href" in html else "refused or no URL"


URLS = st.lists(
    st.sampled_from(
        ["javascript", "https", "mailto", "data", "x", ":", "/", "\\", "\t", "\n", " ", "\x01", "?", "#", "."]
    )
    | st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])
).map("".join)


@given(URLS)
@example("https:\n//[")
def test_another_parser_of_urls_reads_them_alike(url: str) -> None:
    url = as_browsers_read(url)
    match refusal(url):
        case None:
            assert reading(url) in ("relative", "allowed") or url.lower().startswith(("http:", "https:"))
        case "another host without a scheme (`//`)":
            assert reading(url) == "relative"
        case _:
            assert reading(url) == "refused or no URL"


def test_nothing_that_runs_is_on_a_list() -> None:
    tags = {
        "script",
        "style",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "button",
        "base",
        "meta",
        "link",
        "svg",
        "math",
    }
    names = {name for names in ATTRIBUTES.values() for name in names}
    assert not TAGS & (tags | DROPPED | {"template", "noscript", "title", "textarea", "select", "video", "audio"})
    assert not names & {"id", "name", "srcdoc", "srcset", "action", "formaction", "background", "ping", "is", "slot"}
    assert not [name for name in names if name.startswith(("on", "data-", "xlink"))]
    assert not STYLES & {
        "position",
        "z-index",
        "transform",
        "opacity",
        "content",
        "cursor",
        "filter",
        "background-image",
    }


@pytest.mark.parametrize(
    "html",
    [
        '<p class="note" style="color:red;margin:0 4px" title="t" lang="de" dir="ltr">x</p>',
        '<a href="https://x.test/?a=b&amp;c" target="_blank" rel="noopener noreferrer">x</a>',
        '<a href="mailto:a@x.test">x</a><a href="/x">x</a><a href="#x">x</a><a href="">x</a>',
        '<img src="https://x.test/i.png" alt="a" width="20" height="20">',
        '<div style="background:#eee;border:1px solid rgba(0, 0, 0, 0.2);font-family:Arial">x</div>',
        '<table width="100%"><thead><tr><th style="text-align:right">x</th></tr></thead></table>',
        "<h1>x</h1><h6>x</h6><hr>a<br>b<blockquote>x</blockquote><pre><code>x</code></pre>",
        '<ul><li>x</li></ul><ol start="3"><li>x</li></ol><details><summary>x</summary>y</details>',
        '<span role="img" aria-label="a">🎉</span>&nbsp;&lt;b&gt; "it\'s"',
    ],
)
def test_what_authors_write_stays(html: str) -> None:
    assert safe_html(html) == html


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("a<script>alert(1)</script>b<style>*{}</style><!-- c -->", "ab"),
        ("<img src=x onerror=alert(1)>", '<img src="x">'),
        ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
        ('<a href="jav&#x09;ascript&colon;alert(1)">x</a>', "<a>x</a>"),
        (
            '<a href=" \t/x\n">x</a><a href="//x.test">y</a><a href="tel:1">z</a>',
            '<a href="/x">x</a><a href="//x.test">y</a><a>z</a>',
        ),
        (
            '<img src="data:image/svg+xml,<svg onload=alert(1)>"><img src="//x.test/i.png">',
            '<img><img src="//x.test/i.png">',
        ),
        ("<form action=/x><input name=a><button formaction=javascript:alert(1)>x</button></form>", "x"),
        ('<iframe srcdoc="<script>alert(1)</script>"></iframe><object data=x><embed src=x>', ""),
        ("<svg><a xlink:href=javascript:alert(1)><text>x</text></a></svg>", ""),
        ("<math><mtext><table><mglyph><style><img src onerror=alert(1)>", ""),
        ("<base href=https://x.test/><meta http-equiv=refresh content=0><link rel=stylesheet href=x>", ""),
        ('<p id="config" name="config" data-toggle="x" is="x">x</p>', "<p>x</p>"),
        ('<a href="/x" target="opened" rel="OPENER nofollow">x</a>', '<a href="/x" rel="nofollow">x</a>'),
        ('<p style="position:fixed;color:red;z-index:9">x</p>', '<p style="color:red">x</p>'),
        ("<b><i>x</b>y", "<b><i>x</i></b><i>y</i>"),
    ],
)
def test_what_could_harm_is_taken_out(html: str, kept: str) -> None:
    assert safe_html(html) == kept


@pytest.mark.parametrize(
    "style",
    [
        "margin: -40px 0",
        "margin-top:-.5em",
        "margin: calc(0px - 40px)",
        "background: url(https://x.test/i.png)",
        "background: u\\72l(https://x.test/i.png)",
        "background: image-set('x.png' 1x)",
        "color: red; } * { color: blue",
        "width: expression(alert(1))",
        "color: var(--x)",
        "color: rgb(url(x))",
    ],
)
def test_a_style_that_loads_or_covers_something_goes(style: str) -> None:
    assert safe_html(f'<p style="{style}">x</p>') == "<p>x</p>"
