"""Gettext's PO files: `msgid` and `msgstr`, plural forms, comments.

Source: https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+)?"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_PLURALS = ("one", "other")


class PortableObjectError(Exception):
    """A line that a PO file cannot have; the message names it."""


@dataclass
class _Entry:
    texts: dict[str, str] = field(default_factory=dict)
    last: str = ""


def parse_po(source: str) -> dict[str, Any]:
    """Texts by key (`msgid`). An entry with plural forms is `{"one": …, "other": …}`, from its first and last form.

    The header (the empty `msgid`) and untranslated entries are left out. Raises `PortableObjectError`.
    """
    texts: dict[str, Any] = {}
    entry = _Entry()
    for number, line in enumerate(source.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None or (match[1] is None and not entry.last):
            raise PortableObjectError(f"line {number}: neither a keyword with a text nor a text: {text}")
        if match[1] in ("msgctxt", "msgid") and any(name.startswith("msgstr") for name in entry.texts):
            texts |= _finished(entry)
            entry = _Entry()
        _take(entry, match[1], _ESCAPE.sub(lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), match[2]), number)
    return texts | _finished(entry)


def _take(entry: _Entry, keyword: str | None, text: str, number: int) -> None:
    if keyword is None:
        entry.texts[entry.last] += text
        return
    if keyword in entry.texts:
        raise PortableObjectError(f"line {number}: a second {keyword}")
    entry.texts[keyword] = text
    entry.last = keyword


def _finished(entry: _Entry) -> dict[str, Any]:
    key = entry.texts.get("msgid")
    if not key:
        return {}
    if "msgstr" in entry.texts:
        return {key: entry.texts["msgstr"]} if entry.texts["msgstr"] else {}
    forms = [entry.texts[name] for name in sorted(entry.texts) if name.startswith("msgstr[")]
    filled = [form for form in forms if form]
    return {key: dict(zip(_PLURALS, (filled[0], filled[-1]), strict=True))} if filled else {}
