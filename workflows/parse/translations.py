"""Translations: texts of one locale by key, as JSON or as a gettext PO file (contract: management-api §3, translations).

A translation is known by `<locale>`, `<locale>/<namespace>` and, for one tenant's recipients, either of them followed by
`~<tenant>`. Its document is what the management API has: `content` is a text in the `format` json or po.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.checks.texts import liquid_problems, parsed
from workflows.errors import DocumentInvalid, Problem
from workflows.parse.portable_objects import PortableObjectError, parse_po
from workflows.shape import join, shape_problems
from workflows.templates import Translation

_LOCALE = re.compile(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8})*")
_NAMESPACE = re.compile(r"[a-zA-Z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class TranslationKey:
    """`str()` is the key under which a translation is stored: `en`, `en/admin`, `en/admin~acme`, `en~acme`."""

    locale: str
    namespace: str | None = None
    tenant: str | None = None

    def __str__(self) -> str:
        namespace = f"/{self.namespace}" if self.namespace else ""
        tenant = f"~{self.tenant}" if self.tenant else ""
        return f"{self.locale}{namespace}{tenant}"


def parse_key(key: str) -> TranslationKey:
    """The opposite of `str()` of a key. Nothing is checked."""
    rest, _, tenant = key.partition("~")
    locale, _, namespace = rest.partition("/")
    return TranslationKey(locale, namespace or None, tenant or None)


def parse_translation(key: str, document: Mapping[str, Any]) -> Translation:
    """A translation from its document: `content` (text, or the texts themselves) and `format` ("json" when omitted).

    Raises `DocumentInvalid` with every problem.
    """
    named = parse_key(key)
    texts, problems = _texts(document)
    found = [*_key_problems(named), *problems]
    if found:
        raise DocumentInvalid(f"translation `{key}`", found)
    return Translation(named.locale, texts, named.namespace, named.tenant)


def _texts(document: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    content, form = document.get("content"), document.get("format") or "json"
    if form not in ("json", "po"):
        return {}, [Problem("format", form, "json or po")]
    if form == "po":
        return _po_texts(content)
    texts: Any = content
    if isinstance(content, str):
        texts, problem = parsed(content)
        if problem:
            return {}, [Problem("content", content, f"valid JSON; {problem}")]
    shape = [
        Problem(join("content", *([problem.path] if problem.path else [])), problem.value, problem.expected)
        for problem in shape_problems("translation", texts)
    ]
    if shape:
        return {}, shape
    kept = {name: text for name, text in texts.items() if name != "$schema"}
    return kept, list(_text_problems("content", kept))


def _po_texts(content: object) -> tuple[dict[str, Any], list[Problem]]:
    if not isinstance(content, str):
        return {}, [Problem("content", content, "the text of a PO file")]
    try:
        texts = parse_po(content)
    except PortableObjectError as error:
        return {}, [Problem("content", content, f"a valid PO file; {error}")]
    return texts, list(_text_problems("content", texts))


def _text_problems(path: str, texts: Mapping[str, Any]) -> Iterator[Problem]:
    """Texts are Liquid."""
    for name, text in texts.items():
        if isinstance(text, Mapping):
            yield from _text_problems(join(path, name), text)
        else:
            yield from liquid_problems(join(path, name), text)


def _key_problems(key: TranslationKey) -> Iterator[Problem]:
    if not _LOCALE.fullmatch(key.locale):
        yield Problem("locale_code", key.locale, "a locale such as en or fr-BE")
    if key.namespace is not None and not _NAMESPACE.fullmatch(key.namespace):
        yield Problem("namespace", key.namespace, "a namespace out of letters, digits, _ and -")
