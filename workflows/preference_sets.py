"""One preference set: what is wrong with it, and how a write changes it (contract: semantics §11.1, §11.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Literal

from workflows.condition_checks import list_problems
from workflows.errors import Problem
from workflows.shape import join

Strategy = Literal["replace", "merge"]

PERSISTENCE = "__persistence_strategy__"
_STRATEGY = "__strategy__"
_STRATEGIES = ("replace", "merge")
_CHANNEL_TYPES = ("email", "in_app_feed", "sms", "push", "chat", "http")
_ENTRY_FIELDS = ("channel_types", "channels", "conditions")
PARTS = ("workflows", "categories", "channel_types", "channels", "commercial_subscribed")
_FIELDS = ("id", *PARTS)


def merge_sets(old: Mapping[str, Any] | None, new: Mapping[str, Any], default: Strategy = "replace") -> dict[str, Any]:
    """The set that is stored after a write of `new`.

    `default` says what the path of the write does without a `__persistence_strategy__` in `new`: the preferences endpoints
    replace, inline preferences and a tenant's merge. A merge goes as deep as the objects; null takes a setting away, and
    `__strategy__: "merge"` takes away a stored "replace". Nothing of this is stored.
    """
    strategy = new.get(PERSISTENCE) or default
    written = {name: value for name, value in new.items() if not name.startswith("__")}
    return _merged(old if old is not None and strategy == "merge" else {}, written)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        if isinstance(value, Mapping) and name != "conditions":
            before = merged.get(name)
            merged[name] = _merged(before if isinstance(before, Mapping) else {}, value)
        elif value is None or (name == _STRATEGY and value == "merge"):
            merged.pop(name, None)
        else:
            merged[name] = value
    return merged


def part_of_set(part: str, key: str | None, written: object) -> dict[str, Any]:
    """The set that a write of one part means, or of one entry in it (the contract's deprecated endpoints).

    Clients that only switch something write `{"subscribed": true}` for true.
    """
    if key is not None:
        return {part: {key: _switched(written)}}
    entries = {name: _switched(value) for name, value in written.items()} if isinstance(written, Mapping) else written
    return {part: entries}


def _switched(written: object) -> object:
    return written["subscribed"] if isinstance(written, Mapping) and written.keys() == {"subscribed"} else written


def preference_problems(path: str, document: object) -> Iterator[Problem]:
    """Every problem of a preference set found at `path`. Null unsets; fields with two underscores in front are passed by,
    since clients send back what they have read."""
    if not isinstance(document, Mapping):
        yield Problem(path, document, "a preference set: an object")
        return
    if document.get(PERSISTENCE) not in (None, *_STRATEGIES):
        yield Problem(join(path, PERSISTENCE), document[PERSISTENCE], "replace, merge")
    if _STRATEGY in document:
        yield Problem(join(path, _STRATEGY), document[_STRATEGY], "no strategy here: it stands inside of a setting")
    yield from _unknown(path, document, _FIELDS)
    for part in ("workflows", "categories"):
        entries = document.get(part)
        yield from _object_problems(join(path, part), entries)
        for key, entry in entries.items() if isinstance(entries, Mapping) else ():
            yield from _entry_problems(join(path, part, str(key)), entry)
    yield from _channel_problems(path, document)
    yield from _switch_problems(join(path, "commercial_subscribed"), document.get("commercial_subscribed"))


def _entry_problems(path: str, entry: object) -> Iterator[Problem]:
    """Of one workflow or category."""
    if entry is None or isinstance(entry, bool):
        return
    if not isinstance(entry, Mapping):
        yield Problem(path, entry, "true, false, or an object with channel_types, channels or conditions")
        return
    yield from _unknown(path, entry, _ENTRY_FIELDS)
    yield from _strategy_problems(path, entry)
    yield from _channel_problems(path, entry)
    yield from list_problems(join(path, "conditions"), entry.get("conditions"))


def _channel_problems(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    """Of `channel_types` and `channels`, at the top or of one workflow or category."""
    for part in ("channel_types", "channels"):
        place, settings = join(path, part), node.get(part)
        yield from _object_problems(place, settings)
        if not isinstance(settings, Mapping):
            continue
        yield from _strategy_problems(place, settings)
        if part == "channel_types":
            yield from _unknown(place, settings, _CHANNEL_TYPES)
        for key, value in settings.items():
            if not str(key).startswith("__"):
                yield from _switch_problems(join(place, str(key)), value)


def _switch_problems(path: str, value: object) -> Iterator[Problem]:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, Mapping) and "conditions" in value:
        yield from _unknown(path, value, ("conditions",))
        yield from list_problems(join(path, "conditions"), value["conditions"])
    else:
        yield Problem(path, value, "true, false, or an object with conditions")


def _object_problems(path: str, value: object) -> Iterator[Problem]:
    if value is not None and not isinstance(value, Mapping):
        yield Problem(path, value, "an object")


def _strategy_problems(path: str, node: Mapping[str, Any]) -> Iterator[Problem]:
    if node.get(_STRATEGY) not in (None, *_STRATEGIES):
        yield Problem(join(path, _STRATEGY), node[_STRATEGY], "replace, merge")


def _unknown(path: str, node: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Problem]:
    for name, value in node.items():
        if name not in known and not str(name).startswith("__"):
            close = "".join(f", such as {match}" for match in get_close_matches(str(name), known, n=1))
            yield Problem(join(path, str(name)), value, f"one of {', '.join(known)}{close}")
