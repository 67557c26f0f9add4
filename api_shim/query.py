"""Query strings as clients write them (contract: api-endpoints §1.4): `status[]=a`, `recipient[id]=x`, `at.gte=…`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")

DEEPEST = 8
"""Parts of a name that are read. The contract has three at most (`objects[][id]`)."""


def parse_query(query: str) -> dict[str, Any]:
    """A query string as nested maps and lists, the way Rack reads it.

    `k[]` appends, `k[a]` nests, `k[][a]` builds a list of maps (a new one when a key repeats), `k[0]` counts as `k[]`,
    and a dotted `k.gte` is `k[gte]`. A plain name that repeats keeps its last value. Malformed names, and those with too
    many parts, are taken literally.
    """
    parsed: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        _insert(parsed, _parts(name), value)
    return parsed


def _parts(name: str) -> list[str]:
    found = _NAME.match(name)
    if found is None:
        return [name]
    head, tail = found.groups()
    head, *dotted = head.split(".") if not tail else [head]
    parts = [head, *dotted, *("" if part.isdigit() else part for part in _PART.findall(tail))]
    return parts if len(parts) <= DEEPEST else [name]


def _insert(target: dict[str, Any], parts: list[str], value: str) -> None:
    head, *rest = parts
    if not rest:
        target[head] = value
    elif rest[0] == "":
        _append(_child(target, head, list), rest[1:], value)
    else:
        _insert(_child(target, head, dict), rest, value)


def _child(target: dict[str, Any], name: str, kind: type[Any]) -> Any:
    if not isinstance(target.get(name), kind):
        target[name] = kind()
    return target[name]


def _append(items: list[Any], rest: list[str], value: str) -> None:
    if not rest:
        items.append(value)
        return
    last = items[-1] if items and isinstance(items[-1], dict) else None
    if last is None or (len(rest) == 1 and rest[0] in last):
        last = {}
        items.append(last)
    _insert(last, rest, value)
