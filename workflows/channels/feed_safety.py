"""What of a feed's item may reach a browser: where its links lead, and which HTML its text keeps (contract: feed-protocol §5).

A template's author is trusted, its data is not, and when both are rendered nobody can tell them apart: so everything has
to be on one of these lists. A browser puts the HTML into a page where the user is logged in.
"""

from __future__ import annotations

import re

import nh3

SCHEMES = frozenset({"http", "https", "mailto"})
"""Where an item may lead, beside paths, queries and fragments. Every other scheme runs a script (`javascript:`, `data:`),
reads the machine (`file:`), or starts a program with what the data says (`tel:`, `myapp:`)."""

TAGS = frozenset(
    {
        *("a", "figcaption", "figure", "img"),
        *("abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q", "s"),
        *("samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var"),
        *("address", "article", "aside", "blockquote", "br", "center", "div", "footer", "header", "hr", "p", "pre"),
        *("details", "section", "summary", "wbr"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
        *("dd", "dl", "dt", "li", "ol", "ul"),
        *("caption", "col", "colgroup", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
    }
)
"""Text, lists, tables, links and pictures. Nothing that runs, loads documents, asks for input (`form`, `button`), changes
the whole page (`style`, `base`, `meta`) or is parsed by rules of its own (`svg`, `math`, `template`, `noscript`)."""

DROPPED = frozenset(
    {
        *("iframe", "math", "noembed", "noframes", "noscript", "object", "script", "select", "style", "svg"),
        *("template", "textarea", "title"),
    }
)
"""Of these also what is inside goes; of other tags that are not allowed it stays."""

ATTRIBUTES = {
    "*": {"aria-hidden", "aria-label", "class", "dir", "lang", "role", "style", "title"},
    "a": {"href", "rel", "target"},
    "col": {"align", "span", "width"},
    "colgroup": {"align", "span", "width"},
    "details": {"open"},
    "hr": {"align", "width"},
    "img": {"alt", "height", "loading", "src", "width"},
    "li": {"value"},
    "ol": {"reversed", "start", "type"},
    "table": {"align", "border", "cellpadding", "cellspacing", "width"},
    "td": {"align", "colspan", "rowspan", "valign", "width"},
    "th": {"align", "colspan", "rowspan", "scope", "valign", "width"},
    "time": {"datetime"},
    "tr": {"align", "valign"},
    "ul": {"type"},
}
"""No `on…`; no `id` and `name`, with which HTML takes the place of a page's variables; no `data-…`, which make scripts of
the page do something; no `srcset`, a list of addresses. `class` is there for the page's own design."""

STYLES = frozenset(
    {
        *("background", "background-color", "color"),
        *("font", "font-family", "font-size", "font-style", "font-variant", "font-weight", "letter-spacing"),
        *("line-height", "text-align", "text-decoration", "text-indent", "text-overflow", "text-transform"),
        *("vertical-align", "white-space", "word-break", "word-spacing"),
        *("border", "border-bottom", "border-left", "border-right", "border-top"),
        *("border-collapse", "border-color", "border-radius", "border-spacing", "border-style", "border-width"),
        *("margin", "margin-bottom", "margin-left", "margin-right", "margin-top"),
        *("padding", "padding-bottom", "padding-left", "padding-right", "padding-top"),
        *("height", "max-height", "max-width", "min-height", "min-width", "width"),
        *("align-items", "display", "flex", "flex-direction", "flex-wrap", "gap", "justify-content"),
        *("list-style-type", "overflow"),
    }
)
"""Nothing that lays an item over the rest of the page (`position`, `transform`, `z-index`) or hides what a link covers
(`opacity`)."""

TARGETS = frozenset({"_blank", "_parent", "_self", "_top"})
RELS = frozenset({"external", "nofollow", "noopener", "noreferrer"})
"""Without `opener`, which gives the page that a link opens a handle of this one."""

_PLAIN_STYLE = re.compile(r"(?:(?:rgb|hsl)a?\([^()\\]*\)|[\w\s#%.,:;!'\"*/+-])*", re.ASCII | re.IGNORECASE)
"""No function but colours: `url()` loads, `calc()` computes what the next one forbids."""

_NEGATIVE = re.compile(r"(?<![\w-])-[.\d]", re.ASCII)
"""A negative margin lays an item over its neighbour."""

_AROUND = (
    "".join(map(chr, range(0x21)))
    + "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What browsers take off both ends of a URL, and then all that a script takes off with `trim()`."""

_INSIDE = re.compile(r"[\t\n\r]")
"""What browsers take out of a URL wherever it stands."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def as_browsers_read(url: str) -> str:
    """The URL without what a browser ignores, so that nobody sees another one than it does.

    Source of the rules: https://url.spec.whatwg.org/#concept-basic-url-parser, steps 1 to 3.
    """
    return _INSIDE.sub("", url.strip(_AROUND))


def refusal(url: str) -> str | None:
    """Where a URL of `as_browsers_read` leads, if an item must not lead there. `//host` is what `https://host` is."""
    scheme = _SCHEME.match(url)
    return None if scheme is None or scheme[1].lower() in SCHEMES else f"`{scheme[1][:40]}:`"


def safe_html(html: str) -> str:
    """What is on the lists above, as well-formed HTML; takes time with the square of how deep tags nest."""
    return _CLEANER.clean(html)


def _kept(_tag: str, attribute: str, value: str) -> str | None:
    """What stays of an attribute that is on the list."""
    match attribute:
        case "href" | "src":
            url = as_browsers_read(value)
            return None if refusal(url) else url
        case "style":
            return value if _PLAIN_STYLE.fullmatch(value) and not _NEGATIVE.search(value) else None
        case "target":
            return value if value in TARGETS else None
        case "rel":
            return " ".join(word for word in value.lower().split() if word in RELS) or None
        case _:
            return value


_CLEANER = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags=DROPPED,
    attributes=ATTRIBUTES,
    attribute_filter=_kept,
    filter_style_properties=STYLES,
    url_schemes=SCHEMES,
    url_relative="pass_through",
    link_rel=None,  # browsers give what `_blank` opens no handle; to set it would change links that need none
    strip_comments=True,
)
