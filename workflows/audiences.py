"""Audiences as written: static ones name nobody, dynamic ones say who is in them (contract: management-api, Audience)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from workflows.condition_checks import condition_problems
from workflows.conditions import AUDIENCE_OPERATORS, Condition, Group, has_liquid, is_path, parse_condition
from workflows.errors import DocumentInvalid, Problem
from workflows.evaluation import COHORT_OPERATOR, Facts, evaluate
from workflows.limits import LONGEST_DESCRIPTION, LONGEST_NAME
from workflows.scope import Scope
from workflows.shape import join

OF_THE_USER = "recipient."


@dataclass(frozen=True, slots=True)
class Audience:
    """A user is in a dynamic audience when every condition of any of its segments holds; a static one has no segments."""

    type: Literal["static", "dynamic"]
    segments: tuple[Group, ...] = ()

    def matches(self, user: Mapping[str, Any], now: datetime) -> bool:
        """`user` as templates see a recipient; `now` is aware."""
        facts = Facts(lookup=Scope(data={}, recipient=user).lookup, now=now)
        return any(evaluate(segment, facts).passed for segment in self.segments)


def parse_audience(key: str, document: Mapping[str, Any]) -> Audience:
    """Raises `DocumentInvalid` with every problem."""
    if problems := list(audience_problems(document)):
        raise DocumentInvalid(f"audience `{key}`", problems)
    return stored_audience(document)


def stored_audience(document: Mapping[str, Any]) -> Audience:
    """An audience from a document without problems."""
    if document["type"] == "static":
        return Audience("static")
    return Audience("dynamic", tuple(_segment(each) for each in document.get("segments") or ()))


def _segment(document: Mapping[str, Any]) -> Group:
    return Group("all", tuple(parse_condition(each) for each in document["conditions"]))


def audience_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Every problem of an audience's document."""
    name, kind, description = document.get("name"), document.get("type"), document.get("description")
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        yield Problem("name", name, f"a name of 1 to {LONGEST_NAME} characters")
    if description is not None and not (isinstance(description, str) and len(description) <= LONGEST_DESCRIPTION):
        yield Problem("description", description, f"a text of at most {LONGEST_DESCRIPTION} characters")
    if kind not in ("static", "dynamic"):
        yield Problem("type", kind, '"static" or "dynamic"')
    segments = document.get("segments")
    if kind == "static" and segments:
        yield Problem("segments", segments, "none: a static audience has the members that it is given")
    elif kind == "dynamic" and segments is not None:
        yield from _segments_problems(segments)


def _segments_problems(segments: object) -> Iterator[Problem]:
    if not isinstance(segments, list):
        yield Problem("segments", segments, "a list of segments")
        return
    for index, segment in enumerate(segments):
        path = join("segments", index)
        conditions = segment.get("conditions") if isinstance(segment, Mapping) else None
        if not isinstance(conditions, list) or not conditions:
            yield Problem(join(path, "conditions"), conditions, "a list of at least one condition")
            continue
        for number, condition in enumerate(conditions):
            yield from _condition_problems(join(path, "conditions", number), condition)


def _condition_problems(path: str, document: object) -> Iterator[Problem]:
    """Those of any condition, and of what nobody knows of a user outside of a run."""
    problems = list(condition_problems(path, document))
    yield from problems
    if problems:
        return
    condition = parse_condition(document)
    if not condition.variable.startswith(OF_THE_USER):
        yield Problem(join(path, "property"), condition.variable, "a property of the user, such as recipient.plan")
    if condition.operator in (*AUDIENCE_OPERATORS, COHORT_OPERATOR):
        yield Problem(join(path, "operator"), condition.operator, "an operator that compares a property")
    if not _is_of_the_user(condition):
        yield Problem(join(path, "argument"), condition.argument, "a value, or a property of the user")


def _is_of_the_user(condition: Condition) -> bool:
    argument = condition.argument
    if argument is None:
        return True
    return not has_liquid(argument) and (not is_path(argument) or argument.startswith(OF_THE_USER))
