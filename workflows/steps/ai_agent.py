"""The step that prompts a language model (contract: workflow-schema §3.10, semantics §9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from workflows.effects import AskModel, ModelReply, Record
from workflows.model import AgentStep
from workflows.outcomes import Continue, Halt, Pause, StepOutcome, Steps
from workflows.rendered_json import parse_json, render_text
from workflows.scope import StepContext
from workflows.steps import handles
from workflows.trigger_data import data_validator, first_problem

RETRIES = 3
RETRY_DELAY = 5
"""Seconds before the second try; doubles."""


@handles(AgentStep)
def ai_agent(step: AgentStep, context: StepContext) -> Steps:
    """The answer is found at `data.<ref>.text`, or its fields at `data.<ref>` when JSON is asked for.

    An error or an answer of the wrong shape is asked again, a refusal is not.
    """
    prompt = yield from render_text(step.prompt, context, f"{step.ref}/request_prompt")
    reply: ModelReply = yield AskModel(step.model, prompt, step.response_schema, step.searches_web)
    answer, problem = _read(step, reply)
    tried = int(context.memory.get("tried", 0)) + 1
    seen = {"model": step.model, "prompt_chars": len(prompt), "answer_chars": len(reply.text), "error": problem or None}
    yield Record("model_asked", seen, error=bool(problem))
    if not problem:
        return Continue(f"{step.model} answered", data={**context.scope.data, step.ref: answer})
    return _failed(step, context, problem, tried, is_final=reply.is_final)


def _failed(step: AgentStep, context: StepContext, problem: str, tried: int, *, is_final: bool) -> StepOutcome:
    if not is_final and tried <= RETRIES:
        until = context.now + timedelta(seconds=RETRY_DELAY * 2 ** (tried - 1))
        return Pause(until, f"{problem}; asking again at {until.isoformat()}", {"tried": tried})
    return Halt(problem) if step.halts_on_error else Continue(f"without an answer: {problem}")


def _read(step: AgentStep, reply: ModelReply) -> tuple[dict[str, Any], str]:
    """What the model has answered, and what is wrong with it."""
    if reply.error:
        return {}, reply.error
    if not step.answers_json:
        return {"text": reply.text}, ""
    try:
        answer = parse_json(reply.text)
    except ValueError as error:
        return {}, f"the model's answer is no JSON: {error}"
    if not isinstance(answer, dict):
        return {}, "the model's answer is no JSON object"
    if step.response_schema is None:
        return answer, ""
    problem = first_problem(data_validator(step.response_schema), answer)
    return answer, f"the model's answer does not follow its schema: {problem}" if problem else ""
