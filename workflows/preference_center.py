"""The preference centre: which switches a page shows, how they stand, and what switching one means for a preference set.

The rows are the contract's (`PreferenceCenterConfigRow`). A switch is the path of a setting in a preference set; it is off
when the setting is false, on for anything else, conditions too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workflows.errors import Problem
from workflows.shape import join

Path = tuple[str, ...]

CHANNEL_TYPES = {
    "email": "Email",
    "in_app_feed": "In-app",
    "push": "Push",
    "sms": "SMS",
    "chat": "Chat",
    "http": "Webhook",
}
"""What a page calls each channel type."""

TITLE = "Notification preferences"
BODY = "Choose which notifications you want to receive, and how."

_PARTS = {"workflow": "workflows", "category": "categories", "channel": "channels"}
_TYPES = (*_PARTS, "channel_types", "commercial_subscribed")
_MOST_ROWS = 100


@dataclass(frozen=True, slots=True)
class Switch:
    path: Path
    label: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Row:
    """`switches` is one that bears the row's own name, or one for each channel type."""

    name: str
    description: str
    switches: tuple[Switch, ...]


def rows(config: Mapping[str, Any], preferences: Mapping[str, Any]) -> list[Row]:
    """What a page shows of a preference set, the defaults below it merged in."""
    return [_row(row, preferences) for row in config["rows"]]


def _row(row: Mapping[str, Any], preferences: Mapping[str, Any]) -> Row:
    name = row["name"]
    paths = [(path, label or name) for path, label in _paths(row)]
    switches = tuple(Switch(path, label, is_on(preferences, path)) for path, label in paths)
    return Row(name, row.get("description") or "", switches)


def _paths(row: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The label is empty for a switch that is the whole row."""
    kind, types = row["type"], row.get("channel_types") or ()
    if kind == "commercial_subscribed":
        yield (kind,), ""
        return
    place: Path = () if kind == "channel_types" else (_PARTS[kind], row["identifier"])
    if not types:
        yield place, ""
    for each in types:
        yield (*place, "channel_types", each), CHANNEL_TYPES[each]


def is_on(preferences: Mapping[str, Any], path: Path) -> bool:
    """False only if the setting itself is, or one above it."""
    node: Any = preferences
    for name in path:
        if not isinstance(node, Mapping):
            break
        node = node.get(name)
    return node is not False


def switched(preferences: Mapping[str, Any], changes: Mapping[Path, bool]) -> dict[str, Any]:
    """The set to merge in when switches of a page that shows `preferences` have been switched.

    Where one channel type of a workflow or a category is switched that was on or off as a whole, the others stay as they
    were: they are said one by one.
    """
    merged: dict[str, Any] = {}
    for path, value in changes.items():
        node = merged
        if path[-2:-1] == ("channel_types",) and len(path) > 2:
            node = _spelled_out(merged, preferences, path[:2])
        else:
            for name in path[:-1]:
                node = node.setdefault(name, {})
        node[path[-1]] = value
    return merged


def _spelled_out(merged: dict[str, Any], preferences: Mapping[str, Any], place: Path) -> dict[str, Any]:
    part, key = place
    entries = preferences.get(part)
    whole = entries.get(key) if isinstance(entries, Mapping) else None
    known = dict.fromkeys(CHANNEL_TYPES, whole) if isinstance(whole, bool) else {}
    types: dict[str, Any] = merged.setdefault(part, {}).setdefault(key, {"channel_types": known})["channel_types"]
    return types


def default_config(workflows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """For an environment that has configured nothing: a row for each category of its workflows, one for the channel types
    that they use, one for commercial messages if there are any. `workflows` are documents by key."""
    asked = [each for each in workflows.values() if not _settings(each).get("override_preferences")]
    categories = sorted({category for each in asked for category in each.get("categories") or ()})
    used = {kind for each in asked for kind in _channel_types(each.get("steps"))}
    found = [{"type": "category", "name": _worded(each), "identifier": each} for each in categories]
    if types := [each for each in CHANNEL_TYPES if each in used]:
        found.append(
            {
                "type": "channel_types",
                "name": "How we reach you",
                "description": "Switch off every notification of one kind.",
                "channel_types": types,
            }
        )
    if any(_settings(each).get("is_commercial") for each in asked):
        row = {
            "type": "commercial_subscribed",
            "name": "News and offers",
            "description": "Occasional commercial messages.",
        }
        found.append(row)
    return {"title": TITLE, "body": BODY, "rows": found[:_MOST_ROWS]}


def _settings(workflow: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = workflow.get("settings")
    return settings if isinstance(settings, Mapping) else {}


def _channel_types(node: object) -> Iterator[str]:
    """Of every channel step, however deep in branches."""
    if isinstance(node, list):
        for each in node:
            yield from _channel_types(each)
    elif isinstance(node, Mapping):
        if node.get("type") == "channel" and isinstance(node.get("channel_type"), str):
            yield node["channel_type"]
        for inner in ("steps", "branches"):
            yield from _channel_types(node.get(inner))


def _worded(key: str) -> str:
    """`team_invites` is "Team invites"."""
    words = key.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def config_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Every problem of a configuration."""
    for name in document.keys() - {"title", "body", "rows", "show_account_name", "account_name", "enabled"}:
        yield Problem(str(name), document[name], "title, body, rows, show_account_name, account_name or enabled")
    for name in ("title", "body", "account_name"):
        if not isinstance(document.get(name, ""), str):
            yield Problem(name, document[name], "text")
    for name in ("show_account_name", "enabled"):
        if not isinstance(document.get(name, False), bool):
            yield Problem(name, document[name], "true or false")
    written = document.get("rows")
    if not isinstance(written, list) or len(written) > _MOST_ROWS:
        yield Problem("rows", written, f"a list of at most {_MOST_ROWS} rows")
        return
    seen: set[tuple[str, str]] = set()
    for index, row in enumerate(written):
        yield from _row_problems(join("rows", index), row, seen)


def _row_problems(path: str, row: object, seen: set[tuple[str, str]]) -> Iterator[Problem]:
    if not isinstance(row, Mapping):
        yield Problem(path, row, "an object")
        return
    for name in row.keys() - {"type", "name", "identifier", "description", "channel_types"}:
        yield Problem(join(path, str(name)), row[name], "type, name, identifier, description or channel_types")
    kind = row.get("type")
    if kind not in _TYPES:
        yield Problem(join(path, "type"), kind, f"one of {', '.join(_TYPES)}")
    if not isinstance(row.get("name"), str) or not row["name"].strip():
        yield Problem(join(path, "name"), row.get("name"), "text")
    if not isinstance(row.get("description") or "", str):
        yield Problem(join(path, "description"), row["description"], "text")
    yield from _type_problems(join(path, "channel_types"), kind, row.get("channel_types"))
    if kind in _PARTS:
        yield from _identifier_problems(join(path, "identifier"), str(kind), row.get("identifier"), seen)


def _identifier_problems(path: str, kind: str, identifier: object, seen: set[tuple[str, str]]) -> Iterator[Problem]:
    if not isinstance(identifier, str) or not identifier:
        yield Problem(path, identifier, f"the {kind}'s {'id' if kind == 'channel' else 'key'}")
    elif (kind, identifier) in seen:
        yield Problem(path, identifier, f"one row for each {kind}")
    else:
        seen.add((kind, identifier))


def _type_problems(path: str, kind: object, types: object) -> Iterator[Problem]:
    known = isinstance(types, list) and all(isinstance(each, str) and each in CHANNEL_TYPES for each in types)
    if types is not None and not known:
        yield Problem(path, types, f"a list of {', '.join(CHANNEL_TYPES)}")
    elif kind == "channel_types" and not types:
        yield Problem(path, types, f"at least one of {', '.join(CHANNEL_TYPES)}")
    elif kind in ("channel", "commercial_subscribed") and types:
        yield Problem(path, types, "no channel types: the row has one switch")
