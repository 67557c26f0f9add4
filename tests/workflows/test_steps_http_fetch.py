import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.workflows.playing import Played, play
from workflows.effects import HttpCall, HttpReply
from workflows.errors import StepFailed, TemplateError
from workflows.model import FetchStep
from workflows.outcomes import Continue, Halt, Pause
from workflows.scope import Scope, StepContext
from workflows.templates import RequestTemplate

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]


def fetch(path: str | None = None, signing_key: str | None = None, **request: Any) -> FetchStep:
    template = RequestTemplate(**{"method": "get", "url": "https://api.test/users/{{ recipient.id }}", **request})
    return FetchStep(ref="fetch_1", type="http_fetch", request=template, response_path=path, signing_key=signing_key)


def answered(step: FetchStep, context: StepContext, status: int, text: str = "", **reply: Any) -> Played:
    return play(step, context, {HttpCall: HttpReply(status, text, **reply)})


def test_the_request_is_rendered(make_context: MakeContext, make_scope: MakeScope) -> None:
    step = fetch(
        method="post",
        headers=(("Authorization", "Bearer {{ vars.token }}"),),
        query_params=(("q", "{{ data.q }}"), ("q", "b")),
        body='{"name": {{ recipient.name | json }}}',
        signing_key="{{ vars.key }}",
    )
    context = make_context(scope=make_scope(data={"q": "a b"}, vars={"token": "s3cret", "key": "k"}))
    assert answered(step, context, 204).only(HttpCall) == HttpCall(
        method="POST",
        url="https://api.test/users/jane",
        headers={"accept": "application/json", "content-type": "application/json", "Authorization": "Bearer s3cret"},
        query_params=(("q", "a b"), ("q", "b")),
        body='{"name": "Jane"}',
        timeout=15.0,
        signing_key="k",
    )


@pytest.mark.parametrize(
    "headers",
    [
        '{"X-A": "1", "X-B": {{ data.n }}, "X-C": null}',
        '[{"key": "X-A", "value": "1"}, {"key": "X-B", "value": 2}, {"key": "X-C"}]',
    ],
)
def test_headers_may_be_one_template(headers: str, make_context: MakeContext, make_scope: MakeScope) -> None:
    context = make_context(scope=make_scope(data={"n": 2}))
    call = answered(fetch(headers=headers, query_params=headers), context, 204).only(HttpCall)
    assert call.headers == {"accept": "application/json", "X-A": "1", "X-B": "2", "X-C": ""}
    assert call.query_params == (("X-A", "1"), ("X-B", "2"), ("X-C", ""))


def test_a_header_of_the_step_goes_before_the_usual_one(make_context: MakeContext) -> None:
    step = fetch(method="post", body="{}", headers=(("Content-Type", "application/vnd.api+json"), ("ACCEPT", "*/*")))
    call = answered(step, make_context(), 204).only(HttpCall)
    assert call.headers == {"Content-Type": "application/vnd.api+json", "ACCEPT": "*/*"}


@pytest.mark.parametrize("field", ["headers", "query_params"])
def test_one_template_that_is_neither_a_map_nor_pairs_fails_the_step(field: str, make_context: MakeContext) -> None:
    with pytest.raises(StepFailed, match=f"fetch_1/{field} renders neither to a JSON object nor"):
        answered(fetch(**{field: "[1]"}), make_context(), 200)


def test_a_body_that_is_no_json_fails_the_step_and_names_the_place(make_context: MakeContext) -> None:
    with pytest.raises(StepFailed, match="fetch_1/body does not render to JSON: Expecting value"):
        answered(fetch(method="post", body='{"a": {{ data.missing }}}'), make_context(), 200)


def test_a_template_that_does_not_render_names_its_place_alone(make_context: MakeContext) -> None:
    with pytest.raises(TemplateError) as caught:
        answered(fetch(url="https://api.test/{{ 1 | divided_by: 0 }}"), make_context(), 200)
    assert str(caught.value).startswith("fetch_1/url, line 1, column ")


@pytest.mark.parametrize("status", [200, 201])
def test_the_answer_is_merged_over_the_data(status: int, make_context: MakeContext, make_scope: MakeScope) -> None:
    context = make_context(scope=make_scope(data={"a": {"x": 1}, "b": 1}))
    played = answered(fetch(), context, status, '{"a": {"y": 2}, "c": 3}')
    assert played.outcome == Continue(f"the server answered {status}", {"a": {"y": 2}, "b": 1, "c": 3})


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("user", {"a": {"x": 1}, "s": "text", "user": [1]}),
        ("data.user", {"a": {"x": 1}, "s": "text", "user": [1]}),
        ("a.b.c", {"a": {"x": 1, "b": {"c": [1]}}, "s": "text"}),
        ("s.deep", {"a": {"x": 1}, "s": {"deep": [1]}}),
    ],
)
def test_the_answer_may_have_a_place_of_its_own(
    path: str, data: dict[str, Any], make_context: MakeContext, make_scope: MakeScope
) -> None:
    context = make_context(scope=make_scope(data={"a": {"x": 1}, "s": "text"}))
    outcome = answered(fetch(path), context, 200, "[1]").outcome
    assert isinstance(outcome, Continue)
    assert outcome.data == data
    assert context.scope.data == {"a": {"x": 1}, "s": "text"}


def test_no_content_leaves_the_data(make_context: MakeContext) -> None:
    assert answered(fetch(), make_context(), 204).outcome == Continue("the server answered 204 without content")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<html>", "Expecting value"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": 1e999}', "1e999 is too large"),
        ('{"a": "\\u0000"}', "holds NUL"),
        ('{"a": "\\ud800"}', "half of a character"),
        ("[" * 150 + "]" * 150, "nests more than 100 deep"),
        ("[" * 100_000, "nests more than 100 deep"),
    ],
)
def test_an_answer_that_cannot_be_kept_ends_the_run_at_once(text: str, problem: str, make_context: MakeContext) -> None:
    played = answered(fetch("user"), make_context(), 200, text)
    assert isinstance(played.outcome, Halt)
    assert problem in played.outcome.reason
    assert played.errors == ["answer_invalid"]


def test_an_answer_that_is_no_object_needs_a_place(make_context: MakeContext) -> None:
    outcome = answered(fetch(), make_context(), 200, "[1]").outcome
    assert outcome == Halt("the server's answer is no JSON object, and the step has no response_path to put it")


@pytest.mark.parametrize("status", [202, 301, 400, 401, 404, 409, 422, 429])
def test_any_other_answer_ends_the_run_without_another_try(status: int, make_context: MakeContext) -> None:
    played = answered(fetch(), make_context(), status, "{}")
    assert played.outcome == Halt(f"the server answered {status}, after 1 try")
    assert played.errors == ["fetched"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"status": 500}, "the server answered 500"),
        ({"status": 503}, "the server answered 503"),
        ({"status": 0, "error": "timed out", "is_timeout": True}, "timed out"),
    ],
)
def test_what_may_pass_is_asked_again_after_30_and_60_seconds(
    reply: dict[str, Any], said: str, make_context: MakeContext, now: datetime
) -> None:
    first = answered(fetch(), make_context(), **reply).outcome
    until = now + timedelta(seconds=30)
    assert first == Pause(until, f"{said}; asking again at {until.isoformat()}", {"tried": 1})
    second = answered(fetch(), make_context(memory={"tried": 1}, paused_until=now), **reply).outcome
    assert isinstance(second, Pause)
    assert (second.until, second.memory) == (now + timedelta(seconds=60), {"tried": 2})
    third = answered(fetch(), make_context(memory={"tried": 2}, paused_until=now), **reply).outcome
    assert third == Halt(f"{said}, after 3 tries")


def test_an_address_that_is_none_ends_the_run_at_once(make_context: MakeContext) -> None:
    played = answered(fetch(), make_context(), 0, error="no such scheme")
    assert played.outcome == Halt("no such scheme, after 1 try")


def test_the_log_shows_neither_the_address_nor_headers_nor_the_answer(
    make_context: MakeContext, make_scope: MakeScope
) -> None:
    context = make_context(scope=make_scope(vars={"token": "s3cret"}))
    step = fetch(url="https://api.test/{{ vars.token }}", headers=(("A", "{{ vars.token }}"),))
    played = answered(step, context, 200, json.dumps({"token": "s3cret"}))
    assert played.detail("fetched") == {"method": "GET", "status": 200, "bytes": 19, "error": None}
