"""MJML as HTML.

The renderer (mrml) reads MJML as XML and knows no loose HTML in it, and it recurses without a limit. So everything that
is not MJML is taken out before and put back behind it, which is also how HTML may stand anywhere in an MJML document:
in a column as its own text, elsewhere raw. Source: https://docs.knock.app/integrations/email/mjml
"""

from __future__ import annotations

import re

from mjml import mjml2html

from workflows.errors import WorkflowError

DEEPEST = 20
"""Elements inside of each other. Ten is what MJML has a use for; at about fifty the renderer's stack overflows."""

_TOKEN = re.compile(r"""<!--.*?-->|<(/?)(mjml|mj-[a-z-]+)((?:[^>"']|"[^"]*"|'[^']*')*+)>""", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_RAW = re.compile(r"<(/?)mjml-raw\b", re.IGNORECASE)
_PROLOGUE = re.compile(r"\s*(?:<!doctype[^>]*>|<\?xml[^>]*\?>)", re.IGNORECASE)
_HIDDEN = re.compile("\ue000([0-9]+)\ue001")
_MARKS = re.compile("[\ue000\ue001]")
_PLACE = re.compile(r" in root template.*", re.DOTALL)

_COLUMNS = frozenset({"mj-column", "mj-hero"})
_RAW_PLACES = frozenset({"mj-head", "mj-body", "mj-wrapper", "mj-section", "mj-group"})
_WITH_CONTENT = frozenset(
    {
        *("mj-text", "mj-button", "mj-raw", "mj-table", "mj-social-element", "mj-navbar-link"),
        *("mj-accordion-title", "mj-accordion-text", "mj-style", "mj-title", "mj-preview"),
    }
)
_TEXT = ('<mj-text padding="0">', "</mj-text>")
_COLUMN = ('<mj-column padding="0">', "</mj-column>")
_SECTION = ('<mj-section padding="0">', "</mj-section>")


class MjmlInvalid(WorkflowError):
    """The message reads on from the words "is not valid MJML:"."""

    code = "mjml_invalid"


def mjml_to_html(source: str) -> str:
    """A whole document (`<mjml>…</mjml>`) as HTML. Reads no files. Raises `MjmlInvalid`."""
    document = _Document(source)
    try:
        html: str = mjml2html(document.mjml)
    except ValueError as error:
        raise MjmlInvalid(_PLACE.sub("", str(error))) from error
    return _HIDDEN.sub(lambda mark: document.hidden[int(mark[1])], html)


def as_text(html: str) -> str:
    """Finished HTML as an MJML element, which may stand anywhere in a body."""
    return html.join(_TEXT)


def as_document(body: str) -> str:
    """What stands in a body as a document of its own; one that is a document already is left as it is."""
    return body if "<mjml" in body else f"<mjml><mj-body>{body}</mj-body></mjml>"


class _Document:
    """`mjml` is the source with everything else than MJML replaced by marks, `hidden` what stood there."""

    def __init__(self, source: str) -> None:
        self.hidden: list[str] = []
        self._open: list[str] = []
        self._written: list[str] = []
        self._read(_RAW.sub(r"<\1mj-raw", _MARKS.sub("", source)))
        self.mjml = "".join(self._written)

    def _read(self, source: str) -> None:
        position = self._after_prologue(source)
        for token in _TOKEN.finditer(source, position):
            if token[2] is None or token.start() < position:
                continue
            self._loose(source[position : token.start()])
            position = self._element(token, source)
        self._loose(source[position:])

    @staticmethod
    def _after_prologue(source: str) -> int:
        position = 0
        while found := _PROLOGUE.match(source, position):
            position = found.end()
        return position

    def _element(self, token: re.Match[str], source: str) -> int:
        """Writes one tag, or one element with its content. Gives the place behind it."""
        name, is_empty = token[2].lower(), token[3].endswith("/")
        if not token[1] and not is_empty and name in _WITH_CONTENT:
            return self._with_content(name, token, source)
        if not token[1] and not is_empty:
            self._open.append(name)
            if len(self._open) > DEEPEST:
                raise MjmlInvalid(f"more than {DEEPEST} elements stand inside of each other")
        elif token[1] and name in self._open:
            self._open.pop()
        self._written.append(token[0])
        return token.end()

    def _with_content(self, name: str, token: re.Match[str], source: str) -> int:
        closing = re.compile(rf"</{name}\s*>", re.IGNORECASE).search(source, token.end())
        if closing is None:
            raise MjmlInvalid(f"{name} is not closed")
        content = self._hide(source[token.end() : closing.start()])
        self._written.append(self._in_column(name, f"{token[0]}{content}</{name}>"))
        return closing.end()

    def _loose(self, text: str) -> None:
        """What stands between MJML elements."""
        parent = self._open[-1] if self._open else "the document"
        if not _COMMENT.sub("", text).strip():
            self._written.append(text)
        elif parent in _COLUMNS and not text.lstrip().lower().startswith("<tr"):
            self._written.append(self._hide(text).join(_TEXT))
        elif parent in _COLUMNS or parent in _RAW_PLACES:
            self._written.append(f"<mj-raw>{self._hide(text)}</mj-raw>")
        else:
            raise MjmlInvalid(f"{parent} cannot hold text or HTML")

    def _in_column(self, name: str, element: str) -> str:
        """Text that stands outside of a column gets one."""
        parent = self._open[-1] if self._open else ""
        if name != "mj-text" or parent not in ("mj-body", "mj-wrapper", "mj-section", "mj-group"):
            return element
        column = element.join(_COLUMN)
        return column if parent in ("mj-section", "mj-group") else column.join(_SECTION)

    def _hide(self, html: str) -> str:
        self.hidden.append(html)
        return f"\ue000{len(self.hidden) - 1}\ue001"
