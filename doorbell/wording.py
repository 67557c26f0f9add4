"""Entries of the run log in words that explain a decision: the values it saw, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Entry = Mapping[str, Any]


def wording(event: str, detail: Entry) -> list[str]:
    """What one entry says: a line, and for a decision further lines with the grounds for it."""
    explain = _EXPLAINED.get(event)
    return list(explain(detail)) if explain else [f"{event}{details(detail)}"]


def details(detail: Entry) -> str:
    """Everything an entry holds, in brackets; nothing when it holds nothing."""
    shown = ", ".join(f"{name}={value}" for name, value in detail.items() if value is not None)
    return f" ({shown})" if shown else ""


def _conditions(detail: Entry) -> Iterator[str]:
    yield f"conditions of the {detail['of']} {'are' if detail['passed'] else 'are not'} met"
    yield from _evaluations(detail.get("evaluations") or ())


def _evaluations(evaluations: Any) -> Iterator[str]:
    for each in evaluations:
        asked = " ".join(str(each[part]) for part in ("variable", "operator", "argument") if each.get(part) is not None)
        if each["result"] is None:
            yield f"  {asked}: not evaluated"
            continue
        against = each.get("argument_value")
        compared = (
            "" if against is None or str(against) == str(each.get("argument")) else f", compared with {against!r}"
        )
        yield f"  {asked}: {str(each['result']).lower()}, the value was {each.get('value')!r}{compared}"


def _preferences(detail: Entry) -> Iterator[str]:
    yield f"preferences {'allow it' if detail['allowed'] else 'forbid it'}: {detail['reason'] or 'nothing forbids it'}"
    if detail.get("rule"):
        yield f"  setting {detail['rule']}, from the layer {detail['layer']}"
    yield from _evaluations(detail.get("evaluations") or ())


def _throttle(detail: Entry) -> Iterator[str]:
    key = f" for the key {detail['key']!r}" if detail.get("key") else ""
    yield (
        f"throttle: execution {detail['number']} of {detail['limit']} allowed{key},"
        f" in the window until {detail['closes_at']}"
    )


def _batch(what: str) -> Callable[[Entry], Iterator[str]]:
    def explain(detail: Entry) -> Iterator[str]:
        key = f" for the key {detail['key']!r}" if detail.get("key") else ""
        yield f"{what} batch window {detail['window_id']}{key}, which closes at {detail['closes_at']}"

    return explain


def _closed(detail: Entry) -> Iterator[str]:
    number = detail["total_activities"]
    yield f"closed batch window {detail['window_id']} with {number} {'activity' if number == 1 else 'activities'}"


def _cohort(detail: Entry) -> Iterator[str]:
    yield f"cohort {detail['cohort']}, by the bucket {detail['bucket']} of 100"


_EXPLAINED: Mapping[str, Callable[[Entry], Iterator[str]]] = {
    "conditions_evaluated": _conditions,
    "wait_conditions_evaluated": _conditions,
    "preferences_evaluated": _preferences,
    "throttle_counted": _throttle,
    "batch_opened": _batch("opened"),
    "batch_joined": _batch("joined"),
    "batch_closed": _closed,
    "cohort_assigned": _cohort,
}
