"""References between steps: each is unique, and conditions look only at steps that come before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from workflows.checks.nodes import Place, steps_of
from workflows.conditions import Group, conditions_of, parse_group
from workflows.errors import Problem
from workflows.limits import DEEPEST_NESTING, LONGEST_NAME
from workflows.shape import join

_REFERENCE = re.compile(r"refs\.([^.\s]+)\.\S+")


def reference_problems(workflow: Place) -> Iterator[Problem]:
    yield from _unknown(workflow, ())
    seen: list[str] = []
    for step in steps_of(workflow):
        if step.depth > DEEPEST_NESTING:
            yield Problem(step.path, step.node.get("ref"), f"branches at most {DEEPEST_NESTING} deep")
        ref = step.node.get("ref")
        for place in _places(step):
            yield from _unknown(place, tuple(seen))
        if isinstance(ref, str) and ref in seen:
            yield step.problem("ref", "a reference that no other step has")
        if isinstance(ref, str) and len(ref) <= LONGEST_NAME:
            seen.append(ref)


def _places(step: Place) -> Iterator[Place]:
    """The nodes whose `conditions` are evaluated when the step runs."""
    yield step
    yield from step.items("branches")
    yield from step.part("settings").items("match_conditions")


def _unknown(place: Place, earlier: tuple[str, ...]) -> Iterator[Problem]:
    for ref in dict.fromkeys(_referred(_group(place.node.get("conditions")))):
        if ref not in earlier:
            close = "".join(f", such as refs.{match}" for match in get_close_matches(ref, earlier, n=1))
            yield Problem(join(place.path, "conditions"), f"refs.{ref}", f"a step that comes before{close}")


def _group(conditions: object) -> Group | None:
    return parse_group({"all": conditions} if isinstance(conditions, list) else conditions)


def _referred(group: Group | None) -> Iterator[str]:
    for condition in conditions_of(group):
        for text in (condition.variable, condition.argument or ""):
            match = _REFERENCE.fullmatch(text)
            if match:
                yield match[1]
