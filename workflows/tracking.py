"""Links by which a message tells that it was followed, a picture by which an e-mail tells that it was read (contract:
semantics §12).

The HTML is changed at these places only; everything else stays as it was written, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape, unescape
from html.parser import HTMLParser

UNTRACKED = "data-knock-no-track"
"""The attribute of a link that stays as it is. Recipients do not see it."""

_ATTRIBUTE = re.compile(r"""\s*([^\s=>/"']+)(\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?|/""")
_END_OF_BODY = re.compile(r"</body\s*>", re.IGNORECASE)

Replacement = tuple[int, int, str]


def tracked_html(html: str, link: Callable[[str], str], *, links: bool, pixel: str = "") -> str:
    """The HTML with `link(url)` in place of every link to https, and the picture at `pixel` at its end."""
    if links:
        for start, end, text in reversed(list(_Links(html, link).replacements())):
            html = html[:start] + text + html[end:]
    if not pixel:
        return html
    picture = f'<img src="{escape(pixel)}" width="1" height="1" alt="" style="border:0">'
    ends = list(_END_OF_BODY.finditer(html))
    at = ends[-1].start() if ends else len(html)
    return html[:at] + picture + html[at:]


_BARE = re.compile(r"https://[^\s<>\"'`]+", re.IGNORECASE)
_CLOSING = {")": "(", "]": "[", "}": "{"}


def tracked_text(text: str, link: Callable[[str], str]) -> str:
    """The text with `link(url)` in place of every address of https. What ends a sentence is not the address's."""

    def replaced(found: re.Match[str]) -> str:
        url = found[0]
        while url[-1] in ".,;:!?" or (url[-1] in _CLOSING and url.count(url[-1]) > url.count(_CLOSING[url[-1]])):
            url = url[:-1]
        return link(url) + found[0][len(url) :] if len(url) > len("https://") else found[0]

    return _BARE.sub(replaced, text)


class _Links(HTMLParser):
    """Finds the start tags of links; comments, such as Outlook's conditions, are left alone."""

    def __init__(self, html: str, link: Callable[[str], str]) -> None:
        super().__init__(convert_charrefs=False)
        self._link = link
        self._lines = [0, *(each.end() for each in re.finditer("\n", html))]
        self._found: list[tuple[int, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "area") and any(name == "href" for name, _ in attrs):
            line, column = self.getpos()
            self._found.append((self._lines[line - 1] + column, self.get_starttag_text() or ""))

    def replacements(self) -> Iterator[Replacement]:
        for start, text in self._found:
            name_ends = re.match(r"<[^\s/>]+", text)
            attributes = list(_ATTRIBUTE.finditer(text, name_ends.end() if name_ends else 0, len(text) - 1))
            named = [(str(each[1]).lower(), each) for each in attributes if each[1]]
            untracked = [each for name, each in named if name == UNTRACKED]
            if untracked:
                yield from ((start + each.start(), start + each.end(), "") for each in untracked)
                continue
            href = next((each for name, each in named if name == "href" and each[2]), None)
            if href is not None and (new := self._replaced(href[2])):
                yield start + href.start(2), start + href.end(2), new

    def _replaced(self, written: str) -> str:
        """`="…"` with another address; empty when it stays."""
        url = unescape(written.partition("=")[2].strip().strip("\"'")).strip()
        if not url.lower().startswith("https://"):
            return ""
        tracked = self._link(url)
        return "" if tracked == url else f'="{escape(tracked)}"'
