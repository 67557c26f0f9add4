"""Conditions as written: parsed, and what evaluating them needs to know (contract: workflow-schema §4).

`workflows/condition_checks.py` says what is wrong with a document, `workflows/evaluation.py` whether a group passes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from workflows.statuses import StatusKind

Mode = Literal["all", "any"]

PREFIXES = ("data", "recipient", "actor", "tenant", "vars", "workflow", "run", "refs", "event", "environment")
"""What a path may start with to be a variable: an argument that starts otherwise is a value."""

AUDIENCE_OPERATORS = ("is_audience_member", "is_not_audience_member")
MESSAGE_CASE = "$message."

_PATH = re.compile(rf"(?:{'|'.join(PREFIXES)})\.\S+")
_STATUS = re.compile(rf"refs\.(?P<ref>[^.\s]+)\.(?P<kind>{'|'.join(get_args(StatusKind))})")
_OPERATORS_OF_GROUPS: dict[object, Mode] = {"and": "all", "or": "any"}


@dataclass(frozen=True, slots=True)
class Condition:
    """`argument` as written: a path, Liquid, or JSON in a text; a text that is none of them is meant literally.

    None is null, or no argument.
    """

    variable: str
    operator: str
    argument: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """All or any of its members. An empty one is true."""

    mode: Mode
    members: tuple[Condition | Group, ...]


@dataclass(frozen=True, slots=True)
class Required:
    """What must be looked up before a group can be evaluated: steps whose messages' statuses count, and audiences."""

    refs: frozenset[str]
    audiences: frozenset[str]


def parse_group(document: object) -> Group | None:
    """A group from `{"all": […]}`, `{"any": […]}` or `{"operator": "and", "conditions": […]}`; None when there is none.

    Takes documents that nobody has checked: what is no condition becomes one that is never true.
    """
    if not document:
        return None
    if not isinstance(document, Mapping):
        return Group("all", (_member(document),))
    modes = [mode for mode in get_args(Mode) if document.get(mode) is not None]
    if not modes and "conditions" in document:
        return _group(_OPERATORS_OF_GROUPS.get(document.get("operator"), "all"), document["conditions"])
    groups = [_group(mode, document[mode]) for mode in modes]
    if len(groups) == 1:
        return groups[0]
    return Group("all", tuple(groups) or (parse_condition(document),))


def parse_list(document: object) -> Group | None:
    """A group from a plain list, of which every condition must hold (preferences), or from what `parse_group` takes."""
    return _group("all", document) if isinstance(document, list) and document else parse_group(document)


def parse_condition(document: object) -> Condition:
    """One condition. An audience calls its variable `property`. An argument other than text is kept as JSON text."""
    if not isinstance(document, Mapping):
        return Condition("", "")
    argument = document.get("argument")
    return Condition(
        variable=_text(document.get("variable", document.get("property"))),
        operator=_text(document.get("operator")),
        argument=argument if argument is None or isinstance(argument, str) else json.dumps(argument),
    )


def required(group: Group | None) -> Required:
    """What `evaluate` must find in its facts, read off the group: whatever part of it turns out to be evaluated."""
    conditions = list(conditions_of(group))
    statuses = (status_variable(condition.variable) for condition in conditions)
    return Required(
        refs=frozenset(status[0] for status in statuses if status),
        audiences=frozenset(key for condition in conditions for key in audiences_of(condition)),
    )


def conditions_of(group: Group | None) -> Iterator[Condition]:
    """Every condition in a group, as deep as it stands, in the order they are written."""
    for member in group.members if group else ():
        if isinstance(member, Group):
            yield from conditions_of(member)
        else:
            yield member


def audiences_of(condition: Condition) -> list[str]:
    """The audience keys that a condition asks about: always written out, since a key cannot be a path."""
    if condition.operator not in AUDIENCE_OPERATORS or condition.argument is None:
        return []
    argument = literal(condition.argument)
    return [key for key in (argument if isinstance(argument, list) else [argument]) if isinstance(key, str)]


def is_path(text: str) -> bool:
    """Whether a text names a variable: a known prefix, a dot, and no space."""
    return _PATH.fullmatch(text) is not None


def has_liquid(text: str) -> bool:
    return "{{" in text or "{%" in text


def status_variable(variable: str) -> tuple[str, StatusKind] | None:
    """The step's reference and what is asked, of `refs.<ref>.delivery_status` and the like; None for other variables."""
    match = _STATUS.fullmatch(variable)
    return (match["ref"], cast(StatusKind, match["kind"])) if match else None


def literal(text: str) -> Any:
    """The value of a text that is JSON; any other text is meant literally. Infinite numbers stay text."""
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _refused(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(digits)
    return number


def _group(mode: Mode, members: object) -> Group:
    items = members if isinstance(members, list) else [members]
    return Group(mode, tuple(_member(item) for item in items))


def _member(document: object) -> Condition | Group:
    if isinstance(document, Mapping) and ("all" in document or "any" in document or "conditions" in document):
        return parse_group(document) or Group("all", ())
    return parse_condition(document)


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
