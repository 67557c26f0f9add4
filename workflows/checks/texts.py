"""Texts inside of documents: Liquid, JSON, paths and keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from workflows.checks.nodes import Place
from workflows.conditions import has_liquid
from workflows.errors import Problem, TemplateError
from workflows.liquid.environment import check_template
from workflows.shape import join

_PATH = re.compile(r"[^\s{}.]+(\.[^\s{}.]+)*")


def liquid(place: Place, *names: str, html: bool = False) -> Iterator[Problem]:
    """What is no valid Liquid among the texts of those names."""
    for name in names:
        source = place.node.get(name)
        if isinstance(source, str):
            yield from liquid_problems(join(place.path, name), source, html=html)


def liquid_problems(path: str, source: str, *, html: bool = False) -> Iterator[Problem]:
    try:
        check_template(source, name=path, html=html)
    except TemplateError as error:
        yield Problem(path, source, f"valid Liquid; {error.detail}")


def json_template(place: Place, name: str, expected: str = "valid JSON", kind: type | None = None) -> Iterator[Problem]:
    """Liquid must compile. A text without Liquid must be JSON of that kind, or empty."""
    source = place.node.get(name)
    if not isinstance(source, str) or not source.strip():
        return
    if has_liquid(source):
        yield from liquid_problems(join(place.path, name), source)
        return
    value, problem = parsed(source)
    if problem:
        yield place.problem(name, f"{expected}; {problem}")
    elif kind is not None and not isinstance(value, kind):
        yield place.problem(name, expected)


def parsed(source: str) -> tuple[Any, str]:
    """The JSON of a text, and what is wrong with it in words (empty when nothing is)."""
    try:
        return json.loads(source), ""
    except json.JSONDecodeError as error:
        return None, f"line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        return None, "it is nested too deeply"


def key_template(place: Place, name: str) -> Iterator[Problem]:
    """A path, or Liquid."""
    source = place.node.get(name)
    if not isinstance(source, str):
        return
    if has_liquid(source):
        yield from liquid_problems(join(place.path, name), source)
    elif source and not _PATH.fullmatch(source):
        yield place.problem(name, "a path such as data.project_id, or Liquid")
