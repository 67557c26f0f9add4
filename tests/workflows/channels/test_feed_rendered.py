"""No value of a variable brings anything into a browser that the template or Markdown does not have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.workflows.channels.conftest import MakeSender
from workflows.channels.feed_safety import ATTRIBUTES, STYLES, TAGS
from workflows.templates import FeedTemplate

MARKDOWN: Mapping[str, set[str]] = {
    "a": {"href", "title"},
    "code": {"class"},
    "img": {"src", "alt", "title"},
    "ol": {"start"},
    "td": {"style"},
    "th": {"style"},
    **{
        tag: set()
        for tag in ("blockquote", "br", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre", "s")
    },
    **{tag: set() for tag in ("strong", "table", "tbody", "thead", "tr", "ul")},
}
"""Tags and attributes that Markdown makes, and so what a variable may bring: it stands in the text as the author wrote it."""

ESCAPED = [
    "{{ x }}",
    "a {{ x }} b\n\n{{ x }}",
    "**{{ x }}** _{{ x }}_ `{{ x }}` ~~{{ x }}~~",
    "# {{ x }}\n> {{ x }}\n\n- {{ x }}\n1. {{ x }}\n\n    {{ x }}",
    "```{{ x }}\n{{ x }}\n```",
    "| {{ x }} | b |\n|---|---|\n| {{ x }} | {{ x }} |",
    "[go]({{ x }}) [go](<{{ x }}>) [{{ x }}](/a) [go](/a '{{ x }}')",
    "![a]({{ x }}) ![{{ x }}](/a '{{ x }}') <https://x.test/{{ x }}> <a@x.test{{ x }}>",
    "[go][r] ![go][r]\n\n[r]: {{ x }}\n\n[s]: <{{ x }}> '{{ x }}'",
    '<a href="{{ x }}" title="{{ x }}">{{ x }}</a>',
    '<div class="{{ x }}">\n{{ x }}\n</div>\n\n<img src="{{ x }}" alt="{{ x }}">',
    '<p style="color: {{ x }}">{{ x }}</p>',
    "<!-- {{ x }} --> <script>{{ x }}</script> <style>{{ x }}</style> <textarea>{{ x }}</textarea>",
    "{{ x | newline_to_br }} {{ x | from_markdown }} {{ x | escape }} {{ x | escape_once }} {{ x | url_decode }}",
    "{{ x | strip_html }} {{ x | upcase }} {{ x | json }} {{ x | strip_newlines }} {{ x | replace: 'a', x }}",
    "{{ '<b>%s</b>' | replace: '%s', x }} {{ x | append: '<b>' }} {{ '<b>' | append: x }} {{ x | split: '&' | join: '<' }}",
    "{% capture y %}{{ x }}{% endcapture %}{{ y }} {% assign z = x | slice: 1, 99 %}{{ z }} {{ y | from_markdown }}",
]
UNESCAPED = [
    "{{ x | safe }}",
    "<div {{ x }}>{{ x | safe }}</div>",
    "<a href={{ x }}>go</a> <img src={{ x }}> <{{ x }}>",
    '<p style="{{ x }}">{{ x }}</p> <a href="/{{ x }}">go</a>',
    "<table><td>{{ x | safe }}<select>{{ x | safe }}</select></table>",
    "<b {{ x | safe }}>{{ x | safe }} <svg>{{ x | safe }}</svg> <noscript>{{ x | safe }}</noscript>",
]
"""Where the author has opened a way for data: what is on the lists is all that gets in."""

VALUES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><math><mtext></math><a xlink:href=javascript:alert(1)>",
    "</script><svg/onload=alert(1)>",
    "</textarea></style></title></noscript>--><img src onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "' onmouseover='alert(1)' x='",
    "x onclick=alert(1) style=position:fixed;inset:0 id=a target=b rel=opener",
    "a\n\n<script>alert(1)</script>\n\nb",
    "```\n</code></pre><script>alert(1)</script>\n```",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "javascript:alert(1)",
    " JaVa\tScRiPt:alert(1)",
    "\x01javascript:alert(1)",
    "javascript&#58;alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "\\javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "data:image/png;base64,AA==",
    "vbscript:msgbox(1)",
    "//evil.test",
    "[go](javascript:alert(1)) [go](<java&#10;script:alert(1)>)",
    "![a](javascript:alert(1)) ![a](x 'a\" onerror=\"alert(1)')",
    "<javascript:alert(1)> <data:text/html,x>",
    "[r]: javascript:alert(1)\n[go][r]",
    "](javascript:alert(1)) [",
    "x) <img src=y onerror=alert(1)> [a](",
    "/a' onerror='alert(1)",
    '``` x" onclick="alert(1)\n```',
    "~~~ a&#32;fixed&#10;inset-0\n~~~",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "red; background: url(https://evil.test/x); position: fixed",
    "red; margin: -90px",
    "<a\n\nhref='javascript:alert(1)'>x</a>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]> <?php x ?> <!DOCTYPE x>",
    "<form><input autofocus onfocus=alert(1)><button formaction=javascript:alert(1)>x",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe><object data=javascript:alert(1)>",
    "<a href='java&Tab;script&colon;alert(1)'>x</a><a href='\x14javascript:alert(1)'>x</a>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<base href=javascript:/a/+alert(1)//><meta http-equiv=refresh content=0;url=javascript:alert(1)>",
    "\ufeff<script>alert(1)</script>\u2028",
    "＜script＞alert(1)＜/script＞",
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<" * 50 + "script>alert(1)" + ">" * 50,
]


@dataclass
class Parsed(HTMLParser):
    """The elements of an HTML text, and whether anything else than elements and text is in it."""

    html: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    handle_pi = unknown_decl = handle_comment


def faults(html: str) -> Iterator[str]:
    """What must not be in an item's HTML, looked for in another way than the code does."""
    parsed = Parsed(html)
    yield from parsed.others
    for tag, attributes in parsed.elements:
        if tag not in TAGS:
            yield f"<{tag}>"
        for name, value in attributes.items():
            if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()):
                yield f"<{tag} {name}>"
            if (name in ("href", "src") and leads_astray(value)) or (name == "style" and is_dangerous(value)):
                yield f"<{tag} {name}={value!r}>"


def leads_astray(url: str) -> bool:
    while url[:1] and url[0] <= " ":
        url = url[1:]
    url = "".join(char for char in url if char not in "\t\r\n").lower()
    scheme = re.match(r"[^/?#:\\]*:", url)
    if scheme and re.fullmatch(r"[a-z][a-z0-9+.-]*:", scheme[0]):
        return scheme[0] not in ("http:", "https:", "mailto:")
    return False


def is_dangerous(style: str) -> bool:
    names = {declaration.partition(":")[0].strip().lower() for declaration in style.split(";") if declaration.strip()}
    return bool(names - STYLES) or "url" in style or "\\" in style


Render = Callable[[str, object], str]


@pytest.fixture
def render(sender: MakeSender) -> Render:
    def rendered(template: str, value: object) -> str:
        item = sender(FeedTemplate(template), "in_app_feed", data={"x": value}).one()
        return str(item.blocks[0]["rendered"])

    return rendered


@pytest.mark.parametrize("template", ESCAPED)
def test_a_nasty_value_brings_only_markdown(template: str, render: Render) -> None:
    own = {tag: set(attributes) for tag, attributes in Parsed(render(template, "x")).elements}
    for value in VALUES:
        html = render(template, value)
        assert list(faults(html)) == [], (value, html)
        for tag, attributes in Parsed(html).elements:
            allowed = MARKDOWN.get(tag, set()) | own.get(tag, set())
            assert tag in {*MARKDOWN, *own}, (value, html)
            assert set(attributes) <= allowed, (value, html)
            assert tag != "code" or re.fullmatch(r"(language-[^\s]*)?", attributes.get("class", ""), re.ASCII), (
                value,
                html,
            )


@pytest.mark.parametrize("template", UNESCAPED)
def test_a_nasty_value_that_is_not_escaped_brings_only_what_is_on_the_lists(template: str, render: Render) -> None:
    for value in VALUES:
        html = render(template, value)
        assert list(faults(html)) == [], (value, html)


@pytest.mark.parametrize("value", VALUES)
def test_a_nasty_value_inside_of_a_map_brings_no_more(value: str, render: Render) -> None:
    for template in ("{{ x }}", "{{ x.a }} {{ x.b }}", "{% for pair in x %}{{ pair }}{{ pair[1] }}{% endfor %}"):
        html = render(template, {"a": value, "b": [value]})
        assert list(faults(html)) == [], html
        assert {tag for tag, _ in Parsed(html).elements} <= {*MARKDOWN}, html


def test_what_looks_for_faults_finds_them() -> None:
    html = '<b onclick=x><a href=" java\nscript:x"><p style="position:fixed"><script></script><!-- x -->'
    assert list(faults(html)) == [
        " x ",
        "<b onclick>",
        "<a href=' java\\nscript:x'>",
        "<p style='position:fixed'>",
        "<script>",
    ]


PIECES = [
    *VALUES,
    "<",
    ">",
    "&",
    '"',
    "'",
    "`",
    "[",
    "]",
    "(",
    ")",
    "!",
    "\n",
    "\n\n",
    " ",
    "\t",
    "\\",
    "#",
    ":",
    "/",
    ";",
    "=",
]
PIECES += [
    "javascript:",
    "script",
    "onload",
    "style",
    "href",
    "src",
    "data:",
    "<!--",
    "-->",
    "&#",
    "&lt;",
    "*",
    "_",
    "|",
    "-",
    "~",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(st.sampled_from([*ESCAPED, *UNESCAPED]), TEXTS)
def test_no_value_in_no_template_brings_anything_that_is_not_on_the_lists(
    render: Render, template: str, value: str
) -> None:
    html = render(template, value)
    assert list(faults(html)) == [], html


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.sampled_from(ESCAPED), TEXTS)
def test_no_value_that_is_escaped_brings_a_tag_that_markdown_does_not_make(
    render: Render, template: str, value: str
) -> None:
    own = {tag for tag, _ in Parsed(render(template, "x")).elements}
    assert {tag for tag, _ in Parsed(render(template, value)).elements} <= {*MARKDOWN, *own}
