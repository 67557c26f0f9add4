"""What is wrong with conditions as a document (contract: workflow-schema §4). Documents may have any shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from workflows.conditions import (
    AUDIENCE_OPERATORS,
    MESSAGE_CASE,
    Condition,
    has_liquid,
    is_path,
    literal,
    parse_condition,
    status_variable,
)
from workflows.errors import Problem, TemplateError
from workflows.evaluation import COHORT_OPERATOR
from workflows.liquid.environment import check_template
from workflows.operators import OPERATORS, WITH_TWO_ENDS, WITHOUT_ARGUMENT, moment_of
from workflows.shape import join
from workflows.statuses import STATUS_CASES

ALL_OPERATORS = (*OPERATORS, *AUDIENCE_OPERATORS, COHORT_OPERATOR)
DEEPEST = 20

_ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_TIMESTAMP = 'a timestamp, "2 days ago" or "15 minutes from now", a path or Liquid'
_TWO_ENDS = 'a list of two, such as ["2026-01-01", "2026-12-31"]'


def group_problems(path: str, document: object, depth: int = 1) -> Iterator[Problem]:
    """Every problem of `{"all": […]}`, `{"any": […]}` or `{"operator": "and", "conditions": […]}` found at `path`.

    None for no conditions (null, `{}`).
    """
    if document is None or document == {}:
        return
    if not isinstance(document, Mapping):
        yield Problem(path, document, 'an object with "all" or "any"')
    elif "variable" in document:
        yield Problem(path, document, 'the condition inside of a list, as in {"all": [ … ]}')
    elif depth > DEEPEST:
        yield Problem(path, document, f"groups at most {DEEPEST} deep")
    elif "conditions" in document:
        yield from _wait_problems(path, document, depth)
    else:
        yield from _modes(path, document)
        for mode in ("all", "any"):
            if document.get(mode) is not None:
                yield from _member_problems(join(path, mode), document[mode], depth)


def list_problems(path: str, document: object) -> Iterator[Problem]:
    """Every problem of a plain list of conditions, of which each must hold; or of a group, which may stand for it."""
    if isinstance(document, list):
        yield from _member_problems(path, document, depth=1)
    else:
        yield from group_problems(path, document)


def condition_problems(path: str, document: object) -> Iterator[Problem]:
    """Every problem of one `{"variable", "operator", "argument"}`."""
    if not isinstance(document, Mapping):
        yield Problem(path, document, "a condition: an object with variable, operator and argument")
        return
    name = "property" if "property" in document and "variable" not in document else "variable"
    variable, operator = document.get(name), document.get("operator")
    if not isinstance(variable, str) or not variable.strip():
        yield Problem(join(path, name), variable, "a variable, such as recipient.plan")
    if operator not in ALL_OPERATORS:
        yield Problem(join(path, "operator"), operator, "a known operator" + _close(operator, ALL_OPERATORS))
        return
    expected = _argument_expected(parse_condition(document), "argument" in document)
    if expected:
        yield Problem(join(path, "argument"), document.get("argument"), expected)
    if operator == COHORT_OPERATOR and variable != "recipient.id":
        yield Problem(join(path, name), variable, f"recipient.id, which {COHORT_OPERATOR} is about")


def _wait_problems(path: str, document: Mapping[str, Any], depth: int) -> Iterator[Problem]:
    """The form in which a wait_for_event step has its conditions."""
    if document.get("operator", "and") not in ("and", "or"):
        yield Problem(join(path, "operator"), document["operator"], "and, or")
    for name, value in document.items():
        if name not in ("operator", "conditions"):
            yield Problem(join(path, str(name)), value, "only operator and conditions here")
    yield from _member_problems(join(path, "conditions"), document["conditions"], depth)


def _modes(path: str, document: Mapping[str, Any]) -> Iterator[Problem]:
    given = [mode for mode in ("all", "any") if document.get(mode) is not None]
    if len(given) == 2:
        yield Problem(path, document, '"all" or "any", not both (one may stand inside of the other)')
    for name, value in document.items():
        if name not in ("all", "any"):
            yield Problem(join(path, str(name)), value, 'only "all" or "any" here')


def _member_problems(path: str, members: object, depth: int) -> Iterator[Problem]:
    if not isinstance(members, list):
        yield Problem(path, members, "a list of conditions")
        return
    for index, member in enumerate(members):
        place = join(path, index)
        if isinstance(member, Mapping) and any(name in member for name in ("all", "any", "conditions")):
            yield from group_problems(place, member, depth + 1)
        else:
            yield from condition_problems(place, member)


def _argument_expected(condition: Condition, is_given: bool) -> str | None:
    """What an argument should be instead of what it is; None when it is right."""
    text = condition.argument
    if condition.operator in WITHOUT_ARGUMENT:
        return None
    if text is None:
        return _missing_expected(condition, is_given)
    if has_liquid(text):
        return _liquid_expected(text)
    if status_variable(condition.variable) or text.startswith(MESSAGE_CASE):
        return _status_expected(condition, text)
    return None if is_path(text) else _literal_expected(condition.operator, literal(text))


def _missing_expected(condition: Condition, is_given: bool) -> str | None:
    """Only what compares for equality may be compared with null, and only with one that is written."""
    if is_given and condition.operator in ("equal_to", "not_equal_to", "contains", "not_contains"):
        return None
    return f"an argument, which {condition.operator} needs"


def _liquid_expected(text: str) -> str | None:
    try:
        check_template(text, name="argument")
    except TemplateError as error:
        return f"valid Liquid; {error.detail}"
    return None


def _status_expected(condition: Condition, text: str) -> str | None:
    if not status_variable(condition.variable):
        return "a value: a message's status can only be compared with refs.<step>.delivery_status or .engagement_status"
    cases = literal(text)
    for case in cases if isinstance(cases, list) else [cases]:
        name = str(case).removeprefix(MESSAGE_CASE)
        if name not in STATUS_CASES:
            return f"a message's status, such as {MESSAGE_CASE}" + "".join(_nearest(name, STATUS_CASES) or ["seen"])
    return None


def _literal_expected(operator: str, argument: Any) -> str | None:
    if operator in WITH_TWO_ENDS:
        return _ends_expected(operator, argument)
    if operator.startswith("is_timestamp_"):
        return None if moment_of(argument, _ANY_MOMENT) else _TIMESTAMP
    if operator in AUDIENCE_OPERATORS:
        keys = argument if isinstance(argument, list) else [argument]
        return None if keys and all(isinstance(key, str) and key for key in keys) else "an audience's key"
    if operator == COHORT_OPERATOR:
        return None if _is_percentage(argument) else "a percentage from 0 to 100 with at most one decimal place"
    return None


def _ends_expected(operator: str, argument: Any) -> str | None:
    if not isinstance(argument, list) or len(argument) != 2:
        return _TWO_ENDS
    if operator == "is_timestamp_between" and not all(_may_be_moment(end) for end in argument):
        return f"{_TWO_ENDS}, each {_TIMESTAMP}"
    return None


def _may_be_moment(end: Any) -> bool:
    if isinstance(end, str) and (is_path(end) or has_liquid(end)):
        return True
    return moment_of(end, _ANY_MOMENT) is not None


def _is_percentage(argument: Any) -> bool:
    try:
        number = Decimal(str(argument))
        return 0 <= number <= 100 and number * 10 == int(number * 10)
    except (InvalidOperation, OverflowError):
        return False


def _close(name: object, known: tuple[str, ...]) -> str:
    return "".join(f", such as {match}" for match in _nearest(str(name), known))


def _nearest(name: str, known: tuple[str, ...]) -> list[str]:
    return get_close_matches(name, known, n=1)
