"""The fetch step: asks another machine, and puts its answer into the run's data (contract: semantics §9)."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from datetime import timedelta
from typing import Any

from workflows.effects import Effect, HttpCall, HttpReply, Record
from workflows.errors import StepFailed
from workflows.model import FetchStep
from workflows.outcomes import Continue, Halt, Pause, Steps
from workflows.rendered_json import parse_json, render_json, render_text
from workflows.scope import StepContext
from workflows.steps import handles

ACCEPTED = (200, 201, 204)
RETRIES = (30, 60)
"""Seconds before the second and the third try (contract: semantics §9)."""

TIMEOUT = 15.0
"""Seconds that one try may take in all."""


@handles(FetchStep)
def http_fetch(step: FetchStep, context: StepContext) -> Steps:
    """No answer and 5xx are asked again after a pause; every other failure ends the run."""
    call = yield from request_of(step, context)
    reply: HttpReply = yield call
    tried = int(context.memory.get("tried", 0)) + 1
    seen = {"method": call.method, "status": reply.status, "bytes": len(reply.text), "error": reply.error or None}
    yield Record("fetched", seen, error=reply.status not in ACCEPTED)
    said = reply.error or f"the server answered {reply.status}"
    if _may_help(reply) and tried <= len(RETRIES):
        until = context.now + timedelta(seconds=reply.seconds + RETRIES[tried - 1])
        return Pause(until, f"{said}; asking again at {until.isoformat()}", {"tried": tried})
    if reply.status not in ACCEPTED:
        return Halt(f"{said}, after {tried} {'try' if tried == 1 else 'tries'}")
    if not reply.text.strip():
        return Continue(f"the server answered {reply.status} without content")
    try:
        answer = parse_json(reply.text)
    except ValueError as error:
        yield Record("answer_invalid", {"expected": "JSON", "problem": str(error)}, error=True)
        return Halt(f"the server's answer is no JSON: {error}")
    if step.response_path is None and not isinstance(answer, dict):
        yield Record("answer_invalid", {"expected": "a JSON object"}, error=True)
        return Halt("the server's answer is no JSON object, and the step has no response_path to put it")
    return Continue(f"the server answered {reply.status}", data=_merged(context.scope.data, step.response_path, answer))


def _may_help(reply: HttpReply) -> bool:
    return reply.status >= 500 or (reply.status == 0 and reply.is_timeout)


def _merged(data: Mapping[str, Any], path: str | None, answer: Any) -> dict[str, Any]:
    """The answer over the data, or at its path in it; maps on the way are made, and what is no map is replaced."""
    if path is None:
        return {**data, **answer}
    head, _, rest = path.removeprefix("data.").partition(".")
    if not rest:
        return {**data, head: answer}
    known = data.get(head)
    return {**data, head: _merged(known if isinstance(known, Mapping) else {}, rest, answer)}


def request_of(step: FetchStep, context: StepContext) -> Generator[Effect, Any, HttpCall]:
    """The request as rendered. Raises `StepFailed` for a body that is no JSON."""
    request = step.request
    body = None
    if request.body is not None and request.body.strip():
        value = yield from render_json(request.body, context, f"{step.ref}/body")
        body = None if value is None else json.dumps(value, ensure_ascii=False)
    headers = yield from _pairs(request.headers, context, f"{step.ref}/headers")
    params = yield from _pairs(request.query_params, context, f"{step.ref}/query_params")
    signing_key = yield from render_text(step.signing_key or "", context, f"{step.ref}/signing_key")
    known = {name.lower() for name, _ in headers}
    defaults = {"accept": "application/json"} | ({"content-type": "application/json"} if body is not None else {})
    if request.method != "get" and context.execution_id:
        defaults["idempotency-key"] = context.execution_id
    return HttpCall(
        method=request.method.upper(),
        url=(yield from render_text(request.url, context, f"{step.ref}/url")),
        headers={**{name: value for name, value in defaults.items() if name not in known}, **dict(headers)},
        query_params=tuple(params),
        body=body,
        timeout=TIMEOUT,
        signing_key=signing_key or None,
    )


def _pairs(
    source: tuple[tuple[str, str], ...] | str, context: StepContext, name: str
) -> Generator[Effect, Any, list[tuple[str, str]]]:
    """Names with values, from templates, or from one template that renders to a map or to a list of pairs."""
    if not isinstance(source, str):
        pairs = []
        for key, value in source:
            pairs.append((key, (yield from render_text(value, context, f"{name}/{key}"))))
        return pairs
    value = yield from render_json(source, context, name)
    if isinstance(value, dict):
        return [(key, _text(each)) for key, each in value.items()]
    if isinstance(value, list) and all(isinstance(each, dict) and "key" in each for each in value):
        return [(str(each["key"]), _text(each.get("value"))) for each in value]
    if value is None:
        return []
    raise StepFailed(f"{name} renders neither to a JSON object nor to a list of keys with values")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)
