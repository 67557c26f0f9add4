"""What a source's event makes happen: mappings of its fields to the parameters of actions (contract: api-endpoints §5.1).

`{"event_type": "order.paid", "action_type": "workflows_trigger", "action_parameters": {"workflow": "receipt",
"recipients": ["body.data.user_id"], "data": "body.data"}}`. A text that begins with `body.`, `headers.` or `preprocess.` is a
path, or `body` itself; any other value stands for itself, and so does what is written as `{"value": …}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.source_events import TYPES, SourceEvent, is_path

REQUIRED: dict[str, tuple[str, ...]] = {
    "users_identify": ("id",),
    "users_delete": ("id",),
    "objects_set": ("collection", "id"),
    "objects_delete": ("collection", "id"),
    "tenants_set": ("id",),
    "tenants_delete": ("id",),
    "objects_subscribe": ("collection", "id", "recipients"),
    "objects_unsubscribe": ("collection", "id", "recipients"),
    "audiences_add_member": ("audience", "id"),
    "audiences_remove_member": ("audience", "id"),
    "workflows_trigger": ("workflow", "recipients"),
}
"""What each action needs, in the order in which an event's actions are done."""

OPTIONAL: dict[str, tuple[str, ...]] = {
    "users_identify": ("properties",),
    "objects_set": ("properties",),
    "tenants_set": ("properties",),
    "objects_subscribe": ("properties",),
    "audiences_add_member": ("tenant",),
    "audiences_remove_member": ("tenant",),
    "workflows_trigger": ("actor", "tenant", "data", "cancellation_key"),
}

ORDER = {action: place for place, action in enumerate(REQUIRED)}

MAPS = ("properties", "data")
"""Parameters that are maps."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, with its parameters; or the reason why it cannot be done."""

    type: str
    parameters: Mapping[str, Any]
    problem: str | None = None


def actions(
    source_type: str, settings: Mapping[str, Any], mappings: Sequence[Mapping[str, Any]], event: SourceEvent
) -> list[Action]:
    """What an event makes happen, in the fixed order. The type's own mappings count unless `handle_identifies` is off."""
    own = TYPES[source_type].mappings if settings.get("handle_identifies", True) else ()
    wanted = [each for each in (*own, *mappings) if each["event_type"] == event.type and each.get("active", True)]
    return [_action(each, event) for each in sorted(wanted, key=lambda each: ORDER[each["action_type"]])]


def _action(mapping: Mapping[str, Any], event: SourceEvent) -> Action:
    kind: str = mapping["action_type"]
    named = mapping.get("action_parameters") or {}
    parameters = {name: each for name in named if (each := _value(named[name], event)) is not None}
    for name in REQUIRED[kind]:
        if parameters.get(name) in (None, "", [], {}):
            return Action(kind, parameters, f"`{name}` is missing")
    for name in MAPS:
        if not isinstance(parameters.get(name, {}), Mapping):
            return Action(kind, parameters, f"`{name}` is no map")
    return Action(kind, parameters)


def _value(written: Any, event: SourceEvent) -> Any:
    if isinstance(written, str) and is_path(written):
        return event.look_up(written)
    if isinstance(written, Mapping):
        if written.keys() == {"value"}:
            return written["value"]
        return {name: each for name in written if (each := _value(written[name], event)) is not None}
    if isinstance(written, list):
        return [each for part in written if (each := _value(part, event)) is not None]
    return written


def mapping_problems(mappings: object) -> Iterator[str]:
    """What is wrong with a source's mappings, in words."""
    if not isinstance(mappings, list):
        yield "mappings must be a list"
        return
    for index, each in enumerate(mappings):
        yield from (f"mappings[{index}].{problem}" for problem in _problems(each))


def _problems(mapping: object) -> Iterator[str]:
    if not isinstance(mapping, Mapping):
        yield "action_type is missing"
        return
    kind, parameters = mapping.get("action_type"), mapping.get("action_parameters", {})
    if not isinstance(mapping.get("event_type"), str) or not mapping["event_type"]:
        yield "event_type must be a text"
    if not isinstance(mapping.get("active", True), bool):
        yield "active must be true or false"
    if not isinstance(kind, str) or kind not in REQUIRED:
        yield f"action_type must be one of {', '.join(REQUIRED)}"
        return
    if not isinstance(parameters, Mapping):
        yield "action_parameters must be a map"
        return
    yield from (f"action_parameters.{name} is missing" for name in REQUIRED[kind] if name not in parameters)
    known = (*REQUIRED[kind], *OPTIONAL.get(kind, ()))
    yield from (f"action_parameters.{name} is not known" for name in parameters if name not in known)
