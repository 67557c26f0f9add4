"""Conditions evaluated against facts, and each evaluation kept with the values it saw (contract: semantics §10)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from workflows.cohorts import bucket
from workflows.conditions import (
    AUDIENCE_OPERATORS,
    MESSAGE_CASE,
    Condition,
    Group,
    audiences_of,
    has_liquid,
    is_path,
    literal,
    status_variable,
)
from workflows.operators import OPERATORS, WITH_TWO_ENDS
from workflows.shape import join
from workflows.statuses import MessageStatus, StatusKind, shown_status, status_holds

COHORT_OPERATOR = "is_in_random_cohort"
NOT_SHOWN = "(not shown)"
_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions are evaluated against.

    `lookup` finds the value at a path, None when there is none (`Scope.lookup`); `event` is what `event.*` means instead.
    `now` is aware. `statuses` holds the messages of each executed step, none for a step that was skipped; of a step that is
    not in it nothing is known, and every condition on it is false. `audiences` are those the recipient is in. `render`
    renders Liquid; without it Liquid is plain text. `salt` names the split that
    `is_in_random_cohort` asks about.
    """

    lookup: Callable[[str], Any]
    now: datetime
    statuses: Mapping[str, Sequence[MessageStatus]] = field(default_factory=dict)
    audiences: frozenset[str] = frozenset()
    render: Callable[[str], str] | None = None
    event: Mapping[str, Any] | None = None
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One condition and what it saw. `path` is where it stands; `result` None: what went before had already decided."""

    path: str
    condition: Condition
    value: Any = None
    argument_value: Any = None
    result: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """For the run log: values of at most 200 characters, and never one of an environment variable."""
        condition = self.condition
        return {
            "path": self.path,
            "variable": _shortened(condition.variable),
            "operator": _shortened(condition.operator),
            "argument": _shortened(condition.argument),
            "value": NOT_SHOWN if _is_secret(condition.variable) else _shortened(self.value),
            "argument_value": NOT_SHOWN if _is_secret(condition.argument) else _shortened(self.argument_value),
            "result": self.result,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    evaluations: tuple[Evaluation, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"passed": self.passed, "evaluations": [evaluation.as_json() for evaluation in self.evaluations]}


def evaluate(group: Group | None, facts: Facts, path: str = "") -> Verdict:
    """Whether the group passes; no group passes. `path` is where its document stands, for the log.

    Odd values make a condition false. Raises only what `facts.render` raises.
    """
    if group is None:
        return Verdict(passed=True)
    evaluations: list[Evaluation] = []
    return Verdict(_passes(group, facts, path, evaluations), tuple(evaluations))


def _passes(group: Group, facts: Facts, path: str, log: list[Evaluation]) -> bool:
    deciding = group.mode == "any"
    for index, member in enumerate(group.members):
        place = join(path, group.mode, index)
        if isinstance(member, Group):
            passed = _passes(member, facts, place, log)
        else:
            log.append(_evaluated(member, facts, place))
            passed = log[-1].result is True
        if passed is deciding:
            log.extend(_not_evaluated(group, path, index + 1))
            return deciding
    return not (deciding and group.members)


def _not_evaluated(group: Group, path: str, start: int = 0) -> Iterator[Evaluation]:
    for index, member in enumerate(group.members[start:], start):
        place = join(path, group.mode, index)
        if isinstance(member, Group):
            yield from _not_evaluated(member, place)
        else:
            yield Evaluation(place, member)


def _evaluated(condition: Condition, facts: Facts, path: str) -> Evaluation:
    status = status_variable(condition.variable)
    if condition.operator in AUDIENCE_OPERATORS:
        return _membership(condition, facts, path)
    if status:
        return _status(condition, *status, facts, path)
    value, argument = _variable(condition.variable, facts), _argument(condition, facts)
    if condition.operator == COHORT_OPERATOR:
        result = _in_cohort(value, argument, facts.salt)
    else:
        operator = OPERATORS.get(condition.operator)
        result = operator is not None and operator(value, argument, facts.now)
    return Evaluation(path, condition, value, argument, result)


def _membership(condition: Condition, facts: Facts, path: str) -> Evaluation:
    """The variable says nothing: it is always the recipient. Of several audiences any will do."""
    keys = audiences_of(condition)
    is_member = any(key in facts.audiences for key in keys)
    return Evaluation(path, condition, is_member, keys, is_member is (condition.operator == "is_audience_member"))


def _status(condition: Condition, ref: str, kind: StatusKind, facts: Facts, path: str) -> Evaluation:
    argument = None if condition.argument is None else literal(condition.argument)
    names = argument if isinstance(argument, list) else [argument]
    cases = [str(name).removeprefix(MESSAGE_CASE) for name in names]
    messages = facts.statuses.get(ref)
    if messages is None:
        return Evaluation(path, condition, None, argument, result=False)
    holds = status_holds(kind, condition.operator, cases, messages)
    return Evaluation(path, condition, shown_status(kind, messages), argument, holds)


def _in_cohort(value: Any, argument: Any, salt: str) -> bool:
    try:
        return value is not None and bucket(str(value), salt) < Decimal(str(argument))
    except InvalidOperation:
        return False


def _variable(text: str, facts: Facts) -> Any:
    """A bare name is a path too, into the trigger's data; a variable may also be JSON."""
    value = _resolved(text, facts)
    return facts.lookup(text) if value == text and not is_path(text) else value


def _argument(condition: Condition, facts: Facts) -> Any:
    if condition.argument is None:
        return None
    argument = _resolved(condition.argument, facts)
    if condition.operator in WITH_TWO_ENDS and isinstance(argument, list):
        return [_resolved(end, facts) if isinstance(end, str) else end for end in argument]
    return argument


def _resolved(text: str, facts: Facts) -> Any:
    """The value of a path or of Liquid, or the text's own. What Liquid renders to is a value, never a path."""
    if has_liquid(text) and facts.render is not None:
        return literal(facts.render(text))
    if not is_path(text):
        return literal(text)
    if text.startswith("event.") and facts.event is not None:
        return _found(facts.event, text.removeprefix("event."))
    return facts.lookup(text)


def _found(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is_secret(text: str | None) -> bool:
    """Whether an environment variable is, or may be, in the value of that text."""
    return text is not None and (text.startswith("vars.") or ("vars" in text and (has_liquid(text) or "[" in text)))


def _shortened(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    except (ValueError, RecursionError):
        return "(cannot be shown)"
    if len(text) <= _LONGEST_SHOWN:
        return value if isinstance(value, str) else json.loads(text)
    return text[: _LONGEST_SHOWN - 1] + "…"
