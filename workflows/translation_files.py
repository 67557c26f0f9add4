"""Translations as files, as the Knock CLI names them: `translations/<locale>/<locale>.json`, `<namespace>.<locale>.json`.

A tenant's own stands beside them as `<namespace>~<tenant>.<locale>.json` or `~<tenant>.<locale>.json`; what a tenant's id
has besides letters, digits, `_` and `-` is written as `%` and the two digits of each byte. `.po` files are PO files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflows.checks.texts import parsed
from workflows.errors import Problem
from workflows.file_writer import dumped, same, sources_of
from workflows.parse.normal import SOURCES
from workflows.parse.translations import TranslationKey, parse_key

SYSTEM = "system"
"""The namespace that is made from `{% t %}` tags. Its files are there to be read by people, never pushed."""

_FORMATS = ("json", "po")
_ESCAPED = re.compile(r"%([0-9A-F]{2})")


def file_name(key: str, form: str) -> str:
    """`admin~acme.en.json` for `en/admin~acme`; below `translations/en/`."""
    named = parse_key(key)
    tenant = f"~{_escape(named.tenant)}" if named.tenant else ""
    prefix = f"{named.namespace or ''}{tenant}"
    return f"{prefix}.{named.locale}.{form}" if prefix else f"{named.locale}.{form}"


def key_of(locale: str, file: str) -> TranslationKey | None:
    """What the file of that name in that locale's directory is; None for other files."""
    stem, _, form = file.rpartition(".")
    if form not in _FORMATS or not (stem == locale or stem.endswith(f".{locale}")):
        return None
    prefix = stem.removesuffix(locale).removesuffix(".")
    namespace, _, tenant = prefix.partition("~")
    if "." in namespace or namespace == SYSTEM:
        return None
    return TranslationKey(locale, namespace or None, _unescape(tenant) or None)


def read_translations(root: Path, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """The documents below `translations/`, by key."""
    documents: dict[str, dict[str, Any]] = {}
    for file in sorted(root.glob("translations/*/*")):
        named = key_of(file.parent.name, file.name) if file.is_file() else None
        if named is None:
            continue
        place = file.relative_to(root).as_posix()
        text = _text(file, place, problems)
        if str(named) in documents:
            problems.append(Problem(place, str(named), "one file for each translation"))
        elif text is not None:
            documents[str(named)] = _document(named, file, text)
    return documents


def _document(named: TranslationKey, file: Path, text: str) -> dict[str, Any]:
    given = {"locale_code": named.locale, "namespace": named.namespace, "tenant": named.tenant}
    known = {name: value for name, value in given.items() if value is not None}
    return {**known, "format": file.suffix[1:], "content": text, SOURCES: {file.name: text}}


def _text(file: Path, place: str, problems: list[Problem]) -> str | None:
    try:
        text = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(place, file.name, f"a readable file in UTF-8: {error}"))
        return None
    if "\x00" in text:
        problems.append(Problem(place, file.name, "text without the character U+0000"))
    return text


def translation_text(document: Mapping[str, Any], name: str, there: str | None) -> str:
    """What the file of that name holds. `there` is what it holds now, None when it is not there.

    JSON that says the same keeps its text; otherwise it is written as the CLI writes it.
    """
    content = document.get("content")
    source = sources_of(document).get(name)
    if document.get("format") == "po" or (isinstance(content, str) and parsed(content)[1]):
        return str(content)
    texts = parsed(content)[0] if isinstance(content, str) else content
    for known in (there, source):
        if known is not None and not parsed(known)[1] and same(parsed(known)[0], texts):
            return known
    return dumped(texts) + "\n"


def _escape(tenant: str) -> str:
    return "".join(
        character
        if re.fullmatch(r"[A-Za-z0-9_-]", character)
        else "".join(f"%{byte:02X}" for byte in character.encode())
        for character in tenant
    )


def _unescape(text: str) -> str:
    raw = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")
