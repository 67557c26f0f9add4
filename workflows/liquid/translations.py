"""Texts in the recipient's language (contract: semantics §20).

Source of the rules: https://docs.knock.app/template-editor/translations
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from liquid import Markup
from liquid.stringify import to_liquid_string

from workflows.templates import Resources, Translation

SYSTEM = "system"
"""The namespace of the texts between `{% t %}` and `{% endt %}`; their keys are the texts themselves."""

Table = Mapping[str, Mapping[str, Any]]
"""What one recipient's templates find: namespace (empty for none) to texts."""

_VARIABLE = re.compile(r"\{\{-?\s*([\w.-]+)\s*-?\}\}")


class Translations:
    """The translations of an environment, merged for each combination of tenant and locale when it is first needed."""

    def __init__(self, resources: Resources) -> None:
        self._sources: dict[tuple[str | None, str], list[Translation]] = {}
        for translation in resources.translations:
            key = translation.tenant, normalised(translation.locale)
            self._sources.setdefault(key, []).append(translation)
        self._default = normalised(resources.default_locale)
        self._tables: dict[tuple[tuple[str | None, str], ...], Table] = {}

    def table(self, tenant: str | None, locale: str) -> Table:
        """What holds for a recipient. Kept by which sources there are, so that odd locales fill no memory."""
        known = tuple(source for source in self._priority(tenant, normalised(locale)) if source in self._sources)
        if known not in self._tables:
            self._tables[known] = self._merged(known)
        return self._tables[known]

    def table_for(self, variables: Mapping[str, object]) -> Table:
        """By the recipient's `locale` and the tenant's `id` among a template's variables."""
        locale = _property(variables.get("recipient"), "locale")
        return self.table(_property(variables.get("tenant"), "id"), locale or self._default)

    def _priority(self, tenant: str | None, locale: str) -> Iterable[tuple[str | None, str]]:
        """Least important first: default, language, region, then the tenant's own of the same."""
        names = (self._default, locale.partition("-")[0], locale)
        locales = tuple(reversed(dict.fromkeys(reversed(names))))
        return [(owner, name) for owner in dict.fromkeys((None, tenant)) for name in locales]

    def _merged(self, sources: Iterable[tuple[str | None, str]]) -> Table:
        table: dict[str, dict[str, Any]] = {}
        for source in sources:
            for translation in self._sources[source]:
                _merge(table.setdefault(translation.namespace or "", {}), translation.content)
        return table


def _property(entity: object, name: str) -> str | None:
    value = entity.get(name) if isinstance(entity, Mapping) else None
    return value if isinstance(value, str) and value else None


def normalised(locale: str) -> str:
    """`fr_BE` and `FR-be` are `fr-be`."""
    return locale.replace("_", "-").lower()


def _merge(into: dict[str, Any], content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if isinstance(value, Mapping):
            below = into.get(key)
            into[key] = below if isinstance(below, dict) else {}
            _merge(into[key], value)
        else:
            into[key] = value


def find(table: Table, key: str, count: object = None) -> str | None:
    """The text of `welcome.title` or `shipping:welcome.title`; of a plural, the one for that count. None when absent."""
    namespace, colon, path = key.partition(":")
    text = _at(table.get(namespace, {}), path) if colon else None
    if text is None:
        text = _at(table.get("", {}), key)
    if isinstance(text, Mapping):
        text = _plural(text, count)
    return None if text is None or isinstance(text, Mapping) else str(text)


def _at(texts: Mapping[str, Any], path: str) -> Any:
    """The whole path may be a key, since keys may have dots."""
    if path in texts:
        return texts[path]
    value: Any = texts
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _plural(forms: Mapping[str, Any], count: object) -> Any:
    """0 is `zero` and 1 is `one`, in every language; everything else, and what is missing, is `other`."""
    form = {"0": "zero", "1": "one"}.get(_whole(count), "other")
    return forms.get(form, forms.get("other"))


def _whole(count: object) -> str:
    if isinstance(count, float) and count.is_integer():
        count = int(count)
    return str(count).strip()


def interpolated(text: str, variables: Mapping[str, object], *, html: bool) -> str:
    """`{{ name }}` is replaced by the variable of that name, escaped in HTML; what has no value is left out.

    In HTML the text itself is the author's and stays HTML.
    """

    def value_of(match: re.Match[str]) -> str:
        return to_liquid_string(variables.get(match[1]), html)

    result = _VARIABLE.sub(value_of, text)
    return Markup(result) if html else result
