from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.workflows.playing import play
from workflows.effects import AskModel, ModelReply
from workflows.model import AgentStep
from workflows.outcomes import Continue, Halt, Pause
from workflows.scope import Scope, StepContext

MakeContext = Callable[..., StepContext]
MakeScope = Callable[..., Scope]

SCHEMA = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}


def agent(**fields: Any) -> AgentStep:
    return AgentStep(
        **{"ref": "agent_1", "type": "ai_agent", "model": "openai:m", "prompt": "Say {{ data.word }}", **fields}
    )


def test_a_text_is_found_under_the_steps_reference(make_context: MakeContext, make_scope: MakeScope) -> None:
    played = play(agent(), make_context(scope=make_scope(data={"word": "hi"})), {AskModel: ModelReply("hello")})
    assert played.only(AskModel) == AskModel("openai:m", "Say hi")
    assert played.outcome == Continue("openai:m answered", {"word": "hi", "agent_1": {"text": "hello"}})


def test_json_is_found_by_its_fields(make_context: MakeContext) -> None:
    step = agent(answers_json=True, response_schema=SCHEMA, searches_web=True)
    played = play(step, make_context(), {AskModel: ModelReply('{"mood": "good"}')})
    assert played.only(AskModel) == AskModel("openai:m", "Say", SCHEMA, searches_web=True)
    assert played.outcome == Continue("openai:m answered", {"agent_1": {"mood": "good"}})


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("hello", "the model's answer is no JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[1]", "the model's answer is no JSON object"),
        ('{"mood": "\\u0000"}', "the model's answer is no JSON: a text in it holds NUL"),
        ("{}", "the model's answer does not follow its schema: data: 'mood' is a required property"),
        ('{"mood": 1}', "the model's answer does not follow its schema: data.mood: 1 is not one of ['good', 'bad']"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_asked_again(
    answer: str, problem: str, make_context: MakeContext, now: datetime
) -> None:
    step = agent(answers_json=True, response_schema=SCHEMA)
    played = play(step, make_context(), {AskModel: ModelReply(answer)})
    until = now + timedelta(seconds=5)
    assert played.outcome == Pause(until, f"{problem}; asking again at {until.isoformat()}", {"tried": 1})
    assert played.errors == ["model_asked"]


def test_a_schema_fetches_nothing_from_elsewhere(make_context: MakeContext) -> None:
    step = agent(answers_json=True, response_schema={"$ref": "https://schemas.test/a.json"})
    played = play(step, make_context(memory={"tried": 3}), {AskModel: ModelReply("{}")})
    assert isinstance(played.outcome, Halt)
    assert "refers to `https://schemas.test/a.json`" in played.outcome.reason


def test_an_error_is_asked_again_three_times_with_a_doubling_pause(make_context: MakeContext, now: datetime) -> None:
    outcomes = [
        play(agent(), make_context(memory={"tried": tried}), {AskModel: ModelReply(error="busy")}).outcome
        for tried in range(4)
    ]
    pauses = [outcome.until - now for outcome in outcomes if isinstance(outcome, Pause)]
    assert [pause.seconds for pause in pauses] == [5, 10, 20]
    assert outcomes[3] == Halt("busy")


@pytest.mark.parametrize(
    ("halts", "outcome"), [(True, Halt("refused")), (False, Continue("without an answer: refused"))]
)
def test_a_refusal_is_not_asked_again(halts: bool, outcome: Any, make_context: MakeContext) -> None:
    refused = {AskModel: ModelReply(error="refused", is_final=True)}
    assert play(agent(halts_on_error=halts), make_context(), refused).outcome == outcome


def test_neither_the_prompt_nor_the_answer_is_logged(make_context: MakeContext, make_scope: MakeScope) -> None:
    context = make_context(scope=make_scope(data={"word": "s3cret"}))
    played = play(agent(), context, {AskModel: ModelReply("s3cret")})
    assert played.detail("model_asked") == {"model": "openai:m", "prompt_chars": 10, "answer_chars": 6, "error": None}
