"""HTTP requests: a webhook step's, and what an http_fetch step asks for."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.checks.nodes import Place
from workflows.checks.texts import json_template, liquid, liquid_problems, parsed
from workflows.conditions import has_liquid
from workflows.errors import Problem
from workflows.shape import join

PAIRS = "a list of pairs of key and value, or a JSON object"


def request_problems(request: Place) -> Iterator[Problem]:
    yield from liquid(request, "url")
    yield from json_template(request, "body")
    for name in ("headers", "query_params"):
        for pair in request.items(name):
            yield from liquid(pair, "key", "value")
        source = request.node.get(name)
        if isinstance(source, str) and source.strip():
            yield from _rendered_pairs(request, name, source)


def _rendered_pairs(request: Place, name: str, source: str) -> Iterator[Problem]:
    if has_liquid(source):
        yield from liquid_problems(join(request.path, name), source)
        return
    value, problem = parsed(source)
    if problem or not isinstance(value, dict | list):
        yield request.problem(name, f"{PAIRS}{problem and '; '}{problem}")
